"""A slate with some rules and with others: what moved, and which rule did it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cuvee.serve.capping import used_up, without
from cuvee.serve.effects import Effects
from cuvee.serve.rule_bodies import Move
from cuvee.serve.rules import Book
from cuvee.sql.impressions import Impressions
from cuvee.sql.rules import Rule
from cuvee.types import PAD, Bools, Slate

__all__ = ["Moment", "merged", "moves", "taken_out"]


@dataclass(frozen=True)
class Moment:
    """For whom and when rules are asked."""

    scenario: str
    now: float
    """Unix seconds."""
    profile: Mapping[str, Any] | None
    seen: Impressions


def merged(stored: Sequence[Rule], tried: Sequence[Rule]) -> list[Rule]:
    """Return the rules with those tried in the place of those of their names, in the order in which they act."""
    names = {rule.rule for rule in tried}
    return sorted([*tried, *(r for r in stored if r.rule not in names)], key=lambda r: (-r.priority, r.rule))


def moves(
    slates: tuple[Slate, Slate],
    acting: tuple[Effects | None, Effects | None],
    out: Sequence[tuple[str, Bools]],
    items: Sequence[str],
) -> list[Move]:
    """Return the items that stand elsewhere by where they stood, and those that are new by where they stand.

    Args:
        slates: the one slate before and after.
        acting: what acted on each of them.
        out: rules that take items out, before or after, and which (i,).
        items: ids.
    """
    was, now = (_places(slate) for slate in slates)
    rows = [row for row in was if was[row] != now.get(row)] + [row for row in now if row not in was]
    found = []
    for row in rows:
        names = [name for effects in acting if effects is not None for name in effects.of(row)]
        if (row in was) != (row in now):
            names += [name for name, rows_out in out if rows_out[row]]
        found.append(
            Move(item_id=items[row], before=was.get(row), after=now.get(row), rules=list(dict.fromkeys(names)))
        )
    return found


def taken_out(book: Book, moment: Moment) -> list[tuple[str, Bools]]:
    """Return the rules that take items out, and which (i,); of a limit on an answer all that it is about."""
    found = []
    for p in book.in_force(moment.scenario, moment.now, moment.profile):
        if p.rule.kind == "filter":
            found.append((p.rule.rule, ~p.items))
        elif p.rule.kind == "cap" and (p.rule.per_answer is not None or p.rule.together):
            found.append((p.rule.rule, p.items))
        elif p.rule.kind == "cap" and book.data is not None:
            spent = used_up(p.rule, moment.seen, moment.now, book.data, book.long_ids)
            found.append((p.rule.rule, ~without(p.items, spent)))
    return found


def _places(slate: Slate) -> dict[int, int]:
    return {row: place for place, row in enumerate(slate.items[0].tolist()) if row != PAD}
