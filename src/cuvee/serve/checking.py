"""Whether rules can act, what they are about, and what is odd about them."""

from collections.abc import Sequence

from cuvee.conditions import condition, fulfilled
from cuvee.errors import ConfigError, UnknownNameError
from cuvee.serve.rule_bodies import Checked, ErrorOut
from cuvee.serve.rules import profile_columns
from cuvee.serve.snapshot import Snapshot
from cuvee.sql.rules import ANY, Rule

__all__ = ["checked"]


def checked(rule: Rule, others: Sequence[Rule], snapshot: Snapshot, now: float) -> Checked:
    """Return what is wrong with a rule, what is odd about it beside others, and how many items it is about."""
    data = snapshot.bundle.data
    errors = []
    for name, text, schema in (
        ("items", rule.items, data.item_table.schema),
        ("users", rule.users, profile_columns(data)),
    ):
        try:
            if text is not None:
                condition(text, schema)
        except (ConfigError, UnknownNameError) as error:
            errors.append(ErrorOut(field=name, message=str(error), position=error.at))
    if rule.kind == "pin" and rule.item not in data.item_rows:
        errors.append(ErrorOut(field="item", message=f"no item {rule.item!r} is in the catalogue", position=None))
    matches = None
    if not any(error.field != "users" for error in errors):
        matches = 1 if rule.kind == "pin" else len(data.items)
        if rule.items is not None:
            matches = int(fulfilled(rule.items, data.item_table).sum())
    warnings = [] if matches is None else _odd(rule, others, snapshot, matches)
    if rule.valid_until is not None and rule.valid_until <= now:
        warnings.append("its time is over: valid_until lies in the past")
    return Checked(rule=rule.rule, valid=not errors, errors=errors, warnings=warnings, matches=matches)


def _odd(rule: Rule, others: Sequence[Rule], snapshot: Snapshot, matches: int) -> list[str]:
    found = []
    if rule.kind == "pin":
        if not snapshot.shown[snapshot.bundle.data.item_rows[str(rule.item)]]:
            found.append(f"item {rule.item!r} is {snapshot.states[str(rule.item)]}: it is not shown, pinned or not")
        for other in others:
            if other.rule != rule.rule and _collide(rule, other):
                first = min((rule, other), key=lambda r: (-r.priority, r.rule))
                second = other if first is rule else rule
                found.append(
                    f"{other.rule!r} pins to the same place: {first.rule!r} has it, {second.rule!r} the next"
                    if rule.item != other.item
                    else f"{other.rule!r} pins the same item: {first.rule!r} places it"
                )
    elif matches == 0:
        found.append("no item fulfils its condition")
    elif rule.kind == "bury" and matches == len(snapshot.bundle.data.items):
        found.append("it is about every item, and changes nothing")
    return found


def _collide(a: Rule, b: Rule) -> bool:
    """Return whether two pins can hold at once and want the same place, or the same item."""
    scenarios = a.scenario == b.scenario or ANY in (a.scenario, b.scenario)
    start = max(a.valid_from or 0.0, b.valid_from or 0.0)
    ends = [end for end in (a.valid_until, b.valid_until) if end is not None]
    together = not ends or start < min(ends)
    both = a.kind == b.kind == "pin" and a.enabled and b.enabled and scenarios and together
    return both and (a.position == b.position or a.item == b.item)
