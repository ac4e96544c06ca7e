"""What may be told, and how a template tells it."""

import pytest

from cuvee.types import Reason
from cuvee.wording.facts import Facts, facts_of, plain_sentence, readable


def view(part: str, share: float) -> Reason:
    return Reason("views", share, f"{100 * share:.0f} % {part}", {"part": part})


def test_by_hand() -> None:
    """The two largest shares of a tenth or more; what is no fact we know stands in its own words."""
    reasons = [
        view("popular", 0.11),
        view("alike by text and image and sound", 0.624),
        view("chosen by people with this taste", 0.26),
        Reason("history", 2.5, "because of Long Road, The (2003)", {"title": "Long Road, The (2003)", "item_id": "7"}),
        Reason("reviews", 0.1, "readers praise “the ending”", {"quote": "the ending"}),
        Reason("views", 0.005, "", {"part": "new here"}),
    ]
    facts = facts_of("Winter's Tale, A (1987)", reasons)
    assert facts == Facts(
        "A Winter's Tale (1987)",
        ("The Long Road (2003)",),
        (("likeness in text, image and sound", 62), ("people with your taste", 26)),
        ("Readers praise “the ending”.",),
    )
    assert plain_sentence(facts) == (
        "A Winter's Tale (1987) is recommended because of The Long Road (2003): "
        "62 % comes from likeness in text, image and sound, 26 % from people with your taste."
    )


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (Facts("Red Sky"), "Red Sky is recommended."),
        (Facts("Red Sky", ("A", "B", "C")), "Red Sky is recommended because of A, B and C."),
        (Facts("Red Sky", (), (("popularity", 100),)), "Red Sky is recommended: 100 % comes from popularity."),
    ],
)
def test_with_less_to_tell(facts: Facts, told: str) -> None:
    assert plain_sentence(facts) == told


@pytest.mark.parametrize(
    ("title", "read"),
    [
        ("Matrix, The (1999)", "The Matrix (1999)"),
        (
            "Amelie (Fabuleux destin d'Amélie Poulain, Le) (2001)",
            "Amelie (Fabuleux destin d'Amélie Poulain, Le) (2001)",
        ),
        ("Lamp, An", "An Lamp"),
        ("Paris, Texas (1984)", "Paris, Texas (1984)"),
        ("The Long Road", "The Long Road"),
        ("红色外套", "红色外套"),
    ],
)
def test_an_article_comes_first(title: str, read: str) -> None:
    assert readable(title) == read


def test_small_shares_are_not_told() -> None:
    """A tenth is; what is below it is not, however few there are."""
    told = facts_of("Red Sky", [view("popular", 0.099), view("chosen by people with this taste", 0.1)])
    assert told.shares == (("people with your taste", 10),)


def test_a_part_without_a_noun_is_told_as_it_is() -> None:
    assert facts_of("Red Sky", [Reason("views", 0.4, "40 % of a kind", {"part": "of a kind"})]).rest == (
        "40 % of a kind.",
    )
