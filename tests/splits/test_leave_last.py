"""The last k of each user, against a plain reading of the log."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuvee.errors import ConfigError, DataError
from cuvee.splits.leave_last import LeaveLast
from cuvee.types import Dataset, Split
from tests.splits.parts import liked_since, log, logs, pairs, wanted

BUY, DISLIKE, VIEW = 0, 1, 2


def split(data: Dataset, splitter: LeaveLast | None = None) -> Split:
    return (splitter or LeaveLast()).split(data, np.random.default_rng(0))


@settings(max_examples=40, deadline=None)
@given(data=logs(), k=st.integers(1, 3))
def test_the_last_of_each_user(data: Dataset, k: int) -> None:
    since = liked_since(data)
    valid, test = set(), set()
    for user in range(len(data.users)):
        mine = sorted((pair for pair in since if pair[0] == user), key=lambda pair: since[pair])
        if len(mine) > 2 * k:
            test |= set(mine[-k:])
            valid |= set(mine[-2 * k : -k])
    if not test:
        with pytest.raises(DataError, match=f"no user has {2 * k + 1} liked items"):
            split(data, LeaveLast(k))
        return
    cut = split(data, LeaveLast(k))
    assert wanted(cut.valid) == valid
    assert wanted(cut.tests["test"]) == test


def test_by_hand() -> None:
    """User 0 likes 3, 1, 4, 2 in this order; the view of 4 at 2 goes with the purchase, what comes after 4 is gone."""
    zero = [(0, 3, 1, BUY), (0, 4, 2, VIEW), (0, 1, 3, BUY), (0, 4, 5, BUY), (0, 3, 6, BUY), (0, 2, 7, BUY)]
    zero += [(0, 5, 4, DISLIKE), (0, 6, 8, DISLIKE)]
    data = log([*zero, (1, 2, 9, BUY), (1, 3, 10, BUY)])
    cut = split(data, LeaveLast(targets=("buy",)))
    assert wanted(cut.valid) == {(0, 4)}
    assert wanted(cut.tests["test"]) == {(0, 2)}
    e = cut.train.events
    assert list(zip(e.user, e.item, e.time, strict=True)) == [(0, 3, 1), (0, 1, 3), (0, 5, 4), (1, 2, 9), (1, 3, 10)]
    assert cut.tests["test"].queries.history.tolist() == [[3, 1, 5]]
    assert pairs(cut.everything) == pairs(data)


def test_k_is_at_least_one() -> None:
    with pytest.raises(ConfigError, match="at least 1, got 0"):
        LeaveLast(0)
