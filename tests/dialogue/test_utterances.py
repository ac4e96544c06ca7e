"""A hundred messages a language, with slots given by hand; the even ones are kept apart from making the parser."""

from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import pytest
import yaml

from cuvee.dialogue.state import State
from cuvee.dialogue.understanding import understand
from tests.dialogue.catalogues import SHOWN
from tests.dialogue.conftest import words_of
from tests.dialogue.slots import Agreement, agreement

LEAST = 0.85


def utterances(language: str) -> list[dict[str, Any]]:
    text = (Path(__file__).parent / f"utterances_{language}.yaml").read_text(encoding="utf-8")
    found: list[dict[str, Any]] = yaml.safe_load(text)
    return found


def agreed(given: dict[str, Any]) -> Agreement:
    words = words_of(given["at"])
    return agreement(understand(given["say"], State(shown=words.facts.items[:SHOWN]), words), given["slots"])


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("first", [0, 1], ids=["seen", "held-out"])
def test_slots(language: str, first: int) -> None:
    given = utterances(language)
    assert len({u["say"] for u in given}) == 100
    whole = reduce(add, map(agreed, given[first::2]))
    assert whole.right + whole.missed >= 80
    assert whole.f1 >= LEAST, whole


def test_agreement_by_hand() -> None:
    """Of two given slots one is found, with one that was not given: F1 = 2 / (2 + 1 + 1)."""
    acts = understand("a comedy, no horror", State(), words_of("films"))
    assert agreement(acts, ["genres=Comedy", "genres!=War"]) == Agreement(1, 1, 1)
    assert agreement(acts, ["genres=Comedy", "genres!=War"]).f1 == pytest.approx(0.5)
    assert agreement(acts, ["genres=Comedy", "genres!=Horror"]) == Agreement(2, 0, 0)
