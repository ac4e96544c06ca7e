"""What the database knows about a person: what they agreed to, their pseudonym, all of it to hand out, none of it left.

Records that outlive a person (audit, erasures, jobs) name them by pseudonym: an HMAC of the user id under a key of
their own. Erasure destroys the key, after which nobody can tell whose pseudonym it was, nor try out ids against it.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, LargeBinary, Table, delete, or_, select

from cuvee.sql.audit import record
from cuvee.sql.database import insert_new
from cuvee.sql.schema import metadata, personal

__all__ = [
    "Consent",
    "Erasure",
    "announce",
    "erase_user",
    "export_user",
    "personal_tables",
    "pseudonym",
    "user_numbers",
]

_tables = metadata.tables
_CHUNK = 500
"""Ids in one query; SQLite takes at most some thousand parameters."""


@dataclass(frozen=True)
class Consent:
    """What a person agreed to. The defaults hold until they say otherwise."""

    personalisation: bool = True
    """Their events may shape what they and others are shown."""
    sensitive_profiling: bool = False
    """Sensitive fields of their profile may be used."""
    conversation_memory: bool = False
    """What they say may be remembered from one conversation to the next."""


@dataclass(frozen=True)
class Erasure:
    """What is left to say about an erased person."""

    pseudonym: str | None
    """Stands in the erasures and the audit; None where nobody of that id was known."""
    removed: Mapping[str, int]
    """Table -> rows deleted."""
    purged: bool
    """False where another process kept old pages of the file in use; erase the same id again to clear them."""


def personal_tables() -> list[Table]:
    """Return the tables with rows about people, those that others point at last."""
    return [table for table in reversed(metadata.sorted_tables) if personal(table)]


def user_numbers(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """Return user id -> number, giving new users one."""
    known = _known_numbers(connection, ids)
    missing = [i for i in ids if i not in known]
    now = time.time()
    new = {"profile": {}, **asdict(Consent()), "created_at": now, "updated_at": now}
    insert_new(connection, _tables["users"], [{"user_id": i, **new} for i in missing], "user_id")
    return known | _known_numbers(connection, missing)


def pseudonym(connection: Connection, number: int) -> str:
    """Return the pseudonym of a user in force, making one where there is none."""
    names, users = _tables["pseudonyms"], _tables["users"]
    in_force = select(names.c.pseudonym).where(names.c.user_no == number, names.c.retired_at.is_(None))
    found = connection.execute(in_force).scalars().first()
    if found is not None:
        return str(found)
    user_id = connection.execute(select(users.c.user_id).where(users.c.user_no == number)).scalar_one()
    key = secrets.token_bytes(32)
    name = "p-" + hmac.new(key, user_id.encode(), hashlib.sha256).hexdigest()[:32]
    connection.execute(names.insert().values(pseudonym=name, user_no=number, key=key, created_at=time.time()))
    return name


def announce(connection: Connection, resource: str, row: str) -> None:
    """Tell the processes that follow the database that a row is new or gone."""
    connection.execute(_tables["changes"].insert().values(resource=resource, row=row, changed_at=time.time()))


def erase_user(connection: Connection, user_id: str) -> tuple[str | None, dict[str, int]]:
    """Delete every row about a person and return their last pseudonym and what was removed, by table."""
    number = _known_numbers(connection, [user_id]).get(user_id)
    if number is None:
        return None, {}
    name = pseudonym(connection, number)
    removed = {}
    for table in personal_tables():
        rows = connection.execute(delete(table).where(or_(*(c == number for c in personal(table))))).rowcount
        if rows:
            removed[table.name] = rows
    connection.execute(_tables["erasures"].insert().values(pseudonym=name, removed=removed, erased_at=time.time()))
    record(connection, "log", "erase", name, removed)
    announce(connection, "users", str(number))
    return name, removed


def export_user(connection: Connection, user_id: str) -> dict[str, list[dict[str, Any]]]:
    """Return everything held about a person: table -> rows, in values that JSON can hold.

    Other people appear only where the person named them (`links`); keys do not leave the database.
    """
    number = _known_numbers(connection, [user_id]).get(user_id)
    if number is None:
        return {}
    found = {}
    for table in reversed(personal_tables()):
        rows = connection.execute(select(table).where(or_(*(c == number for c in personal(table))))).mappings().all()
        if rows:
            names = {number: user_id}
            if table.name == "links":
                names |= _ids(connection, {row[c.name] for row in rows for c in personal(table)})
            found[table.name] = [_exported(table, row, names) for row in rows]
    return found


def _exported(table: Table, row: Mapping[Any, Any], names: Mapping[int, str]) -> dict[str, Any]:
    """Return one row with people by id; somebody whose name is not to be given is left out."""
    people = {c.name for c in personal(table)}
    plain = [c.name for c in table.columns if c.name not in people and not isinstance(c.type, LargeBinary)]
    named = {c.removesuffix("_no") + "_id": names[row[c]] for c in sorted(people) if row[c] in names}
    return {**named, **{c: row[c] for c in plain}}


def _known_numbers(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    users = _tables["users"].c
    found: dict[str, int] = {}
    for start in range(0, len(ids), _CHUNK):
        some = select(users.user_id, users.user_no).where(users.user_id.in_(ids[start : start + _CHUNK]))
        found.update({row.user_id: row.user_no for row in connection.execute(some)})
    return found


def _ids(connection: Connection, numbers: Iterable[int]) -> dict[int, str]:
    users = _tables["users"].c
    some = select(users.user_no, users.user_id).where(users.user_no.in_(numbers))
    return {row.user_no: row.user_id for row in connection.execute(some)}
