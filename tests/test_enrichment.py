"""Descriptions by a scripted model: what is asked, what is kept, and that nothing is asked twice."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cuvee import enrichment
from cuvee.enrichment import ATTRIBUTES, DESCRIPTION, enrich
from cuvee.types import Message
from tests.scripted_language_model import Scripted


def scribe(asked: list[str], name: str = "scribe") -> Scripted:
    """Answer with the text's first word; of `mute` nothing, of `mumble` no JSON."""

    def answer(messages: Sequence[Message]) -> str | None:
        text = messages[-1].text
        asked.append(text)
        if text.startswith(("mute", "mumble")):
            return None if text.startswith("mute") else '{"description": "hm'
        return json.dumps(
            {"description": f" a {text.split()[0]} ", "attributes": [" Of", "of", "red", text.split()[-1].title()]}
        )

    return Scripted(answer, name, takes_schema=True)


TEXTS = ["coat of wool", "", "mute swan", "hat of felt", "coat of wool", "mumble"]


def test_by_hand(tmp_path: Path) -> None:
    """`red` is in none of the texts."""
    asked = list[str]()
    found = enrich(TEXTS, scribe(asked), tmp_path)
    assert found[DESCRIPTION].to_list() == ["a coat", None, None, "a hat", "a coat", None]
    assert found[ATTRIBUTES].to_list() == [["of", "wool"], None, None, ["of", "felt"], ["of", "wool"], None]
    assert sorted(asked) == ["coat of wool", "hat of felt", "mumble", "mute swan"]


def test_attributes_are_extracted(tmp_path: Path) -> None:
    """Every word must stand in the text, or begin like one that does."""
    told = ["Dark-blue coats", "warm coat", "wool", "blu", "", "!"]
    answer = json.dumps({"description": "a coat", "attributes": told})
    found = enrich(["A dark blue coating of wool"], Scripted(lambda _: answer, takes_schema=True), tmp_path)
    assert found[ATTRIBUTES].to_list() == [["wool"]]
    told[0] = "Dark-blue coatings"
    answer = json.dumps({"description": "a coat", "attributes": told})
    found = enrich(["Dark blue coating of wool"], Scripted(lambda _: answer, takes_schema=True), tmp_path)
    assert found[ATTRIBUTES].to_list() == [["dark-blue coatings", "wool"]]


def test_nothing_is_asked_twice(tmp_path: Path) -> None:
    """Neither answers nor the lack of one; another model has answers of its own."""
    asked = list[str]()
    first = enrich(TEXTS, scribe(asked), tmp_path)
    asked.clear()
    again = enrich([*TEXTS, "shoe"], scribe(asked), tmp_path)
    assert again[: len(TEXTS)].equals(first)
    assert asked == ["shoe"]
    enrich(["shoe"], scribe(asked, "another"), tmp_path)
    assert asked == ["shoe", "shoe"]


def test_goes_on_where_it_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed in the third batch of one, its last line cut short: two answers are kept, and the rest asked for."""
    monkeypatch.setattr(enrichment, "_BATCH", 1)
    asked = list[str]()

    def killed(messages: Sequence[Message]) -> str | None:
        if len(asked) == 2:
            raise KeyboardInterrupt
        return scribe(asked).answer(messages)

    texts = ["a one", "b two", "c three", "d four"]
    with pytest.raises(KeyboardInterrupt):
        enrich(texts, Scripted(killed, "scribe", takes_schema=True), tmp_path)
    (path,) = tmp_path.iterdir()
    with path.open("a") as file:
        file.write('{"key": "12')
    asked.clear()
    found = enrich(texts, scribe(asked), tmp_path)
    assert asked == ["c three", "d four"]
    assert found[DESCRIPTION].to_list() == ["a a", "a b", "a c", "a d"]
    assert enrich(texts, scribe(asked), tmp_path).equals(found)
    assert len(asked) == 2


def test_only_the_beginning_is_read(tmp_path: Path) -> None:
    asked = list[str]()
    found = enrich(["x" * 500 + "y", "x" * 500 + "z"], scribe(asked), tmp_path)
    assert asked == ["x" * 400]
    assert found[DESCRIPTION].n_unique() == 1


def test_the_schema_is_what_is_kept(tmp_path: Path) -> None:
    """The model is asked in the schema's own words, and its example keeps to the schema."""
    import jsonschema

    seen: list[Any] = []

    def answer(messages: Sequence[Message]) -> str:
        seen.extend(messages)
        return messages[2].text

    found = enrich(["A city; dark, blue"], Scripted(answer, takes_schema=True), tmp_path)
    for example in seen[2:-1:2]:
        jsonschema.validate(json.loads(example.text), enrichment._SCHEMA)
    assert found[ATTRIBUTES].to_list() == [["dark blue", "city"]]
    assert [m.role for m in seen] == ["system", *["user", "assistant"] * 2, "user"]
