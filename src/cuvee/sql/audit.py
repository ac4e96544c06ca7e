"""The audit: who did what, each entry with a hash over itself and the hash before it, so that no change stays unseen.

What the chain alone cannot show is that its end was cut off, or that all of it was computed anew: keep the last hash
elsewhere from time to time, and ask whether it is still there.

Reference: S. Haber, W. S. Stornetta, "How to time-stamp a digital document", Journal of Cryptology 3, 1991 (linking).
"""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy.exc import OperationalError

from cuvee.errors import DataError
from cuvee.sql.schema import metadata

__all__ = ["Chain", "Entry", "entries_after", "newest_entries", "record", "verify"]

_audit = metadata.tables["audit"]
_PAGE = 1_000
"""Entries in memory at a time."""


@dataclass(frozen=True)
class Entry:
    """Something that was done."""

    entry: int
    """1, 2, 3 ... without a gap."""
    actor: str
    """Id of a key, or what acted by itself."""
    action: str
    subject: str
    """A pseudonym, or the id of a thing."""
    details: str
    """JSON."""
    done_at: float
    """Unix seconds."""
    previous: str
    """Hash of the entry before; "" for the first."""
    hash: str


@dataclass(frozen=True)
class Chain:
    """An audit in which nothing is broken."""

    entries: int
    last: str
    """Hash of the last entry; "" where there is none."""


def record(connection: Connection, actor: str, action: str, subject: str, details: Mapping[str, Any]) -> None:
    """Add to the chain; `subject` is a pseudonym or the id of a thing, never a user id."""
    last = connection.execute(select(_audit.c.entry, _audit.c.hash).order_by(_audit.c.entry.desc()).limit(1)).first()
    number, previous = (0, "") if last is None else last
    told = json.dumps(details, sort_keys=True)
    # numbered here, for sequences of PostgreSQL leave gaps; writers take turns
    entry = Entry(number + 1, actor, action, subject, told, time.time(), previous, "")
    connection.execute(_audit.insert().values(**asdict(entry) | {"hash": _digest(entry)}))


def entries_after(connection: Connection, after: int, limit: int) -> list[Entry]:
    """Return entries in order, those after a number."""
    some = select(_audit).where(_audit.c.entry > after).order_by(_audit.c.entry).limit(limit)
    return [Entry(**row) for row in connection.execute(some).mappings()]


def newest_entries(connection: Connection, limit: int) -> list[Entry]:
    """Return the newest entries, the last first."""
    return [
        Entry(**row)
        for row in connection.execute(select(_audit).order_by(_audit.c.entry.desc()).limit(limit)).mappings()
    ]


def verify(connection: Connection, noted: str | None = None) -> Chain:
    """Go through all of the chain.

    Args:
        noted: a hash that was the last one at some time, kept elsewhere.

    Raises:
        DataError: an entry was changed, is missing or out of place: the first one is named; or no entry has the hash
            that was noted.
    """
    number, last, seen = 0, "", noted is None
    for entry in _all_entries(connection):
        if entry.entry != number + 1:
            raise DataError(f"the audit is broken at entry {number + 1}: it is missing, {entry.entry} is what follows")
        if entry.previous != last:
            raise DataError(f"the audit is broken at entry {entry.entry}: it does not follow the one before it")
        if entry.hash != _digest(entry):
            raise DataError(f"the audit is broken at entry {entry.entry}: it is not what its hash was computed from")
        number, last = entry.entry, entry.hash
        seen = seen or last == noted
    if not seen:
        raise DataError(f"no entry has the hash {noted}: the end was cut off, or all {number} entries were replaced")
    return Chain(number, last)


def _all_entries(connection: Connection) -> Iterator[Entry]:
    after = 0
    while page := _page(connection, after):
        yield from page
        after = page[-1].entry


def _page(connection: Connection, after: int) -> list[Entry]:
    """Return the entries that follow; where one cannot even be read, those before it."""
    try:
        return entries_after(connection, after, _PAGE)
    except OperationalError as error:
        if "decode" not in str(error.orig):
            raise
    page: list[Entry] = []
    try:
        while len(page) < _PAGE:
            page += entries_after(connection, page[-1].entry if page else after, 1)
    except OperationalError as error:
        if page:
            return page
        told = f"the audit is broken at entry {after + 1}: what is stored there is not text"
        raise DataError(told) from error
    return page


def _digest(entry: Entry) -> str:
    """Return the SHA-256 of an entry but for its number, which its place in the chain stands for."""
    covered = {name: value for name, value in asdict(entry).items() if name not in ("entry", "hash")}
    return hashlib.sha256(json.dumps(covered, sort_keys=True, default=repr).encode()).hexdigest()
