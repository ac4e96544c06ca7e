"""What people were shown, kept so that an answer can be looked at again; and what they did, as an answer needs it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select

from cuvee.sql.audit import record
from cuvee.sql.people import user_numbers
from cuvee.sql.schema import metadata

__all__ = ["Past", "delete_event_of", "last_change", "note_shown", "past_of", "shown", "trending"]

_tables = metadata.tables
_users, _events, _changes = _tables["users"].c, _tables["events"].c, _tables["changes"].c

# every recommendation asks these: to put a statement together takes longer than SQLite takes to answer it
_PERSON = select(_users.user_no, _users.personalisation, _users.profile).where(_users.user_id == bindparam("user_id"))
_NEWEST = (
    select(_events.item_id, _events.kind, _events.time, _events.weight)
    .where(_events.user_no == bindparam("number"), _events.offset > bindparam("after"))
    .order_by(_events.time.desc(), _events.offset.desc())
    .limit(bindparam("most"))
)
_LAST = select(func.max(_changes.offset))


@dataclass(frozen=True)
class Past:
    """What the log holds of one person, as far as it may be used."""

    personal: bool
    """False where they refuse personalisation: then there is nothing else here, and nothing else may be used."""
    events: tuple[tuple[str, str, int, float | None], ...] = ()
    """(item_id, kind, unix seconds, weight or None), in time order."""
    profile: Mapping[str, Any] = field(default_factory=dict)
    """What is stored of their profile."""
    number: int | None = None
    """Of the person in the database; None: not known there, or they refuse."""
    read: bool = True
    """False where the log could not be read."""


def past_of(connection: Connection, user_id: str, after: int, limit: int) -> Past:
    """Return a person's newest events among those after an offset; somebody unknown has none."""
    row = connection.execute(_PERSON, {"user_id": user_id}).first()
    if row is None:
        return Past(personal=True)
    if not row.personalisation:
        return Past(personal=False)
    newest = connection.execute(_NEWEST, {"number": row.user_no, "after": after, "most": limit}).all()
    events = tuple((item_id, kind, moment, weight) for item_id, kind, moment, weight in reversed(newest))
    return Past(personal=True, events=events, profile=row.profile, number=row.user_no)


def delete_event_of(connection: Connection, event_id: str, actor: str) -> bool:
    """Delete an event and note who did it; return whether there was one."""
    events = _tables["events"]
    if not connection.execute(delete(events).where(events.c.event_id == event_id)).rowcount:
        return False
    record(connection, actor, "delete", "event", {"event_id": event_id})
    return True


def trending(connection: Connection, since: int, limit: int) -> list[tuple[str, int]]:
    """Return (item_id, people) of the items that most people touched since then, unix seconds; the first id of equals.

    People who refuse personalisation are not counted.
    """
    people = func.count(func.distinct(_events.user_no))
    joined = _tables["events"].join(_tables["users"], _users.user_no == _events.user_no)
    wanted = select(_events.item_id, people).select_from(joined).where(_events.time >= since, _users.personalisation)
    ordered = wanted.group_by(_events.item_id).order_by(people.desc(), _events.item_id).limit(limit)
    return [(row[0], int(row[1])) for row in connection.execute(ordered)]


def last_change(connection: Connection) -> int:
    """Return the offset of the newest change; 0 where there is none."""
    return int(connection.execute(_LAST).scalar() or 0)


def note_shown(connection: Connection, answers: Sequence[tuple[Mapping[str, Any], str | None]]) -> list[int | None]:
    """Keep answers: the columns of `recommendations`, and the person by id; return the numbers of the people."""
    known = user_numbers(connection, list(dict.fromkeys(user_id for _, user_id in answers if user_id is not None)))
    numbers = [None if user_id is None else known[user_id] for _, user_id in answers]
    now = time.time()
    rows = [{**row, "user_no": n, "made_at": now} for (row, _), n in zip(answers, numbers, strict=True)]
    connection.execute(_tables["recommendations"].insert(), rows)
    return numbers


def shown(connection: Connection, recommendation_id: str) -> dict[str, Any] | None:
    """Return an answer as it was kept, the person by id; None where there is none of that id."""
    table = _tables["recommendations"]
    joined = table.outerjoin(_tables["users"], _users.user_no == table.c.user_no)
    plain = [c for c in table.c if c.name != "user_no"]
    wanted = select(_users.user_id, *plain).select_from(joined).where(table.c.recommendation_id == recommendation_id)
    row = connection.execute(wanted).mappings().first()
    return None if row is None else dict(row)
