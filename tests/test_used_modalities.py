"""What a described component uses."""

from typing import Any

import pytest

from cuvee.used_modalities import used


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
