"""Free text by words."""

import math

import polars as pl
import pytest

from cuvee.dialogue.facts import facts_of
from cuvee.dialogue.texts import build_word_index
from tests.dialogue.conftest import data_of


def test_bm25_by_hand() -> None:
    """Three texts of 2, 3 and 1 words; `red` stands twice in the second and once in the first."""
    table = pl.DataFrame({"item_id": ["a", "b", "c"], "title": ["red hat", "red red shoe", "mug"]})
    index = build_word_index(table, facts_of(data_of(table)))
    rarity = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5))

    def weight(count: int, length: int) -> float:
        return rarity * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * length / 2))

    assert index.score("Red things").tolist() == pytest.approx([weight(1, 2), weight(2, 3), 0.0], rel=1e-5)
    assert index.shared("red shoes", 1) == ["red", "shoe"]
    assert index.shared("red shoes", 0) == ["red"]


def test_chinese_counts_in_pairs_of_signs() -> None:
    table = pl.DataFrame({"item_id": ["a", "b"], "title": ["露营帐篷", "营养早餐"]})
    index = build_word_index(table, facts_of(data_of(table)))
    scores = index.score("适合露营")
    assert scores[0] > 0
    assert scores[1] == 0
