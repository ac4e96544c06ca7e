"""What holds for every split that Cuvee makes itself: nothing that is held out can be reached from training."""

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings

from cuvee import registry
from cuvee.errors import DataError
from cuvee.holdouts import targets
from cuvee.protocols import Splitter
from cuvee.types import Dataset, Split
from tests.splits.parts import Pair, held_out, liked_since, log, logs, pairs, wanted

SPECS: dict[str, dict[str, Any]] = {
    "random": {"valid": 0.2, "test": 0.2},
    "leave_last": {"targets": ["buy"]},
    "last_share": {"valid": 0.2, "test": 0.3},
    "by_time": {"valid_from": 14, "test_from": 19},
    "cold_items": {"valid": 0.2, "test": 0.3, "warm": 0.3},
    "cold_users": {"valid": 0.2, "test": 0.3, "known": 0.4},
    "last_judged": {"valid": 0.2, "test": 0.3},
}
NAMES = sorted(set(registry.names("splits")) - {"given"})
LATEST = ("leave_last", "last_share")


def splitter(name: str) -> Splitter:
    found: Splitter = registry.build("splits", {name: SPECS[name]})
    return found


def cut(name: str, data: Dataset, seed: int = 0) -> Split:
    try:
        return splitter(name).split(data, np.random.default_rng(seed))
    except DataError:
        assume(False)
        raise


def plant(data: Dataset, held: set[Pair]) -> Dataset:
    """Return the data with a secret event beside the first of every held-out pair, and a secret review of it."""
    e = data.events
    since = liked_since(data)
    extra = np.array([since[pair][1] for pair in sorted(held)], np.int64)
    order = np.argsort(np.concatenate([e.time, e.time[extra]]), kind="stable")
    secret = np.full(len(extra), e.kinds.index("secret"), np.int8)
    both = replace(e.take(np.concatenate([np.arange(len(e)), extra])), kind=np.concatenate([e.kind, secret])).take(
        order
    )
    told = [(f"u{u}", f"i{i}", "secret", since[u, i][0]) for u, i in sorted(held)]
    reviews = pl.DataFrame(told, schema=["user_id", "item_id", "text", "timestamp"], orient="row")
    assert data.reviews is not None
    return replace(data, events=both, reviews=pl.concat([data.reviews, reviews]))


def test_none_is_forgotten() -> None:
    assert sorted(SPECS) == NAMES


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=logs())
def test_a_pair_is_in_one_part(name: str, data: Dataset) -> None:
    split = cut(name, data)
    test = set().union(*(wanted(held) for held in split.tests.values()))
    assert not wanted(split.valid) & test
    assert not pairs(split.train) & held_out(split)
    assert held_out(split) <= set(liked_since(data))
    assert pairs(split.train) | held_out(split) <= pairs(data)
    assert split.everything is data
    assert (split.train.users, split.train.items) == (data.users, data.items)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=logs())
def test_planted_leaks_are_not_found(name: str, data: Dataset) -> None:
    """Neither as an event, nor in what is counted of a user or an item, nor in a text."""
    before = cut(name, data)
    planted = plant(data, held_out(before))
    split = cut(name, planted)
    assert held_out(split) == held_out(before)
    events = split.train.events
    assert events.kinds[-1] == "secret"
    assert not (events.kind == len(events.kinds) - 1).any()
    np.testing.assert_array_equal(split.train.popularity, before.train.popularity)
    np.testing.assert_array_equal(split.train.matrix.toarray(), before.train.matrix.toarray())
    assert split.train.reviews is not None
    assert "secret" not in split.train.reviews["text"]
    told = set(split.train.reviews["text"].to_list())
    assert not told & {f"u{u} on i{i}" for u, i in held_out(split)}
    for held in (split.valid, *split.tests.values()):
        assert not (held.queries.history_kind == events.kinds.index("secret")).any()
        assert not held.queries.seen.multiply(held.truth).nnz


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides(name: str) -> None:
    rng = np.random.default_rng(5)
    data = log([(u, i, t, 0) for u, i, t in zip(*rng.integers(1, [[9], [8], [26]], (3, 90)), strict=True)])
    first, again = cut(name, data, 3), cut(name, data, 3)
    assert held_out(first) == held_out(again)
    assert wanted(first.valid) == wanted(again.valid)
    others = [held_out(cut(name, data, seed)) for seed in range(4, 9)]
    drawn = name in ("random", "cold_items", "cold_users")
    assert any(other != held_out(first) for other in others) == drawn


@pytest.mark.parametrize("name", LATEST)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=logs())
def test_a_users_time_is_respected(name: str, data: Dataset) -> None:
    split = cut(name, data)
    since = liked_since(data, tuple(SPECS[name].get("targets", ())))
    assert split.train.reviews is not None
    valid, test = wanted(split.valid), wanted(split.tests["test"])
    for user in {u for u, _ in valid}:
        starts = min(since[pair] for pair in valid if pair[0] == user)
        assert max(since[pair] for pair in valid if pair[0] == user) < min(since[p] for p in test if p[0] == user)
        assert split.train.events.time[split.train.events.user == user].max() <= starts[0]
        told = split.train.reviews.filter(pl.col("user_id") == f"u{user}")
        assert (told["timestamp"] <= starts[0]).all()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_to_hold_out(name: str) -> None:
    """The message says what is missing."""
    single = log([(u, u % 8, 3 * u + 1, 0) for u in range(9)])
    disliked = log([(u, i, u + i + 1, 1) for u in range(9) for i in range(8)])
    with pytest.raises(DataError, match=r"liked|too few|kinds"):
        splitter(name).split(disliked, np.random.default_rng(0))
    if name not in ("by_time", "cold_items"):
        with pytest.raises(DataError, match=r"liked items|two items|three judged"):
            splitter(name).split(single, np.random.default_rng(0))


@pytest.mark.parametrize("name", NAMES)
def test_without_times(name: str) -> None:
    """What needs times says so; the others do without."""
    data = log([(u, i, 0, 0) for u in range(9) for i in range(8) if (u + i) % 3])
    if name in (*LATEST, "by_time", "last_judged"):
        with pytest.raises(DataError, match="no times"):
            splitter(name).split(data, np.random.default_rng(0))
    else:
        assert held_out(cut(name, data))


@pytest.mark.parametrize("name", [n for n in NAMES if n != "last_judged"])
def test_targets_limit_what_is_held_out(name: str) -> None:
    rng = np.random.default_rng(2)
    rows = zip(*rng.integers(1, [[9], [8], [26]], (3, 200)), rng.choice([0, 2], 200), strict=True)
    data = log(rows)
    found = registry.build("splits", {name: SPECS[name] | {"targets": ["buy"]}}).split(data, np.random.default_rng(0))
    buys = targets(data, ("buy",))
    assert held_out(found) <= set(zip(buys[0].tolist(), buys[1].tolist(), strict=True))
    with pytest.raises(DataError, match="no event of the kind 'bye'"):
        registry.build("splits", {name: SPECS[name] | {"targets": ["bye"]}}).split(data, np.random.default_rng(0))
