"""What caps count, and what is used up.

The name of a count is the rule's, for what counts together, or the rule's and the item's. Ids that would not fit beside
the rule's name are named by a digest.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from cuvee.sql.impressions import Impressions
from cuvee.sql.rules import Rule
from cuvee.types import Bools, Dataset

__all__ = ["Pending", "counted_names", "limit_of", "long_ids", "used_up", "without"]

_FITS = 150
"""Characters of an id that stand in a name as they are: with those of a rule they fit into the column."""


class Pending:
    """Impressions of answers that are not yet written down, of one process; used by its event loop alone."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, Sequence[str]]] = {}

    def of(self, user_id: str) -> Mapping[str, Sequence[str]]:
        """Return recommendation -> names. It is read before the database, and what that holds by then is left out."""
        return dict(self._of.get(user_id, {}))

    def add(self, user_id: str, recommendation: str, names: Sequence[str]) -> None:
        """Count what an answer shows."""
        if names:
            self._of.setdefault(user_id, {})[recommendation] = names

    def remove(self, user_id: str, recommendation: str) -> None:
        """Say that it is written down, or never will be."""
        mine = self._of.get(user_id, {})
        mine.pop(recommendation, None)
        if not mine:
            self._of.pop(user_id, None)


def counted_names(caps: Iterable[tuple[Rule, Bools]], rows: Sequence[int], data: Dataset) -> list[str]:
    """Return the names of the counts that showing these items adds to, one an impression."""
    return [
        rule.rule if rule.together else _name(rule, data.items[row])
        for rule, items in caps
        if rule.times is not None
        for row in rows
        if items[row]
    ]


def used_up(rule: Rule, seen: Impressions, now: float, data: Dataset, long: Mapping[str, int]) -> list[int]:
    """Return the rows of items that one person may not be shown again yet, of a cap that counts each on its own."""
    assert rule.hours is not None
    assert rule.times is not None
    found = []
    for name, count in seen.within(rule.hours * 3_600, now).items():
        owner, _, item = name.partition("\n")
        if owner == rule.rule and item and count >= rule.times:
            row = data.item_rows.get(item) if not item.startswith("\n") else long.get(item[1:])
            found += [] if row is None else [row]
    return found


def limit_of(rule: Rule, seen: Impressions, now: float) -> int | None:
    """Return how many items of a cap the next answer may hold; None: as many as it likes."""
    limits = [] if rule.per_answer is None else [rule.per_answer]
    if rule.together and rule.times is not None and rule.hours is not None:
        limits.append(max(0, rule.times - seen.within(rule.hours * 3_600, now)[rule.rule]))
    return min(limits, default=None)


def long_ids(data: Dataset) -> dict[str, int]:
    """Return digest -> row of the items whose ids are too long to stand in a name."""
    return {_digest(item): row for row, item in enumerate(data.items) if len(item) > _FITS}


def _name(rule: Rule, item: str) -> str:
    return f"{rule.rule}\n{item}" if len(item) <= _FITS else f"{rule.rule}\n\n{_digest(item)}"


def _digest(item: str) -> str:
    return hashlib.sha256(item.encode()).hexdigest()[:32]


def without(items: Bools, rows: Sequence[int]) -> Bools:
    """Return (i,) all but some of the items that a rule is about."""
    left = np.ones_like(items)
    left[[row for row in rows if items[row]]] = False
    return left
