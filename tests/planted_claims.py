"""Explanations with one error each, planted by hand, beside right ones; the films are made up."""

from collections.abc import Sequence
from pathlib import Path

from cuvee.types import Reason

__all__ = ["CATALOGUE", "EVIDENCE", "PLANTED", "RIGHT", "reasons"]

CATALOGUE = (
    "Blue Harbour (1999)",
    "Long Road, The (2003)",
    "Long Road Home, The (2011)",
    "Night Train to Ulm (1991)",
    "Winter's Tale, A (1987)",
    "Winter (2004)",
    "Red Sky (2010)",
    "Red Sky II: The Storm (2014)",
    "Gardener, The (2008)",
    "Seven Bridges (1995)",
    "Heat Wave (1978)",
    "It Came by Sea (1956)",
    "Lantern (2016)",
    "Mirrors (2001)",
)
"""Titles of all films."""

TEXT, BOTH, PEOPLE, POPULAR = "alike by text", "alike by text and image", "chosen by people with this taste", "popular"
QUOTE = "a quiet film that stays with you"


def reasons(past: Sequence[str], shares: Sequence[tuple[str, float]], quote: str = "") -> list[Reason]:
    """Return reasons as the explainers give them."""
    found = [Reason("views", share, f"{100 * share:.0f} % {part}", {"part": part}) for part, share in shares]
    found += [Reason("history", 1.0, f"because of {t}", {"title": t, "item_id": "7"}) for t in past]
    return found + ([Reason("reviews", 0.5, f"readers say “{quote}”", {"quote": quote})] if quote else [])


EVIDENCE = {
    "harbour": ("Blue Harbour (1999)", reasons(["Long Road, The (2003)"], [(BOTH, 0.71), (PEOPLE, 0.22)])),
    "train": ("Night Train to Ulm (1991)", reasons(["Winter's Tale, A (1987)"], [(PEOPLE, 0.58), (POPULAR, 0.31)])),
    "sky": ("Red Sky (2010)", reasons(["Gardener, The (2008)"], [(TEXT, 0.9)])),
    "bridges": ("Seven Bridges (1995)", reasons([], [(POPULAR, 1.0)])),
    "sea": ("It Came by Sea (1956)", reasons(["Lantern (2016)"], [(BOTH, 0.52), (TEXT, 0.4)], QUOTE)),
}
"""Name -> title of the film shown, and its reasons."""

_TEXTS = [line.split("\t") for line in Path(__file__).with_suffix(".tsv").read_text(encoding="utf-8").splitlines()[1:]]
RIGHT = tuple((key, text) for verdict, key, text in _TEXTS if verdict == "right")
"""Key of EVIDENCE, and a text that says only what it holds."""
PLANTED = tuple((key, text) for verdict, key, text in _TEXTS if verdict == "wrong")
"""Key of EVIDENCE, and a text with one error."""
