"""The past item that speaks loudest, planted."""

import numpy as np
import pytest

from cuvee.explainers.history import History
from cuvee.models.blend import Blend
from cuvee.models.ease import Ease, EaseModel
from cuvee.models.popular import Popular
from cuvee.queries import session
from cuvee.types import PAD, Dataset, Queries
from tests.explainers.test_views import slate


def planted() -> EaseModel:
    """Item 7 says 2 for item 9, item 3 says .5, item 11 says -1; nothing else says anything."""
    weights = np.zeros((23, 23), np.float32)
    weights[[7, 3, 11], 9] = 2, 0.5, -1
    return EaseModel(weights)


def test_the_loudest_comes_first(world: Dataset) -> None:
    """By title, or by id where there is no title; what speaks against the item is no reason for it."""
    query = session(world, ["i11", "i03", "i07", "i02"])
    one, many = (History(most).explain(planted(), query, slate([[9, 5, PAD]]), world) for most in (1, 5))
    assert [len(place) for place in many[0]] == [2, 0, 0]
    assert [(r.evidence["item_id"], r.weight, r.text) for r in many[0][0]] == [
        ("i07", 2.0, "because of Thing 7"),
        ("i03", 0.5, "because of i03"),
    ]
    assert one[0][0] == many[0][0][:1]
    assert one[0][0][0].kind == "history"


def test_through_a_blend_it_is_still_the_loudest(world: Dataset, everybody: Queries) -> None:
    """A blend of linear views names the item with the largest weighted, standardised contribution."""
    model = Blend((Ease(3), Popular()), shares=(0.0,) * 5).fit(world, None, np.random.default_rng(0))
    ease = Ease(3).fit(world, None, np.random.default_rng(0))
    liked = everybody.liked.toarray()
    shown = np.tile(np.array([[6, 19]], np.int32), (37, 1))
    for user, row in enumerate(History().explain(model, everybody, slate(shown.tolist()), world)):
        for item, reasons in zip((6, 19), row, strict=True):
            said = liked[user] * ease.weights[:, item]
            assert [r.evidence["item_id"] for r in reasons] == ([f"i{said.argmax():02}"] if said.max() > 0 else [])
            if reasons:
                spread = ease.score(everybody.take(slice(user, user + 1))).std()
                assert reasons[0].weight == pytest.approx(0.5 * said.max() / spread, rel=1e-4)


def test_a_model_that_cannot_trace_says_nothing(world: Dataset) -> None:
    model = Popular().fit(world, None, np.random.default_rng(0))
    assert History().explain(model, session(world, ["i01"]), slate([[3, 0]]), world) == [[[], []]]
