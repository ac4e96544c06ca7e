"""What is known of people who were erased: a row of a version's users that is to be read no more, never an id."""

import time
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, func, select, true, update

from cuvee.sql.people import announce
from cuvee.sql.schema import metadata

__all__ = ["erased_rows", "forget_row", "last_erasure", "note_clean", "note_job", "refusing", "still_known"]

_ERASED = "erased"
_CHUNK = 500

_erasures, _changes, _users = (metadata.tables[name] for name in ("erasures", "changes", "users"))


def forget_row(connection: Connection, version: str, row: int) -> None:
    """Tell every process that a row of a version's users is nobody from now on."""
    announce(connection, _ERASED, f"{version}:{row}")


def erased_rows(connection: Connection, after: int, upto: int) -> list[tuple[str, int]]:
    """Return (version, row of its users) of people who were erased between two offsets of the changes."""
    wanted = select(_changes.c.row).where(
        _changes.c.resource == _ERASED, _changes.c.offset > after, _changes.c.offset <= upto
    )
    found = [str(row).rpartition(":") for row in connection.execute(wanted).scalars()]
    return [(version, int(row)) for version, _, row in found]


def last_erasure(connection: Connection) -> int:
    """Return the number of the newest erasure; 0 where there is none."""
    return int(connection.execute(select(func.max(_erasures.c.erasure))).scalar() or 0)


def note_job(connection: Connection, pseudonym: str, job_id: str) -> None:
    """Note which job fits again without a person."""
    connection.execute(update(_erasures).where(_erasures.c.pseudonym == pseudonym).values(job_id=job_id))


def note_clean(connection: Connection, upto: int) -> None:
    """Note that the version that answers was fitted without the people of the erasures up to one."""
    dirty = (_erasures.c.erasure <= upto) & _erasures.c.models_clean_at.is_(None)
    connection.execute(update(_erasures).where(dirty).values(models_clean_at=time.time()))


def still_known(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Return those of the ids that the database knows."""
    return _found(connection, ids, true())


def refusing(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Return those of the ids whose people refuse personalisation."""
    return _found(connection, ids, ~_users.c.personalisation)


def _found(connection: Connection, ids: Sequence[str], condition: ColumnElement[bool]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(ids), _CHUNK):
        some = _users.c.user_id.in_(ids[start : start + _CHUNK])
        found.update(connection.execute(select(_users.c.user_id).where(some, condition)).scalars())
    return found
