"""What people were shown, kept so that an answer can be looked at again; and what they did, as an answer needs it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, delete, func, select

from cuvee.sql.people import record, user_numbers
from cuvee.sql.schema import metadata

__all__ = ["Past", "delete_event_of", "last_change", "note_shown", "past_of", "shown", "trending"]

_tables = metadata.tables
_users, _events, _changes = _tables["users"].c, _tables["events"].c, _tables["changes"].c


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
    person = select(_users.user_no, _users.personalisation, _users.profile).where(_users.user_id == user_id)
    row = connection.execute(person).first()
    if row is None:
        return Past(personal=True)
    if not row.personalisation:
        return Past(personal=False)
    mine = (_events.user_no == row.user_no) & (_events.offset > after)
    wanted = select(_events.item_id, _events.kind, _events.time, _events.weight).where(mine)
    newest = connection.execute(wanted.order_by(_events.time.desc(), _events.offset.desc()).limit(limit)).all()
    events = tuple((r.item_id, r.kind, r.time, r.weight) for r in reversed(newest))
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
    return int(connection.execute(select(func.max(_changes.offset))).scalar() or 0)


def note_shown(connection: Connection, answer: Mapping[str, Any], user_id: str | None) -> int | None:
    """Keep an answer: the columns of `recommendations`, the person by id; return the person's number."""
    number = None if user_id is None else user_numbers(connection, [user_id])[user_id]
    connection.execute(_tables["recommendations"].insert().values(**answer, user_no=number, made_at=time.time()))
    return number


def shown(connection: Connection, recommendation_id: str) -> dict[str, Any] | None:
    """Return an answer as it was kept, the person by id; None where there is none of that id."""
    table = _tables["recommendations"]
    joined = table.outerjoin(_tables["users"], _users.user_no == table.c.user_no)
    plain = [c for c in table.c if c.name != "user_no"]
    wanted = select(_users.user_id, *plain).select_from(joined).where(table.c.recommendation_id == recommendation_id)
    row = connection.execute(wanted).mappings().first()
    return None if row is None else dict(row)
