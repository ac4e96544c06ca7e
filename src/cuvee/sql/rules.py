"""Rules that shape answers, kept as data; every process follows them through `changes`."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import Connection, delete, func, select

from cuvee.errors import DataError
from cuvee.sql.audit import record
from cuvee.sql.people import announce
from cuvee.sql.schema import metadata

__all__ = ["ANY", "KINDS", "MOST", "Kind", "Rule", "all_rules", "delete_rule", "put_rule", "rules_changed"]

Kind = Literal["filter", "cap", "boost", "bury", "pin"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""In the order in which they act."""

ANY = "*"
"""The scenario of rules that hold in all of them."""
MOST = 200
"""Rules that are kept, at most: each holds a mask over the items in memory."""

_rules, _changes = metadata.tables["rules"], metadata.tables["changes"]


@dataclass(frozen=True)
class Rule:
    """One rule. It is in force from `valid_from` on, `valid_until` no longer (unix seconds; None: no bound)."""

    rule: str
    kind: Kind
    scenario: str = ANY
    priority: int = 0
    """Higher ones act first; equal ones by name."""
    enabled: bool = True
    valid_from: float | None = None
    valid_until: float | None = None
    items: str | None = None
    """Condition on columns of the catalogue: whom it is about; None: every item. Not of pins."""
    users: str | None = None
    """Condition on columns of profiles; None: everybody."""
    item: str | None = None
    """The id of the item that is pinned."""
    position: int | None = None
    """Where it is pinned, from 0."""
    factor: float | None = None
    """Of boosts and buries; None: after everything else."""
    times: int | None = None
    """Impressions that one person may have within `hours`."""
    hours: float | None = None
    together: bool = False
    """Whether a cap counts all its items as one, not each on its own."""
    per_answer: int | None = None
    """Items of a cap that one answer may hold."""
    title: str = ""
    notes: str = ""

    def holds(self, scenario: str, now: float) -> bool:
        """Return whether it is in force in a scenario at a moment (unix seconds)."""
        return (
            self.enabled
            and self.scenario in (ANY, scenario)
            and (self.valid_from is None or self.valid_from <= now)
            and (self.valid_until is None or now < self.valid_until)
        )


_COLUMNS = ("rule", "kind", "scenario", "priority", "enabled", "valid_from", "valid_until")


def put_rule(connection: Connection, rule: Rule, actor: str) -> bool:
    """Store a rule, in the place of that of its name; return whether it is new.

    Raises:
        DataError: there would be more than `MOST`.
    """
    known = bool(connection.execute(delete(_rules).where(_rules.c.rule == rule.rule)).rowcount)
    if not known and connection.execute(select(func.count()).select_from(_rules)).scalar_one() >= MOST:
        raise DataError(f"there are {MOST} rules already, which is the most; delete one before {rule.rule!r} is added")
    definition = {n: v for n, v in vars(rule).items() if n not in _COLUMNS and v != getattr(Rule, n)}
    row = {name: getattr(rule, name) for name in _COLUMNS}
    connection.execute(_rules.insert().values(**row, definition=definition, updated_at=time.time()))
    record(connection, actor, "put", f"rule {rule.rule}", {"kind": rule.kind, "enabled": rule.enabled})
    announce(connection, "rules", rule.rule)
    return not known


def delete_rule(connection: Connection, rule: str, actor: str) -> bool:
    """Delete a rule; return whether there was one."""
    if not connection.execute(delete(_rules).where(_rules.c.rule == rule)).rowcount:
        return False
    record(connection, actor, "delete", f"rule {rule}", {})
    announce(connection, "rules", rule)
    return True


def all_rules(connection: Connection) -> tuple[Rule, ...]:
    """Return every rule, in force or not, in the order in which those of one kind act: by priority, then by name."""
    rows = connection.execute(select(_rules)).mappings()
    return tuple(sorted(map(_rule, rows), key=lambda r: (-r.priority, r.rule)))


def rules_changed(connection: Connection, after: int, upto: int) -> bool:
    """Return whether a rule came, changed or went after one offset of the changes and up to another."""
    some = (_changes.c.resource == "rules") & (_changes.c.offset > after) & (_changes.c.offset <= upto)
    return connection.execute(select(_changes.c.offset).where(some).limit(1)).first() is not None


def _rule(row: Mapping[Any, Any]) -> Rule:
    return Rule(**{name: row[name] for name in _COLUMNS}, **row["definition"])
