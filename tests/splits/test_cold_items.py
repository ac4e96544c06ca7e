"""Items that training never met."""

from dataclasses import replace
from typing import Literal

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings

from cuvee.errors import ConfigError, DataError
from cuvee.splits.cold_items import ColdItems
from cuvee.types import Dataset, Split
from tests.splits.parts import held_out, liked_since, log, logs, pairs, wanted


def split(data: Dataset, splitter: ColdItems, seed: int = 0) -> Split:
    return splitter.split(data, np.random.default_rng(seed))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=logs())
def test_new_items_are_in_one_part(data: Dataset) -> None:
    """All that is liked of them is asked for, what is disliked of them is nowhere, and nothing is said of them."""
    liked = liked_since(data)
    try:
        cut = split(data, ColdItems(0.2, 0.3, 0.3))
    except DataError:
        assume(False)
    n = len({item for _, item in liked})
    new_valid = {item for _, item in wanted(cut.valid)}
    new_test = {item for _, item in wanted(cut.tests["test_cold_among_all"])}
    assert (len(new_valid), len(new_test)) == (max(1, int(0.2 * n)), max(1, int(0.3 * n)))
    assert not new_valid & new_test
    assert wanted(cut.valid) == {pair for pair in liked if pair[1] in new_valid}
    assert wanted(cut.tests["test_cold_among_all"]) == {pair for pair in liked if pair[1] in new_test}
    assert wanted(cut.tests["test_cold_among_cold"]) == wanted(cut.tests["test_cold_among_all"])
    assert not {item for _, item in pairs(cut.train)} & (new_valid | new_test)
    assert not {item for _, item in wanted(cut.tests["test_warm"])} & (new_valid | new_test)
    assert cut.train.reviews is not None
    assert not set(cut.train.reviews["item_id"]) & {f"i{row}" for row in new_valid | new_test}
    among = cut.tests["test_cold_among_cold"].candidates
    assert among is not None
    assert set(np.flatnonzero(among)) == new_test
    assert cut.tests["test_cold_among_all"].candidates is None
    assert cut.tests["test_warm"].candidates is None


@pytest.mark.parametrize("choose_on", ["warm", "cold_among_cold", "cold_among_all"])
def test_choices_are_made_where_they_are_asked_for(
    choose_on: Literal["warm", "cold_among_cold", "cold_among_all"], world: Dataset
) -> None:
    """The parts do not depend on it."""
    usual = split(world, ColdItems())
    cut = split(world, ColdItems(choose_on=choose_on))
    assert pairs(cut.train) == pairs(usual.train)
    met = {item for _, item in pairs(cut.train)}
    assert (
        {item for _, item in wanted(cut.valid)} <= met
        if choose_on == "warm"
        else not met & {item for _, item in wanted(cut.valid)}
    )
    assert (cut.valid.candidates is None) == (choose_on != "cold_among_cold")


def test_words_of_strangers_about_new_items_go(world: Dataset) -> None:
    told = pl.DataFrame({"user_id": ["x"] * 23, "item_id": list(world.items), "text": [f"on {i}" for i in world.items]})
    cut = split(replace(world, reviews=told), ColdItems())
    new = {item for _, item in held_out(cut)} - {item for _, item in pairs(cut.train)}
    assert cut.train.reviews is not None
    assert set(told["item_id"]) - set(cut.train.reviews["item_id"]) == {world.items[row] for row in new}


def test_too_few_items() -> None:
    with pytest.raises(DataError, match="2 items are liked, too few"):
        split(log([(u, u % 2, u + 1, 0) for u in range(6)]), ColdItems())
    with pytest.raises(ConfigError, match=r"warm must be above 0 and below 0\.5, got 0\.5"):
        ColdItems(warm=0.5)
