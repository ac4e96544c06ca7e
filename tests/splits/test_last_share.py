"""The last share of each user, against a plain reading of the log."""

import numpy as np
import pytest
from hypothesis import assume, given, settings

from cuvee.errors import ConfigError
from cuvee.splits.last_share import LastShare
from cuvee.types import Dataset
from tests.splits.parts import liked_since, logs, wanted


@pytest.mark.parametrize(("valid", "test"), [(0.1, 0.1), (0.2, 0.5)])
@settings(max_examples=30, deadline=None)
@given(data=logs())
def test_the_last_of_each_user(valid: float, test: float, data: Dataset) -> None:
    """Rounded down, one from three on, nobody with fewer."""
    since = liked_since(data)
    chosen, tested = set(), set()
    for user in range(len(data.users)):
        mine = sorted((pair for pair in since if pair[0] == user), key=lambda pair: since[pair])
        if len(mine) >= 3:
            last, before = (max(1, int(share * len(mine))) for share in (test, valid))
            tested |= set(mine[-last:])
            chosen |= set(mine[-last - before : -last])
    assume(tested)
    cut = LastShare(valid, test).split(data, np.random.default_rng(0))
    assert wanted(cut.valid) == chosen
    assert wanted(cut.tests["test"]) == tested


def test_shares_leave_something_to_learn_from() -> None:
    with pytest.raises(ConfigError, match="sum to less than 1"):
        LastShare(0.5, 0.5)
