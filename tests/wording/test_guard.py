"""The guard: what it lets pass is in the facts. The errors are those that the checker of the benchmark has to find."""

import pytest

from cuvee.wording.facts import Facts, facts_of, plain_sentence
from cuvee.wording.guard import refusal
from tests.planted_claims import EVIDENCE, PLANTED, RIGHT

FACTS = {key: facts_of(shown, reasons) for key, (shown, reasons) in EVIDENCE.items()}
HARBOUR = FACTS["harbour"]
BEGINNING = "Since you chose The Long Road (2003), we suggest Blue Harbour (1999)"
BOTH = f"{BEGINNING}; 71 % is down to likeness in text and image and 22 % to people with your taste."


@pytest.mark.parametrize(("key", "text"), PLANTED)
def test_refuses_what_the_facts_do_not_hold(key: str, text: str) -> None:
    assert refusal(text, FACTS[key])


def test_passes_most_of_what_is_right() -> None:
    """The template's own words are none of a model's; of the others one has a quote in it and one tells no share."""
    refused = {text: why for key, text in RIGHT if (why := refusal(text, FACTS[key]))}
    assert sorted(refused.values()) == [
        "not one sentence, or two",
        "the largest share is not told",
        "the template's own words",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (BOTH, ""),
        (BOTH.replace("; 71", "; and 71"), ""),
        (BOTH.replace("is down to", "comes from").replace("% to", "%"), ""),
        (BOTH[:-1], "not one sentence, or two"),
        (BOTH[0].lower() + BOTH[1:], "not one sentence, or two"),
        (f"{BOTH} So it is. You chose it.", "not one sentence, or two"),
        (BOTH.replace(";", "!"), "the sign '!'"),
        (BOTH.replace("; 71 %", "; a good 71 %"), "the word 'good'"),
        (BOTH.replace("; 71 %", "; 71 people, 71 %"), "the word '71'"),
        (BOTH.replace("we suggest", "We suggest"), "the name 'We'"),
        (BOTH.replace("we suggest", "we we suggest"), "'we we'"),
        (BOTH.replace("suggest Blue Harbour (1999)", "suggest it"), "a name is missing or told twice"),
        (BOTH.replace("; 71", ", as you chose The Long Road (2003); 71"), "a name is missing or told twice"),
        (BOTH.replace("71 %", "22 %"), "a number that is not the share of its noun"),
        (BOTH.replace("71 %", "this"), "a number without its noun, or a noun without its number"),
        (f"{BEGINNING}; 22 % is down to people with your taste.", "the largest share is not told"),
        (
            f"{BEGINNING}; 71 % is down to likeness in text and image and people with your taste to 22 %.",
            "numbers and nouns do not take turns",
        ),
        (
            f"{BEGINNING}; 71 % is, as you have it, likeness in text and image.",
            "something between a number and its noun",
        ),
        (BOTH.replace(" and 22 %", " 22 %"), "two shares that run into one another"),
        (plain_sentence(HARBOUR).replace(": 71 %", ": 71 %"), "the template's own words"),
        (plain_sentence(HARBOUR).replace("comes", "is"), "the template's own words"),
        (
            "You may enjoy Blue Harbour (1999), so have a look at The Long Road (2003).",
            "a past item in the place of the one shown",
        ),
        (
            "You chose The Long Road (2003), so you chose Blue Harbour (1999).",
            "the item shown in the place of a past one",
        ),
    ],
)
def test_says_why(text: str, why: str) -> None:
    assert refusal(text, HARBOUR) == why


def test_a_very_long_sentence_is_refused() -> None:
    assert refusal(BOTH.replace("; 71", f"; {'so that it is as it was, ' * 20}71"), HARBOUR) == "too long"


def test_names_that_hold_one_another() -> None:
    """The longer is looked for first, so that it is not read as the shorter and something beside it."""
    facts = Facts("Red Sky", ("Red Sky II", "Red"), (("popularity", 60),))
    text = "Since you chose Red Sky II and Red, we suggest Red Sky, as 60 % comes from popularity."
    assert refusal(text, facts) == ""
    assert refusal(text.replace("Red Sky, as", "Red, as"), facts)
    assert refusal(text.replace(" and Red,", ","), facts)
