"""What a user has touched is not shown again."""

from dataclasses import replace

import numpy as np
import pytest

from cuvee import queries
from cuvee.errors import ConfigError, UnknownNameError
from cuvee.filters.unseen import Unseen
from cuvee.queries import queries_of
from cuvee.types import Dataset


@pytest.mark.parametrize("limit", [200, 2])
def test_whatever_the_kind(limit: int, world: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dislikes and views too, and what is no longer in a history that was cut."""
    monkeypatch.setattr(queries, "HISTORY_LIMIT", limit)
    allowed = Unseen().prepare(world)(queries_of(world, np.arange(37, dtype=np.int32)))
    touched = set(zip(world.events.user.tolist(), world.events.item.tolist(), strict=True))
    for user in range(37):
        assert [i for i in range(23) if not allowed[user, i]] == sorted(i for u, i in touched if u == user)


def test_even_what_weighs_nothing(world: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event of weight 0 is a touch, also when the history is cut; nothing of it is liked."""
    monkeypatch.setattr(queries, "HISTORY_LIMIT", 2)
    silent = replace(world, events=replace(world.events, weight=np.zeros_like(world.events.weight)))
    asked = queries_of(silent, np.array([4], np.int32))
    assert asked.liked.nnz == 0
    np.testing.assert_array_equal(
        Unseen().prepare(silent)(asked), Unseen().prepare(world)(queries_of(world, np.array([4], np.int32)))
    )


def _brute(world: Dataset, user: int, kinds: set[str], since: float) -> list[int]:
    e = world.events
    rows = zip(e.user.tolist(), e.item.tolist(), e.time.tolist(), e.kind.tolist(), strict=True)
    return sorted({i for u, i, t, k in rows if u == user and e.kinds[k] in kinds and (t >= since or t == 0)})


@pytest.mark.parametrize("now", [0, 1000])
@pytest.mark.parametrize("seconds", [None, 300])
@pytest.mark.parametrize("kinds", [(), ("buy",), ("dislike", "view")])
def test_only_kinds_and_times_that_count(kinds: tuple[str, ...], seconds: int | None, now: int, world: Dataset) -> None:
    """Compared event by event; `now` is the user's newest event where it is not given."""
    users = np.arange(37, dtype=np.int32)
    unseen = Unseen(kinds, None if seconds is None else seconds / 86_400)
    allowed = unseen.prepare(world)(queries_of(world, users, now=now))
    for user in users.tolist():
        newest = max(world.events.time[world.events.user == user].tolist(), default=0)
        since = -np.inf if seconds is None else (now or newest) - seconds
        hidden = np.flatnonzero(~allowed[user]).tolist()
        assert hidden == _brute(world, user, set(kinds or world.events.kinds), since)


def test_a_cut_history_never_shows_what_counts(world: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was bought before the cut stays hidden; where the window lies within what is kept, the answer is exact."""
    users = np.arange(35, dtype=np.int32)
    full = Unseen(("buy",), 30 / 86_400).prepare(world)(queries_of(world, users))
    monkeypatch.setattr(queries, "HISTORY_LIMIT", 3)
    cut = queries_of(world, users)
    ever = Unseen(("buy",)).prepare(world)(cut)
    for user in users.tolist():
        assert not ever[user, _brute(world, user, {"buy"}, -np.inf)].any()
    near = Unseen(("buy",), 30 / 86_400).prepare(world)(cut)
    assert not (near & ~full).any()
    exact = (cut.history_time[:, 0] < cut.history_time.max(axis=1) - 30) & (cut.history_time[:, 0] > 0)
    assert exact.any()
    np.testing.assert_array_equal(near[exact], full[exact])


def test_wrong_parameters(world: Dataset) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'buy'"):
        Unseen(("buyy",)).prepare(world)
    with pytest.raises(ConfigError, match="within_days must be above 0"):
        Unseen(within_days=0)
