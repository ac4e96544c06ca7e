"""Random splits: what goes where, pair by pair."""

from collections import defaultdict
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from cuvee.errors import ConfigError, DataError
from cuvee.splits.random import Random
from cuvee.types import Dataset, Holdout, Split
from tests.conftest import make_world

Pairs = set[tuple[int, int]]


def split(data: Dataset, splitter: Random | None = None, seed: int = 0) -> Split:
    return (splitter or Random()).split(data, np.random.default_rng(seed))


def wanted(held: Holdout) -> Pairs:
    rows, items = held.truth.nonzero()
    return set(zip(held.users[rows].tolist(), items.tolist(), strict=True))


def pairs(data: Dataset) -> Pairs:
    return set(zip(data.events.user.tolist(), data.events.item.tolist(), strict=True))


def liked(data: Dataset) -> Pairs:
    user, item = data.liked.nonzero()
    return set(zip(user.tolist(), item.tolist(), strict=True))


def by_user(found: Pairs) -> dict[int, int]:
    counts: dict[int, int] = defaultdict(int)
    for user, _ in found:
        counts[user] += 1
    return counts


@pytest.mark.parametrize(("valid", "test"), [(0.1, 0.1), (0.25, 0.4)])
@pytest.mark.parametrize("seed", range(3))
def test_each_user_gives_a_share(valid: float, test: float, seed: int) -> None:
    """Rounded down, at least one from three on; nothing is in two parts; only what is liked is held out."""
    data = make_world(seed)
    cut = split(data, Random(valid, test), seed)
    v, t, everything = wanted(cut.valid), wanted(cut.tests["test"]), by_user(liked(data))
    for user, count in everything.items():
        assert by_user(v)[user] == (max(1, int(valid * count)) if count >= 3 else 0)
        assert by_user(t)[user] == (max(1, int(test * count)) if count >= 3 else 0)
    assert not v & t
    assert pairs(cut.train) == pairs(data) - v - t
    assert v | t <= liked(data)
    assert min(everything.values()) < 3 <= max(everything.values())


def test_every_event_of_a_pair_goes_with_it(world: Dataset) -> None:
    """Training keeps all events of a pair or none, in order; questions are asked from training alone."""
    cut = split(world)
    held = wanted(cut.valid) | wanted(cut.tests["test"])
    kept = [(u, i) not in held for u, i in zip(world.events.user.tolist(), world.events.item.tolist(), strict=True)]
    assert cut.train.events.time.tolist() == world.events.time[np.array(kept)].tolist()
    assert sum(kept) < len(kept) - len(held)
    for holdout in (cut.valid, *cut.tests.values()):
        np.testing.assert_array_equal(holdout.queries.seen.toarray(), cut.train.matrix[holdout.users].toarray())
        assert not (holdout.queries.seen.toarray() * holdout.truth.toarray()).any()
    assert cut.everything is world


def test_reviews_of_held_out_pairs_are_gone(world: Dataset) -> None:
    """A review of what is to be foretold would tell the answer."""
    both = sorted(pairs(world))
    reviews = pl.DataFrame(
        {"user_id": [world.users[u] for u, _ in both], "item_id": [world.items[i] for _, i in both], "text": "good"}
    )
    cut = split(replace(world, reviews=reviews))
    assert cut.train.reviews is not None
    left = set(cut.train.reviews.select("user_id", "item_id").rows())
    assert left == {(world.users[u], world.items[i]) for u, i in pairs(cut.train)}
    assert cut.everything.reviews is reviews


def test_only_targets_are_held_out() -> None:
    """Views alone stay in training although they are liked a little."""
    world = make_world()
    e = world.events
    only_view = (e.user < 9) & (e.kind == 0)
    data = replace(world, events=e.take(~only_view))
    cut = split(data, Random(targets=("buy",)))
    bought = {
        (u, i) for u, i, k in zip(e.user.tolist(), e.item.tolist(), e.kind.tolist(), strict=True) if k == 0 and u >= 9
    }
    assert wanted(cut.valid) <= bought
    assert min(u for u, _ in wanted(split(data).valid)) < 9
    with pytest.raises(DataError, match="no event of the kind 'bye'; the data has buy, dislike, view"):
        split(data, Random(targets=("bye",)))


def test_the_seed_decides(world: Dataset) -> None:
    same, again, other = (wanted(split(world, seed=seed).valid) for seed in (1, 1, 2))
    assert same == again != other


def test_nothing_to_hold_out(world: Dataset) -> None:
    with pytest.raises(DataError, match="three liked items"):
        split(replace(world, events=world.events.take(world.events.weight < 0)))


@pytest.mark.parametrize(("valid", "test"), [(0.0, 0.1), (0.1, -0.1), (0.5, 0.5)])
def test_shares_leave_something_to_learn_from(valid: float, test: float) -> None:
    with pytest.raises(ConfigError, match="sum to less than 1"):
        Random(valid, test)
