"""Why an item is shown: what was asked for and it has, and what spoke for it in the score."""

from collections.abc import Sequence

import numpy as np

from cuvee.dialogue.facts import Facts
from cuvee.dialogue.replies import label, lean_of, number, phrase_of, say
from cuvee.dialogue.retrieval import Ranking, Retriever, wanted_text
from cuvee.dialogue.state import Constraint, State
from cuvee.types import Reason

__all__ = ["reasons_of"]

_LEAST = 0.15
"""Share of what speaks for an item below which a part is not told."""


def reasons_of(row: int, state: State, ranking: Ranking, retriever: Retriever) -> list[Reason]:
    """Return the reasons of one item, constraints first, then the parts of its score, the strongest first."""
    language, facts = state.language, retriever.facts
    told = [t for c in state.constraints if (t := _held(c, row, facts, language))]
    found = []
    if told:
        what = say("and", language).join(dict.fromkeys(told))
        found.append(Reason("asked", 1.0, say("reason_asked", language, what=what), {"what": what}))
    positive = {name: max(float(part[row]), 0.0) for name, part in ranking.parts.items()}
    total = sum(positive.values())
    for name, value in sorted(positive.items(), key=lambda p: -p[1]):
        share = value / total if total else 0.0
        if share >= _LEAST and (reason := _told(name, share, row, state, retriever)):
            found.append(reason)
    return found


def _told(name: str, share: float, row: int, state: State, retriever: Retriever) -> Reason | None:
    language = state.language
    match name:
        case "taste":
            personal = bool(state.liked or (state.user and state.user in retriever.bundle.data.user_rows))
            return Reason("taste", share, say("reason_taste" if personal else "reason_popular", language))
        case "alike":
            if not state.liked:
                return None
            near = _nearest(row, state.liked, retriever)
            title = retriever.facts.titles[retriever.facts.rows[near]]
            return Reason("alike", share, say("reason_alike", language, title=title), {"item_id": near, "title": title})
        case "words":
            words = retriever.words.shared(" ".join(state.wishes), row)
            listed = say("and", language).join(words)
            return Reason("words", share, say("reason_words", language, words=listed)) if words else None
        case "meaning":
            return Reason("meaning", share, say("reason_meaning", language, text=wanted_text(state)))
        case _:
            what = say("and", language).join(lean_of(lean, language) for lean in state.leans)
            return Reason("leans", share, say("reason_leans", language, what=what))


def _nearest(row: int, liked: Sequence[str], retriever: Retriever) -> str:
    """Return the liked item that one is most like."""
    known = [item for item in liked if item in retriever.facts.rows]
    if retriever.space is None:
        return known[-1]
    vectors = retriever.space.vectors
    return known[int(np.argmax(vectors[[retriever.facts.rows[item] for item in known]] @ vectors[row]))]


def _held(constraint: Constraint, row: int, facts: Facts, language: str) -> str:
    """Return what of an item fulfils a constraint: its own value; that something is absent is said as it was asked."""
    if constraint.test == "none":
        return phrase_of(constraint, language)
    if constraint.test != "any":
        column = facts.numbers.get(constraint.column)
        if column is None:
            return ""
        value = number(float(column.numbers[row]))
        return value if column.measure == "year" else f"{label(column.name, language)} {value}"
    values = [value for column, value in constraint.pairs if bool(facts.tags[column].has(value)[row])]
    return values[0] if values else ""
