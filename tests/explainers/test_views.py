"""Shares of the score, part by part."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from cuvee.explainers.views import Views
from cuvee.models.ease import Ease
from cuvee.types import PAD, Dataset, Floats, Queries, Slate

PARTS = {"m(a) 1": [2, -1, 0, 5], "m(a) 2": [1, -1, 0, 3], "n(b)": [1, -2, 0.01, 0], "n(c, d)": [-5, 0, 9.99, 0]}
A, B, C = "alike by a", "alike by b", "alike by c and d"


@dataclass(frozen=True)
class Told:
    """Parts by hand, the same for every query but the second, whose parts are all turned round."""

    def score(self, queries: Queries) -> Floats:
        return np.asarray(sum(self.parts(queries).values()), np.float32)

    def parts(self, queries: Queries) -> Mapping[str, Floats]:
        sign = np.where(np.arange(len(queries)) == 1, -1, 1)[:, None]
        return {name: (sign * np.array(row)).astype(np.float32) for name, row in PARTS.items()}


def slate(items: list[list[int]]) -> Slate:
    array = np.array(items, np.int32)
    return Slate(array, np.zeros(array.shape, np.float32), np.ones(array.shape, np.float32))


def test_shares_by_hand(world: Dataset, everybody: Queries) -> None:
    """3 and 1 of 4; nothing speaks for item 1; a share of a thousandth is not told; padding has no reasons."""
    reasons = Views().explain(
        Told(), everybody.take(slice(0, 2)), slate([[3, 0, 1, 2, PAD], [1, 0, PAD, PAD, PAD]]), world
    )
    told = [[[(r.evidence["part"], r.weight) for r in place] for place in row] for row in reasons]
    assert told == [
        [[(A, 1)], [(A, 0.75), (B, 0.25)], [], [(C, pytest.approx(0.999))], []],
        [[(A, 0.5), (B, 0.5)], [(C, 1)], [], [], []],
    ]
    assert reasons[0][1][1].text == "25 % alike by b"
    assert reasons[0][1][0].evidence["views"] == "m(a) 1, m(a) 2"
    assert reasons[0][1][1].kind == "views"


def test_at_most_so_many(world: Dataset, everybody: Queries) -> None:
    found = Views(most=1).explain(Told(), everybody.take(slice(0, 1)), slate([[0]]), world)
    assert [r.evidence["part"] for r in found[0][0]] == [A]


def test_a_model_without_parts_says_nothing(world: Dataset, everybody: Queries) -> None:
    model = Ease().fit(world, None, np.random.default_rng(0))
    assert Views().explain(model, everybody.take(slice(0, 1)), slate([[3, 0]]), world) == [[[], []]]
