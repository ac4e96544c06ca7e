"""What a described component uses."""

import inspect
from typing import Any

import pytest

from cuvee.models.blend import Blend
from cuvee.models.friends import Friends
from cuvee.models.item_knn import ItemKnn
from cuvee.models.tuned import Tuned
from cuvee.registry import describe, find, names, parameters
from cuvee.used_modalities import reads_friends, used


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"l2": 3}, {}),
        ({"on": {"text": 1, "image": 0.3}}, {"text": 1.0, "image": 0.3}),
        ({"on": ["text", "image"]}, {"text": 1.0, "image": 1.0}),
        ({"dim": 8, "fusion": {"concat": {"on": ["audio"], "weights": {"audio": 0.2}}}}, {"audio": 1.0}),
        ({"on": None}, {}),
    ],
)
def test_by_hand(values: dict[str, Any], expected: dict[str, float]) -> None:
    assert used(values) == expected


def test_friends_are_found_wherever_they_are_nested() -> None:
    assert reads_friends(describe(Friends()))
    assert reads_friends(describe(Blend((ItemKnn(), Tuned(Friends(), {"degree": (0.0, 0.5)})))))
    assert not reads_friends(describe(Blend((ItemKnn(),))))
    assert not reads_friends("popular")


@pytest.mark.parametrize("name", names("models"))
def test_whatever_asks_for_friends_says_so_by_its_circles(name: str) -> None:
    model = find("models", name)
    source = inspect.getsource(inspect.getmodule(model))  # type: ignore[arg-type]
    assert ("queries.friends" in source) == ("circles" in parameters(model))
