"""The checker of explanations, which knows nothing of the guard, finds what was planted and passes what is right."""

import ast
import json
from pathlib import Path

import claims
import pytest
from claims import index, unsupported

from tests.planted_claims import CATALOGUE, EVIDENCE, PLANTED, RIGHT

INDEX = index(CATALOGUE)
ROOT = Path(__file__).parents[1]


def found(key: str, text: str) -> list[str]:
    shown, reasons = EVIDENCE[key]
    return unsupported(text, shown, reasons, INDEX)


def test_fifty_different_errors_are_planted() -> None:
    assert len({text for _, text in PLANTED}) == len(PLANTED) == 50
    assert not {text for _, text in PLANTED} & {text for _, text in RIGHT}


@pytest.mark.parametrize(("key", "text"), PLANTED)
def test_a_planted_error_is_found(key: str, text: str) -> None:
    assert found(key, text)


@pytest.mark.parametrize(("key", "text"), RIGHT)
def test_what_the_evidence_holds_passes(key: str, text: str) -> None:
    assert found(key, text) == []


def test_of_one_error_it_tells_what_it_is() -> None:
    """So that it does not catch the planted ones by being against everything."""
    harbour = "Since you chose {} (2003), we suggest Blue Harbour (1999); {} % comes from likeness in text and image."
    assert found("harbour", harbour.format("The Long Road", 70)) == ["number 70 % of image text"]
    assert found("harbour", harbour.format("Mirrors (2001) and The Long Road", 71)) == ["title 'Mirrors ( 2001 )'"]


def test_it_shares_nothing_with_the_guard() -> None:
    tree = ast.parse(Path(claims.__file__).read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert modules == {"collections.abc", "dataclasses", "cuvee.types"}


def test_what_was_measured_keeps_the_bar_and_is_what_the_page_says() -> None:
    """500 explanations on real data: none with an unsupported claim, half and more in the model's words."""
    told = json.loads((ROOT / "benchmarks" / "results" / "wording.json").read_text(encoding="utf-8"))
    assert told["texts"] == 500
    assert told["with_an_unsupported_claim"] == 0
    assert told["by_the_model"] >= told["texts"] / 2
    page = " ".join((ROOT / "docs" / "language-models.md").read_text(encoding="utf-8").split())
    assert f"**{told['by_the_model']} of {told['texts']}** are in the model's words" in page
    assert f"**{told['with_an_unsupported_claim']}** say anything that the evidence does not hold" in page
