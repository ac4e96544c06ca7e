"""Questions about uneven histories."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from cuvee import queries
from cuvee.errors import UnknownNameError
from cuvee.queries import asking, holdout, keep_events, one_each, queries_at, queries_of, session, with_features
from cuvee.types import PAD, Dataset


def test_histories_event_by_event(world: Dataset) -> None:
    """Each history is the user's events in order, PAD-filled to the longest; those without events are all PAD."""
    users = np.array([36, 4, 0, 35, 17], np.int32)
    asked = queries_of(world, users, now=77)
    e = world.events
    longest = max(int((e.user == u).sum()) for u in users)
    for q, user in enumerate(users):
        mine = np.flatnonzero(e.user == user)
        rest = longest - len(mine)
        assert asked.history[q].tolist() == [*e.item[mine].tolist(), *[PAD] * rest]
        assert asked.history_time[q].tolist() == [*e.time[mine].tolist(), *[0] * rest]
        assert asked.history_kind[q].tolist() == [*e.kind[mine].tolist(), *[0] * rest]
        np.testing.assert_array_equal(asked.seen[[q]].toarray(), world.matrix[[user]].toarray())
    assert asked.now == 77
    assert len(asked) == 5


def test_a_long_history_keeps_the_newest(world: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "HISTORY_LIMIT", 4)
    asked = queries_of(world, np.arange(37, dtype=np.int32))
    assert asked.history.shape == (37, 4)
    e = world.events
    for user in range(37):
        assert asked.history[user][asked.history[user] != PAD].tolist() == e.item[e.user == user][-4:].tolist()
    assert asked.seen.nnz == world.matrix.nnz


def test_nobody_and_nothing(world: Dataset) -> None:
    """No queries, and a data set without events, keep their shapes."""
    assert queries_of(world, np.zeros(0, np.int32)).seen.shape == (0, 23)
    silent = replace(world, events=world.events.take(np.zeros(0, np.int32)))
    asked = queries_of(silent, np.array([1, 2], np.int32))
    assert asked.seen.shape == (2, 23)
    assert asked.history.shape == (2, 0)


def test_session_of_ids(world: Dataset) -> None:
    """A repeated item is two steps of the history and one entry of weight 1."""
    asked = session(world, ["i07", "i02", "i07"])
    assert asked.history.tolist() == [[7, 2, 7]]
    assert asked.seen.toarray()[0].tolist() == [float(i in (2, 7)) for i in range(23)]
    assert session(world, []).seen.shape == (1, 23)
    with pytest.raises(UnknownNameError, match=r"unknown item 'i7'; did you mean 'i.7'"):
        session(world, ["i01", "i7"])


def test_one_each_is_a_query_a_row() -> None:
    asked = one_each(5, np.array([[1, 3], [4, 4], [0, 2]], np.int32))
    np.testing.assert_array_equal(asked.seen.toarray(), [[0, 1, 0, 1, 0], [0, 0, 0, 0, 1], [1, 0, 1, 0, 0]])


def test_holdout_asks_each_user_once(world: Dataset) -> None:
    """Users in the order of their rows; a pair named twice is wanted once."""
    held = holdout(world, (np.array([8, 2, 8, 8], np.int32), np.array([3, 22, 5, 3], np.int32)))
    assert held.users.tolist() == [2, 8]
    assert [np.flatnonzero(row).tolist() for row in held.truth.toarray()] == [[22], [3, 5]]
    assert held.truth.data.tolist() == [1, 1, 1]
    np.testing.assert_array_equal(held.queries.seen.toarray(), world.matrix[[2, 8]].toarray())
    np.testing.assert_array_equal(held.take(np.array([1])).queries.seen.toarray(), world.matrix[[8]].toarray())


def test_profiles_arrive_after_the_split(world: Dataset) -> None:
    bare = replace(world, features={})
    held = holdout(bare, (np.array([8, 1], np.int32), np.array([3, 4], np.int32)))
    assert held.queries.features == {}
    profile = with_features(held, world).queries.features["profile"]
    np.testing.assert_array_equal(profile.vectors, world.features["user", "profile"].vectors[[1, 8]])


def test_reviews_of_lost_pairs_go(world: Dataset) -> None:
    """A pair that keeps one of its events keeps its review; reviews of pairs without events, or unknown ids, stay."""
    e = world.events
    first, second = (int(e.user[0]), int(e.item[0])), (int(e.user[1]), int(e.item[1]))
    names = [(world.users[u], world.items[i]) for u, i in (first, second)]
    never = ("u36", "i22")
    rows = [(*pair, f"text {n}") for n, pair in enumerate([never, names[1], names[0], ("?", "?"), names[0]])]
    data = replace(world, reviews=pl.DataFrame(rows, schema=["user_id", "item_id", "text"], orient="row"))
    gone = (e.user == first[0]) & (e.item == first[1])
    partly = (e.user == second[0]) & (e.item == second[1]) & (np.cumsum(e.user == second[0]) > 1)
    assert gone.any()
    kept = keep_events(data, ~gone & ~partly)
    assert len(kept.events) == len(e) - (gone | partly).sum()
    assert kept.reviews is not None
    assert kept.reviews["text"].to_list() == ["text 0", "text 1", "text 3"]
    none = keep_events(data, np.zeros(len(e), bool))
    assert none.reviews is not None
    assert none.reviews["text"].to_list() == ["text 0", "text 3"]


def test_asking_some(world: Dataset) -> None:
    """The questions of some users are those they have among the questions of all; the seed says who."""
    pairs = (np.array([4, 4, 9, 30, 2, 17], np.int32), np.array([3, 5, 3, 0, 22, 8], np.int32))
    whole = holdout(world, pairs)
    with asking(3, seed=0):
        some = holdout(world, pairs)
    with asking(3, seed=1):
        others = holdout(world, pairs)
    assert len(some.users) == len(others.users) == 3
    assert some.users.tolist() != others.users.tolist()
    rows = np.searchsorted(whole.users, some.users)
    assert whole.users[rows].tolist() == some.users.tolist()
    np.testing.assert_array_equal(some.truth.toarray(), whole.truth[rows].toarray())
    for q, row in enumerate(rows):
        steps = whole.queries.history[row][whole.queries.history[row] != PAD]
        assert some.queries.history[q][some.queries.history[q] != PAD].tolist() == steps.tolist()


@pytest.mark.parametrize("users", [None, 5, 6])
def test_asking_all(users: int | None, world: Dataset) -> None:
    pairs = (np.array([4, 4, 9, 30, 2, 17], np.int32), np.array([3, 5, 3, 0, 22, 8], np.int32))
    with asking(users, seed=0):
        assert holdout(world, pairs).users.tolist() == [2, 4, 9, 17, 30]
    assert len(holdout(world, pairs).users) == 5


def test_what_could_have_been_asked_before_by_brute_force(world: Dataset) -> None:
    """Strictly before each moment, event by event; a pair weighs as its strongest event, the latest of equals."""
    events = world.events
    rng = np.random.default_rng(0)
    users = rng.integers(0, 37, 60).astype(np.int32)
    times = rng.choice(events.time, 60) + rng.integers(0, 2, 60)
    found = queries_at(world, users, times, limit=5)
    assert found.users is users
    for row, (user, time) in enumerate(zip(users, times, strict=True)):
        there = np.flatnonzero((events.user == user) & (events.time < time))
        newest = there[-5:]
        assert found.history[row][found.history[row] != PAD].tolist() == events.item[newest].tolist()
        assert found.history_time[row, : len(newest)].tolist() == events.time[newest].tolist()
        strongest: dict[int, float] = {}
        for event in there:
            item, weight = int(events.item[event]), float(events.weight[event])
            if item not in strongest or abs(weight) >= abs(strongest[item]):
                strongest[item] = weight
        assert dict(zip(found.seen[row].indices.tolist(), found.seen[row].data.tolist(), strict=True)) == strongest
    whole = queries_at(world, users, np.full(60, 10**9), limit=200)
    same = queries_of(world, users)
    np.testing.assert_array_equal(whole.seen.toarray(), same.seen.toarray())
    np.testing.assert_array_equal(whole.history, same.history)
