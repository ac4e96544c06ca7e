"""Weights of kinds: by hand, against scipy's optimiser, on made-up choosers, and against the demo shop's own truth."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from scipy import optimize

from cuvee.demo import write_shop
from cuvee.errors import DataError, UnknownNameError
from cuvee.event_weights import _logit, learned, readers_weights, reweighted, weigh
from cuvee.protocols import Splitter
from cuvee.queries import queries_of
from cuvee.readers.folder import Folder
from cuvee.splits.cold_users import ColdUsers
from cuvee.splits.leave_last import LeaveLast
from cuvee.splits.random import Random
from cuvee.types import Dataset, Events, Split

Odds = tuple[float, float, float]

SPLITS = (Random(), LeaveLast(), ColdUsers(valid=0.2, test=0.2))


def data_of(rows: list[tuple[int, int, int, int, float]], kinds: tuple[str, ...]) -> Dataset:
    """Return the data set of rows (user, item, time, kind, weight)."""
    user, item, time, kind, weight = zip(*rows, strict=True)
    users = tuple(f"u{n}" for n in range(max(user) + 1))
    items = tuple(f"i{n}" for n in range(max(item) + 1))
    events = Events(
        np.array(user, np.int32),
        np.array(item, np.int32),
        np.array(time, np.int64),
        np.array(weight, np.float32),
        np.array(kind, np.int8),
        kinds,
    )
    return Dataset(users, items, events, pl.DataFrame({"item_id": items}), pl.DataFrame({"user_id": users}))


def split_of(data: Dataset) -> Split:
    return LeaveLast(targets=("buy",)).split(data, np.random.default_rng(0))


SMALL = data_of(
    # u0 views i0 and buys it, is lukewarm (weighs half) about i1, dislikes i2; then come validation and test
    [
        (0, 0, 1, 0, 0.2),
        (0, 0, 2, 1, 1.0),
        (0, 1, 3, 1, 0.5),
        (0, 2, 4, 2, -1.0),
        (0, 3, 5, 0, 0.2),
        (0, 4, 6, 1, 1.0),
        (0, 5, 7, 1, 1.0),
    ],
    ("view", "buy", "dislike"),
)


def test_reweighted_by_hand() -> None:
    split = split_of(SMALL)
    np.testing.assert_allclose(split.train.matrix.toarray(), [[1.0, 0.5, -1, 0.2, 0, 0]])
    new = reweighted(split, {"view": -0.4, "buy": 0.8})
    wanted = [[0.8, 0.4, -1.0, -0.4, 0, 0]]  # a half of 0.8; the dislike keeps the reader's
    np.testing.assert_allclose(new.train.matrix.toarray(), wanted)
    np.testing.assert_allclose(new.valid.queries.seen.toarray(), wanted)
    np.testing.assert_allclose(new.everything.events.weight, [-0.4, 0.8, 0.4, -1.0, -0.4, 0.8, 0.8])
    np.testing.assert_allclose(split.train.matrix.toarray(), [[1.0, 0.5, -1, 0.2, 0, 0]])  # the old one is as it was


def test_a_kind_that_weighed_nothing_can_be_given_a_weight() -> None:
    silent = replace(SMALL, events=replace(SMALL.events, weight=np.array([0, 1, 1, -1, 0, 1, 1], np.float32)))
    new = reweighted(split_of(silent), {"view": 0.3})
    np.testing.assert_allclose(new.train.matrix.toarray(), [[1, 1, -1, 0.3, 0, 0]])


def test_weights_that_cannot_be(world: Dataset) -> None:
    split = Random().split(world, np.random.default_rng(0))
    with pytest.raises(UnknownNameError, match=r"'by'.*buy"):
        reweighted(split, {"by": 1.0})
    with pytest.raises(DataError, match="nothing is liked"):
        reweighted(split, dict.fromkeys(world.events.kinds, -1.0))


@pytest.mark.parametrize("splitter", SPLITS, ids=lambda s: type(s).__name__)
def test_the_same_is_held_out_and_seen_is_the_new_matrix(world: Dataset, splitter: Splitter) -> None:
    split = splitter.split(world, np.random.default_rng(0))
    weights = {"view": 0.9, "buy": 0.3}
    new = reweighted(split, weights)
    given = readers_weights(world.events) | weights
    for old, held in ((split.valid, new.valid), *((split.tests[n], new.tests[n]) for n in split.tests)):
        assert abs(old.truth - held.truth).nnz == 0
        np.testing.assert_array_equal(old.queries.history, held.queries.history)
        assert old.queries.seen.nnz == held.queries.seen.nnz
        for q in range(len(held.users)):  # brute force over the events of the ordered history
            history = zip(held.queries.history[q], held.queries.history_kind[q], strict=True)
            best: dict[int, float] = {}
            for item, kind in ((i, k) for i, k in history if i >= 0):
                weight = given[world.events.kinds[kind]]
                best[item] = weight if abs(weight) >= abs(best.get(item, 0.0)) else best[item]
            row = held.queries.seen[q].tocoo()
            assert dict(zip(row.col.tolist(), row.data.tolist(), strict=True)) == pytest.approx(best)


def test_the_readers_own_weights_change_nothing(world: Dataset) -> None:
    split = Random().split(world, np.random.default_rng(0))
    same = reweighted(split, readers_weights(world.events))
    np.testing.assert_array_equal(same.train.events.weight, split.train.events.weight)
    assert abs(same.valid.queries.seen - split.valid.queries.seen).nnz == 0


def test_the_logit_against_another_optimiser() -> None:
    """The negative log likelihood with its penalty, minimised by BFGS from its own formula."""
    rng = np.random.default_rng(5)
    draws = rng.gamma(2.0, size=(60, 7, 3)) * [1.0, 5.0, 0.2]
    on_offer = rng.random((60, 7)) < 0.8
    on_offer[:, 0] = True
    spread = np.sqrt((draws**2).mean(axis=(0, 1)))

    def loss(w: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> float:
        told = 0.0
        for row, free in zip(draws / spread, on_offer, strict=True):
            told -= row[0] @ w - np.log(np.exp(row[free] @ w).sum())
        return float(told + 0.5 * (w**2).sum())

    best = optimize.minimize(loss, np.zeros(3), method="BFGS", options={"gtol": 1e-8}).x
    np.testing.assert_allclose(_logit(draws, on_offer), best / spread, rtol=1e-4, atol=1e-6)


def choosers(rng: np.random.Generator, own: Odds = (0.2, 0.6, 0.2), other: Odds = (0.2, 0.2, 0.6)) -> Dataset:
    """Two tastes: `love` is three times as likely on the own one, `hate` on the other, `glance` falls anywhere."""
    rows = []
    for user in range(2000):
        for time, item in enumerate(rng.permutation(60)[:25]):
            kind = int(rng.choice(3, p=own if (item < 30) == (user % 2 == 0) else other))
            rows.append((user, int(item), time + 1, kind, (1.0, 1.0, 0.0)[kind]))
    return data_of(rows, ("glance", "love", "hate"))


@pytest.mark.parametrize("seed", range(3))
def test_kinds_that_are_known_by_construction(seed: int) -> None:
    """The odds are 3, 1/3 and 1, and their logarithms 1, -1 and 0 of the first; the reader says 1, 0 and 1."""
    rng = np.random.default_rng(seed)
    split = Random(targets=("love",)).split(choosers(rng), rng)
    found = learned(split, rng)
    assert found["love"] == 1
    assert found["hate"] == pytest.approx(-1, abs=0.35)
    assert found["glance"] == pytest.approx(0, abs=0.35)


@pytest.mark.parametrize("seed", range(3))
def test_kinds_that_mean_nothing_keep_the_readers_weights(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    """Everything falls anywhere: whatever fits the accidents best is no better than what was read."""
    rng = np.random.default_rng(seed)
    split = Random(targets=("love",)).split(choosers(rng, (0.2, 0.4, 0.4), (0.2, 0.4, 0.4)), rng)
    assert learned(split, rng) == {"glance": 1, "love": 1, "hate": 0}
    assert "stay" in caplog.text


def test_what_is_learned_does_not_depend_on_the_test() -> None:
    rng = np.random.default_rng(0)
    split = Random(targets=("love",)).split(choosers(rng), rng)
    held = split.tests["test"]
    other = replace(split, tests={"test": replace(held, truth=held.truth[::-1])})
    assert learned(split, np.random.default_rng(1)) == learned(other, np.random.default_rng(1))


def test_too_little_keeps_the_readers_weights(world: Dataset, caplog: pytest.LogCaptureFixture) -> None:
    split = Random().split(world, np.random.default_rng(0))
    assert len(split.valid.truth.data) < 100
    assert learned(split, np.random.default_rng(0)) == readers_weights(world.events)
    assert "too few to learn" in caplog.text


def test_what_is_told(world: Dataset) -> None:
    split = Random().split(world, np.random.default_rng(0))
    found = weigh(split, {"view": 0.25, "buy": 0.5}, np.random.default_rng(0))
    assert str(found).startswith("events: buy 0.5, view 0.25, dislike -1 (as the recipe says; NDCG@20 of likeness")
    assert found.facts()["reader"] == readers_weights(world.events)
    assert found.facts()["found"] == "given"
    kept = weigh(split, "learn", np.random.default_rng(0))
    assert "as read, nothing surely better" in str(kept)
    np.testing.assert_allclose(kept.split.train.events.weight, split.train.events.weight, rtol=1e-6)
    assert queries_of(found.split.train, split.valid.users).seen.data.max() == 0.5


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_kinds_is_that_of_the_demo_shop(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At full size, from the reader's weights and from one for all; half of it is too little for buy and like."""
    monkeypatch.setattr("cuvee.demo.write.draw", lambda *_: Image.new("L", (1, 1)))  # pictures play no part
    write_shop(tmp_path / "shop", seed=seed)
    truth = json.loads((tmp_path / "shop" / "truth.json").read_text(encoding="utf-8"))["events"]
    order = sorted(truth, key=lambda kind: -truth[kind]["expected_utility"])
    assert order == ["like", "buy", "cart", "view", "dislike"]
    split = Random(targets=("buy", "like")).split(Folder(tmp_path / "shop").read(), np.random.default_rng(seed))
    for start in (split, reweighted(split, dict.fromkeys(order, 1.0))):
        found = learned(start, np.random.default_rng(seed))
        assert sorted(found, key=lambda kind: -found[kind]) == order
        assert found["like"] == 1
        assert found["view"] < 0.3
        assert found["dislike"] < 0
