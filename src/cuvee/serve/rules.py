"""From stored rules to what they do: parsed against the catalogue once, looked up for every answer."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from cuvee.conditions import condition, fulfilled
from cuvee.errors import ConfigError, UnknownNameError
from cuvee.serve.capping import counted_names, limit_of, used_up, without
from cuvee.serve.capping import long_ids as digests_of
from cuvee.serve.effects import Effects, Pin, Touch
from cuvee.sql.impressions import Impressions
from cuvee.sql.rules import Rule
from cuvee.types import Bools, Dataset

__all__ = ["NOTHING_SEEN", "NO_RULES", "Book", "Parsed", "book_of", "parsed", "profile_columns", "profile_of"]

logger = logging.getLogger(__name__)

_OURS = ("user_id",)

NOTHING_SEEN = Impressions()


@dataclass(frozen=True)
class Parsed:
    """A rule and the items of a catalogue that it is about."""

    rule: Rule
    items: Bools
    """(i,)."""
    users: pl.Expr | None
    """Condition on one row of the profiles; None: everybody."""


@dataclass(frozen=True)
class Book:
    """The rules that can be read against a catalogue, by priority; the others are in `errors`."""

    rules: tuple[Parsed, ...] = ()
    stored: tuple[Rule, ...] = ()
    """All of them, those that are off too."""
    errors: Mapping[str, str] = field(default_factory=dict)
    """Rule -> what is wrong with it: a column that this catalogue does not have, for example."""
    columns: pl.Schema = field(default_factory=pl.Schema)
    """Of profiles."""

    data: Dataset | None = None
    """The catalogue; None where there are no rules."""

    @cached_property
    def longest_window(self) -> float:
        """Seconds that caps look back; 0: none does."""
        return max((p.rule.hours * 3_600 for p in self.rules if p.rule.hours is not None), default=0.0)

    @cached_property
    def long_ids(self) -> Mapping[str, int]:
        """Digest -> row of the items whose ids are too long for the name of a count."""
        return {} if self.data is None else digests_of(self.data)

    def counts(self, scenario: str, now: float, rows: Sequence[int]) -> list[str]:
        """Return the names of the counts to which showing these items to somebody adds, one an impression."""
        if not self.longest_window or self.data is None:
            return []
        caps = [(p.rule, p.items) for p in self.rules if p.rule.kind == "cap" and p.rule.holds(scenario, now)]
        return counted_names(caps, rows, self.data)

    def in_force(self, scenario: str, now: float, profile: Mapping[str, Any] | None) -> list[Parsed]:
        """Return the rules that hold in a scenario at a moment for somebody.

        Args:
            scenario: of the request.
            now: unix seconds.
            profile: columns -> values; None where nothing may be known: then no rule for some people holds.
        """
        found = [p for p in self.rules if p.rule.holds(scenario, now)]
        asked = [p.users for p in found if p.users is not None]
        if not asked:
            return found
        told = {} if profile is None else profile
        row = {name: pl.Series(name, [told.get(name)], dtype, strict=False) for name, dtype in self.columns.items()}
        held = pl.DataFrame(row).select(e.alias(str(n)) for n, e in enumerate(asked)).row(0)
        answers = iter(held if profile is not None else [False] * len(asked))
        return [p for p in found if p.users is None or next(answers)]

    def effects(
        self,
        scenario: str,
        now: float,
        profile: Mapping[str, Any] | None = None,
        seen: Impressions = NOTHING_SEEN,
    ) -> Effects | None:
        """Return what the rules in force do for somebody who has seen that; None where none is in force."""
        found = self.in_force(scenario, now, profile) if self.rules else []
        if not found:
            return None
        allowed: Bools | None = None
        limits = []
        for p in found:
            left = None
            if p.rule.kind == "filter":
                left = p.items
            elif p.rule.kind == "cap":
                if p.rule.times is not None and not p.rule.together and self.data is not None:
                    left = without(p.items, used_up(p.rule, seen, now, self.data, self.long_ids))
                most = limit_of(p.rule, seen, now)
                limits += [] if most is None else [(p.items, most)]
            if left is not None:
                allowed = left if allowed is None else allowed & left
        return Effects(
            allowed,
            tuple(Touch(p.rule.rule, p.items, p.rule.factor) for p in found if p.rule.kind in ("boost", "bury")),
            tuple(limits),
            tuple(_pin(p) for p in found if p.rule.kind == "pin"),
        )


NO_RULES = Book()


def book_of(rules: Sequence[Rule], data: Dataset) -> Book:
    """Return the rules that are enabled, read against a catalogue; one that cannot be read is logged and left out."""
    found, errors = [], {}
    for rule in rules:
        if rule.enabled:
            try:
                found.append(parsed(rule, data))
            except (ConfigError, UnknownNameError) as error:
                errors[rule.rule] = str(error)
                logger.error("rule %s cannot act: %s", rule.rule, error)
    return Book(tuple(found), tuple(rules), errors, profile_columns(data), data)


def parsed(rule: Rule, data: Dataset) -> Parsed:
    """Return a rule read against a catalogue.

    Raises:
        ConfigError: a condition that cannot be read.
        UnknownNameError: a column or an item that is not in the catalogue.
    """
    users = None if rule.users is None else condition(rule.users, profile_columns(data))
    if rule.kind == "pin":
        mask = np.zeros(len(data.items), bool)
        row = data.item_rows.get(str(rule.item))
        if row is None:
            raise UnknownNameError(f"no item {rule.item!r} is in the catalogue")
        mask[row] = True
        return Parsed(rule, mask, users)
    everything = np.ones(len(data.items), bool)
    return Parsed(rule, everything if rule.items is None else fulfilled(rule.items, data.item_table), users)


def profile_columns(data: Dataset) -> pl.Schema:
    """Return the columns that a condition on people may ask for."""
    return pl.Schema({name: dtype for name, dtype in data.user_table.schema.items() if name not in _OURS})


def profile_of(data: Dataset, user_id: str) -> dict[str, Any]:
    """Return the columns of a user in the data of the fit; none of somebody it does not know."""
    row = data.user_rows.get(user_id)
    return {} if row is None else data.user_table.row(row, named=True)


def _pin(found: Parsed) -> Pin:
    assert found.rule.position is not None
    return Pin(found.rule.rule, int(np.flatnonzero(found.items)[0]), found.rule.position)
