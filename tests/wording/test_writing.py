"""Reasons in a model's words: what it is asked, and what becomes of its answer."""

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from claims import index, unsupported

from cuvee import registry
from cuvee.types import Message
from cuvee.wording.facts import Facts, facts_of, plain_sentence
from cuvee.wording.guard import refusal
from cuvee.wording.writing import conversation, named, word
from tests.planted_claims import BOTH, CATALOGUE, PEOPLE, TEXT, reasons
from tests.scripted_language_model import Scripted

FACTS = Facts(
    "Blue Harbour (1999)",
    ("The Long Road (2003)", "Red Sky"),
    (("likeness in text", 71), ("popularity", 22)),
    ("Readers say “quiet”.",),
)
GOOD = "As you chose [B], we suggest [A]: 71 % comes from likeness in text."
TOLD = (
    "As you chose The Long Road (2003) and Red Sky, we suggest Blue Harbour (1999): 71 % comes from likeness in text."
)


def test_what_is_asked() -> None:
    """No name passes through the model; every example is an answer that would be let pass, of other numbers."""
    messages = conversation(FACTS)
    assert [m.role for m in messages] == ["system", *["user", "assistant"] * 3, "user"]
    assert (
        messages[-1].text
        == "[A] is recommended because of [B]: 71 % comes from likeness in text, 22 % from popularity."
    )
    assert not re.search("Harbour|Road|Sky|quiet", " ".join(m.text for m in messages))
    for facts in (FACTS, replace(FACTS, past=()), replace(FACTS, shares=FACTS.shares[:1]), Facts("X", ("Y",))):
        asked = conversation(facts)
        for question, answer in zip(asked[1:-1:2], asked[2:-1:2], strict=True):
            numbers = [int(n) for n in re.findall(r"(\d+) %", question.text)]
            shares = tuple((noun, n) for (noun, _), n in zip(facts.shares, numbers, strict=True))
            told = replace(facts, shares=shares)
            assert plain_sentence(replace(told, item="[A]", past=("[B]",) if facts.past else ())) == question.text
            assert refusal(named(answer.text, told), told) == ""
            assert not set(numbers) & {n for _, n in FACTS.shares}


def test_the_examples_change_places() -> None:
    """Another attempt leans on another example, and not all items begin with the same."""
    last = [[m.text for m in conversation(FACTS, attempt)][-2] for attempt in range(4)]
    assert len(set(last)) == 4
    others = {conversation(replace(FACTS, item=f"Film {n}"))[-2].text for n in range(40)}
    assert others == set(last)


def test_a_good_answer_is_shown_and_the_rest_follows() -> None:
    (told,) = word([FACTS], Scripted(lambda _: f" {GOOD}\nAnd more."))
    assert (told.text, told.by_model, told.refused) == (f"{TOLD} Readers say “quiet”.", True, ())
    assert [usage.completion_tokens for usage in told.usage] == [len(GOOD.split())]


def test_the_second_attempt_counts() -> None:
    answers = iter([GOOD.replace("71", "72"), GOOD])
    (told,) = word([FACTS], Scripted(lambda _: next(answers)))
    assert told.text.startswith(TOLD)
    assert told.refused == ("a number that is not the share of its noun",)
    assert len(told.usage) == 2


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (None, "no answer: nobody is there"),
        ("", "not one sentence, or two"),
        (GOOD.replace("[A]", "Mirrors"), "the word 'Mirrors'"),
        (GOOD.replace("[B]", "[A]").replace("suggest [A]", "suggest [B]"), "the item shown in the place of a past one"),
        ("[A] is recommended because of [B]: 71 % comes from likeness in text.", "the template's own words"),
    ],
)
def test_else_the_template_speaks(answer: str | None, why: str) -> None:
    (told,) = word([FACTS], Scripted(lambda _: answer))
    assert told.text == f"{plain_sentence(FACTS)} Readers say “quiet”."
    assert not told.by_model
    assert told.refused == (why, why)


def test_without_a_model_or_anything_to_word_nobody_is_asked() -> None:
    def fail(_: Sequence[Message]) -> str:
        raise AssertionError("asked")

    bare = Facts("Red Sky", rest=("It is new.",))
    assert [w.text for w in word([bare], Scripted(fail))] == ["Red Sky is recommended. It is new."]
    assert [w.by_model for w in word([FACTS, bare], None)] == [False, False]


def test_each_gets_its_own() -> None:
    """Only what was refused is asked for again, and answers stay with their item."""
    facts = [replace(FACTS, shares=(("likeness in text", n),)) for n in (40, 50, 60)]
    asked = list[str]()

    def answer(messages: Sequence[Message]) -> str:
        asked.append(messages[-1].text)
        number = re.findall(r"(\d+) %", asked[-1])[0]
        return GOOD.replace("71", "51" if number == "50" else number)

    told = word(facts, Scripted(answer))
    assert [w.by_model for w in told] == [True, False, True]
    assert [re.findall(r"(\d+) %", w.text) for w in told] == [["40"], ["50"], ["60"]]
    assert len(asked) == 4


@pytest.mark.weights
def test_a_real_model_says_nothing_that_is_not_there() -> None:
    """Made-up films; the checker of the benchmark reads what is shown. Half and more are the model's words."""
    cases = [
        (CATALOGUE[n], reasons([CATALOGUE[n + 5]], shares))
        for n, shares in enumerate([[(BOTH, 0.7), (PEOPLE, 0.25)], [(TEXT, 0.61)]])
    ]
    model = registry.build("llms", {"local": {"max_tokens": 48}})
    found = word([facts_of(*case) for case in cases], model)
    catalogue = index(CATALOGUE)
    assert [unsupported(w.text, *case, catalogue) for w, case in zip(found, cases, strict=True)] == [[]] * len(cases)
    assert sum(w.by_model for w in found) >= len(found) / 2
    assert all(w.usage for w in found)
