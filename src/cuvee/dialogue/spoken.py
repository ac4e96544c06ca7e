"""A language model at both ends of a turn, where there is one: it reads messages by JSON schema, and words replies.

What it reads is looked up in the catalogue: a value, a column or an item that is not there becomes free text. What it
words is compared with the template's reply, and in doubt the template speaks. Items are never written by it.
"""

import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cuvee.dialogue.acts import Act, Command, Constrain, Feel, Prefer, Tell, Wish
from cuvee.dialogue.facts import Facts
from cuvee.dialogue.lexicon import Lexicon
from cuvee.dialogue.state import Constraint, Lean, Pair, State
from cuvee.dialogue.titles import Titles
from cuvee.dialogue.tokens import clean, is_chinese, phrase, tokens
from cuvee.dialogue.understanding import Words
from cuvee.errors import LanguageModelError
from cuvee.protocols import LanguageModel
from cuvee.types import Message

__all__ = ["heard", "refusal_of", "schema_of", "worded"]

logger = logging.getLogger(__name__)

_COMMANDS: tuple[Command, ...] = ("undo", "restart", "more", "skip", "yes", "no", "neither")
_LONGER = 120
"""Characters by which a reply may be longer than the template's."""
_READ = (
    "You read what somebody says who looks for an item in a catalogue. Fill the form; leave empty what is not said. "
    "`wants` and `refuses` are values of columns; `like` and `dislike` are titles, or places on the screen such as 2; "
    "`more` and `less` are single adjectives; `about` is any other wish in its own words. Columns: {columns}."
)
_WORD = (
    "Say this again in one or two friendly sentences, in the same language. "
    "Add nothing, leave no number and no name out."
)


def heard(message: str, state: State, words: Words, model: LanguageModel) -> tuple[Act, ...] | None:
    """Return what a model reads in a message; None where it does not answer, or nothing can be made of its answer."""
    facts = words.facts
    columns = ", ".join((*facts.tags, *facts.numbers))
    screen = "; ".join(f"{n}. {facts.titles[facts.rows[i]]}" for n, i in enumerate(state.shown, 1) if i in facts.rows)
    asked = [Message("system", _READ.format(columns=columns))]
    asked += [Message("user", f"On the screen: {screen or 'nothing'}\nThey say: {clean(message)}")]
    try:
        form = json.loads(model.complete(asked, schema=schema_of(facts)).text)
    except (LanguageModelError, ValueError) as error:
        logger.warning("the language model read nothing, the rules do: %s", error)
        return None
    acts = tuple(dict.fromkeys(_acts(form, state, words))) if isinstance(form, dict) else ()
    return acts or None


def schema_of(facts: Facts) -> dict[str, Any]:
    """Return the JSON Schema of the form that a model fills."""

    def pairs(columns: Sequence[str], field: str, kind: str) -> dict[str, Any]:
        fields = {"column": {"enum": list(columns)}, field: {"type": kind}}
        entry = {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
        return {"type": "array", "items": entry, "maxItems": 6}

    texts = {"type": "array", "items": {"type": "string", "maxLength": 60}, "maxItems": 4}
    form: dict[str, Any] = {}
    if facts.tags:
        form |= {name: pairs(tuple(facts.tags), "value", "string") for name in ("wants", "refuses")}
    if facts.numbers:
        form |= {name: pairs(tuple(facts.numbers), "number", "number") for name in ("at_least", "at_most")}
    form |= dict.fromkeys(("like", "dislike", "more", "less"), texts)
    form |= {"about": {"type": "string", "maxLength": 200}, "command": {"enum": ["", *_COMMANDS]}}
    return {"type": "object", "properties": form, "required": list(form), "additionalProperties": False}


def _acts(form: Mapping[str, Any], state: State, words: Words) -> Iterator[Act]:
    """Yield what a filled form says, as far as it is about this catalogue; the rest is a wish."""
    facts, wishes = words.facts, [str(form.get("about") or "")]
    if form.get("command") in _COMMANDS:
        yield Tell(form["command"])
    for name in ("wants", "refuses"):
        for entry in _entries(form, name):
            found = _pairs(str(entry.get("column")), str(entry.get("value")), words.lexicon, facts)
            if found and name == "wants":
                yield Constrain(Constraint("any", found), all(facts.tags[column].single for column, _ in found))
            elif found:
                yield Constrain(Constraint("none", found), single=False)
            elif name == "wants":
                wishes.append(str(entry.get("value")))
    for name in ("at_least", "at_most"):
        for entry in _entries(form, name):
            column, bound = entry.get("column"), entry.get("number")
            if column in facts.numbers and isinstance(bound, int | float):
                yield Constrain(
                    Constraint(">=" if name == "at_least" else "<=", column=str(column), bound=float(bound))
                )
    for name, sign in (("like", 1), ("dislike", -1)):
        for text in form.get(name) or ():
            item = _item(str(text), state, facts, words.titles)
            if item is not None:
                yield Feel(item, sign)
            elif sign > 0:
                wishes.append(str(text))
    for name, sign in (("more", 1), ("less", -1)):
        for text in form.get(name) or ():
            if phrase(str(text)):
                yield Prefer(Lean(clean(str(text)).lower(), sign))
    if wish := clean(" ".join(filter(None, wishes))).strip():
        yield Wish(wish)


def _entries(form: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    return [entry for entry in form.get(name) or () if isinstance(entry, dict)]


def _pairs(column: str, value: str, lexicon: Lexicon, facts: Facts) -> tuple[Pair, ...]:
    """Return the values of the catalogue that a model means, those of the column it named before others."""
    if column in facts.tags and value in facts.tags[column].number:
        return ((column, value),)
    text = clean(value)
    found = lexicon.find(text, tokens(text), [True] * len(text))
    pairs = [pair for one in found for pair in one.every]
    return tuple(pair for pair in pairs if pair[0] == column) or tuple(pair for one in found for pair in one.exact)


def _item(text: str, state: State, facts: Facts, titles: Titles) -> str | None:
    if text.strip(" #.").isdigit() and 1 <= int(text.strip(" #.")) <= len(state.shown):
        return state.shown[int(text.strip(" #.")) - 1]
    row = titles.nearest(clean(text))
    return None if row is None else facts.items[row]


def worded(reply: str, shown: Sequence[str], words: Words, model: LanguageModel) -> str:
    """Return a reply in a model's words, or as it is where the model fails or says something else."""
    try:
        text = model.complete([Message("system", _WORD), Message("user", reply)]).text.strip()
    except LanguageModelError as error:
        logger.warning("the language model did not answer, the template does: %s", error)
        return reply
    refused = refusal_of(text, reply, shown, words)
    if refused:
        logger.info("a reply in the model's words is not shown: %s", refused)
    return reply if refused else text


def refusal_of(text: str, reply: str, shown: Sequence[str], words: Words) -> str:
    """Return why a text may not stand for a reply, "" where it may.

    Its numbers and quotations are the reply's; no name in it is another's, and no title of the catalogue but of what is
    shown or named in the reply.
    """
    if not text or len(text) > len(reply) + _LONGER:
        return "empty, or too long"
    if sorted(re.findall(r"\d+(?:\.\d+)?", text)) != sorted(re.findall(r"\d+(?:\.\d+)?", reply)):
        return "a number is missing or was added"
    if is_chinese(text) != is_chinese(reply):
        return "another language"
    facts = words.facts
    known = reply + " " + " ".join(facts.titles[facts.rows[item]] for item in shown if item in facts.rows)
    for quoted in re.findall(r"[“\"《]([^”\"》]+)[”\"》]", text):
        if quoted not in known:
            return f"the quotation {quoted!r}"
    held = set(re.findall(r"\w+", known))
    for name in re.finditer(r"(?<=[\w,;] )[A-Z]\w+", text):
        if name[0] not in held and name[0] != "I":
            return f"the name {name[0]!r}"
    for start, end, row in words.titles.exact(text):
        if (
            phrase(words.titles.names[row])[1:]
            and phrase(text[start:end])
            and text[start:end].lower() not in known.lower()
        ):
            return f"the title {text[start:end]!r}"
    return ""
