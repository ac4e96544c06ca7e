"""A language model at both ends: what it may say, and that nothing comes of what it may not."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from cuvee.dialogue.acts import Constrain, Feel, Prefer, Tell, Wish
from cuvee.dialogue.spoken import heard, refusal_of, schema_of
from cuvee.dialogue.state import Constraint, Lean, State
from cuvee.dialogue.understanding import Words
from cuvee.generation.completions import Completion
from cuvee.types import Message
from tests.dialogue.conftest import talk_of
from tests.scripted_language_model import Scripted


@dataclass(frozen=True)
class Two:
    """Answers with a form where a schema is given, and with words where none is."""

    form: str | None
    words: str | None
    fingerprint: str = "two"

    def complete(self, messages: Sequence[Message], *, schema: object = None, stop: Sequence[str] = ()) -> Completion:
        text = self.words if schema is None else self.form
        return Scripted(lambda _: text).complete(messages, stop=stop)

    def complete_many(
        self, conversations: Sequence[Sequence[Message]], *, schema: object = None, stop: Sequence[str] = ()
    ) -> Sequence[Completion]:
        return [self.complete(messages, schema=schema, stop=stop) for messages in conversations]


FORM = {
    "wants": [{"column": "genres", "value": "comedies"}, {"column": "genres", "value": "Steampunk"}],
    "refuses": [{"column": "genres", "value": "Horror"}, {"column": "genres", "value": "Ska"}],
    "at_most": [{"column": "runtime", "number": 100}, {"column": "height", "number": 3}],
    "like": ["iron harbor", "2", "The Godmother of All Films"],
    "dislike": ["77"],
    "more": ["silly"],
    "about": "a rainy harbour town",
    "command": "",
}


def test_only_what_is_in_the_catalogue_counts(films: Words) -> None:
    acts = heard("x", State(shown=("f05", "f06")), films, Two(json.dumps(FORM), None))
    assert acts == (
        Constrain(Constraint("any", (("genres", "Comedy"),)), single=False),
        Constrain(Constraint("none", (("genres", "Horror"),)), single=False),
        Constrain(Constraint("<=", column="runtime", bound=100.0)),
        Feel("f01", 1),
        Feel("f06", 1),
        Prefer(Lean("silly", 1)),
        Wish("a rainy harbour town Steampunk The Godmother of All Films"),
    )


@pytest.mark.parametrize("form", [None, "", "[]", "{", "{}", '{"command": "rm -rf", "wants": 3}'.replace("3", "[3]")])
def test_rules_read_where_the_model_does_not(form: str | None, films: Words) -> None:
    assert heard("a comedy", State(), films, Two(form, None)) is None
    talk = replace(talk_of("films"), model=Two(form, None))
    assert talk.turn(State(), "a comedy") == talk_of("films").turn(State(), "a comedy")


def test_commands(films: Words) -> None:
    assert heard("x", State(), films, Two('{"command": "undo"}', None)) == (Tell("undo"),)


REPLY = "Comedy. 3 fit: Which language: English, French, or another?"


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("I found 3 that are a comedy. Should it be English, French, or another language?", ""),
        ("I found 4 that are a comedy.", "number"),
        ("I found some comedies.", "number"),
        ("I found 3, such as Crimson Static.", "Crimson"),
        ("I found 3, and paper moons is the best.", "paper moons"),
        ("I found 3, all by Steven Spielberg.", "Steven"),
        ("I found 3 “gems”.", "gems"),
        ("找到了 3 部喜剧。", "language"),
        ("", "empty"),
        ("I found 3. " * 40, "long"),
    ],
)
def test_what_a_model_may_say(text: str, refused: str, films: Words) -> None:
    found = refusal_of(text, REPLY, ("f05", "f11"), films)
    assert refused in found if refused else not found


def test_a_turn_in_its_words() -> None:
    """The same items either way; a reply that names another film is not shown."""
    plain = talk_of("films").turn(State(), "a comedy")
    good = f"Here is what I have: {plain.reply}"
    assert replace(talk_of("films"), model=Two(None, good)).turn(State(), "a comedy") == replace(plain, reply=good)
    bad = f"{plain.reply} And do not miss Crimson Static!"
    assert replace(talk_of("films"), model=Two(None, bad)).turn(State(), "a comedy") == plain


def test_schema(films: Words) -> None:
    schema = schema_of(films.facts)
    assert set(schema["required"]) == set(schema["properties"])
    assert schema["properties"]["wants"]["items"]["properties"]["column"]["enum"] == list(films.facts.tags)
