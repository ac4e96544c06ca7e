"""The event log in SQLite, or in PostgreSQL by URL: what people did, in order of arrival, with their consent."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl
from sqlalchemy import Connection, Engine, Select, delete, func, or_, select, update

from cuvee.errors import DataError, unknown
from cuvee.sql.audit import record
from cuvee.sql.database import check_url, insert_new, open_database, purge, reading, writing
from cuvee.sql.people import (
    Consent,
    Erasure,
    announce,
    erase_user,
    export_user,
    personal_tables,
    pseudonym,
    user_numbers,
)
from cuvee.sql.schema import metadata

__all__ = ["SqlLog", "store_events"]

_REQUIRED = ("event_id", "user_id", "item_id", "kind")
_TEXTS = (*_REQUIRED, "recommendation_id", "session")
_COLUMNS: Mapping[str, Any] = {
    "event_id": pl.String,
    "user_id": pl.String,
    "item_id": pl.String,
    "kind": pl.String,
    "time": pl.Int64,
    "weight": pl.Float64,
    "recommendation_id": pl.String,
    "position": pl.Int32,
    "session": pl.String,
    "context": pl.String,
}
_READ: Mapping[str, Any] = {"offset": pl.Int64, **_COLUMNS, "received_at": pl.Float64}
_LONGEST_ID = 256
_LONGEST_CONTEXT = 16_384
_LATEST = 10**11
"""Seconds; a larger time is milliseconds by mistake."""
_AGES = {
    "events": "time",
    "recommendations": "made_at",
    "exposures": "exposed_at",
    "messages": "said_at",
    "conversations": "updated_at",
    "user_counters": "window_start",
    "counters": "window_start",
}
"""Table -> what says how old a row is, for retention."""

_RULES = [
    *((name, pl.col(name).str.len_bytes() == 0, "is empty") for name in _TEXTS),
    *((name, pl.col(name).str.len_bytes() > _LONGEST_ID, f"is longer than {_LONGEST_ID} bytes") for name in _TEXTS),
    *((name, pl.col(name).str.contains(r"\p{Cc}"), "holds control characters") for name in _TEXTS),
    ("time", ~pl.col("time").is_between(0, _LATEST), "is not in unix seconds"),
    ("weight", ~pl.col("weight").is_finite(), "is not a finite number"),
    ("position", pl.col("position") < 0, "is negative"),
    ("context", pl.col("context").str.len_bytes() > _LONGEST_CONTEXT, f"is longer than {_LONGEST_CONTEXT} bytes"),
]
"""Column, what is wrong in it, and how that is said."""

_events, _users = metadata.tables["events"], metadata.tables["users"]


@dataclass(frozen=True)
class SqlLog:
    """Events in a database. Processes may share it: writers take turns, readers never wait.

    An event that was acknowledged is on the disk. Deleting rewrites the file, so `erase` and `forget_before` take time
    and free disk space in proportion to it.
    """

    url: str = "sqlite:///events.db"
    """Where: `sqlite:///FILE`, or `postgresql+psycopg://HOST/DATABASE` with the password in PGPASSWORD."""
    busy_timeout: float = 10.0
    """Seconds to wait for another process that writes (SQLite)."""

    def __post_init__(self) -> None:
        check_url(self.url)

    def append(self, events: pl.DataFrame) -> int:
        """Store events, all of them or none; return the offset after the last one.

        Needs event_id, user_id, item_id and kind; may have time (unix seconds, fractions are cut; now where missing),
        weight, recommendation_id, position, session and context (JSON objects as text, or a struct). An event_id that
        is there already is left as it is, so a batch may be sent again.

        Raises:
            DataError: a column or a value that cannot be stored; the message names row and field.
        """
        now = time.time()
        checked = _checked(events, int(now))
        contexts = _contexts(checked["context"])
        rows = [{**row, "context": c} for row, c in zip(checked.to_dicts(), contexts, strict=True)]
        with writing(self.engine) as connection:
            return store_events(connection, rows, now)

    def read(self, offset: int, limit: int) -> pl.DataFrame:
        """Return at most `limit` events after `offset`, in order of arrival.

        Events of people who refuse personalisation are left out: this is what training and caches read.
        """
        agreed = or_(_events.c.user_no.is_(None), _users.c.personalisation)
        wanted = _selection().where(_events.c.offset > offset, agreed).order_by(_events.c.offset).limit(limit)
        return self._frame(wanted)

    def history(self, user_id: str, limit: int) -> pl.DataFrame:
        """Return a person's newest `limit` events in time order; none where they refuse personalisation."""
        mine = _selection().where(_users.c.user_id == user_id, _users.c.personalisation)
        return self._frame(mine.order_by(_events.c.time.desc(), _events.c.offset.desc()).limit(limit)).reverse()

    def consent(self, user_id: str) -> Consent:
        """Return what a person agreed to; the defaults for somebody unknown."""
        columns = [_users.c[name] for name in asdict(Consent())]
        with reading(self.engine) as connection:
            row = connection.execute(select(*columns).where(_users.c.user_id == user_id)).mappings().first()
        return Consent() if row is None else Consent(**row)

    def set_consent(self, user_id: str, consent: Consent) -> None:
        """Note what a person agrees to from now on, audited."""
        frame = pl.DataFrame({"user_id": [user_id]})
        _refuse(frame, [rule for rule in _RULES if rule[0] == "user_id"])
        with writing(self.engine) as connection:
            number = user_numbers(connection, [user_id])[user_id]
            flags = asdict(consent)
            connection.execute(update(_users).where(_users.c.user_no == number).values(**flags, updated_at=time.time()))
            record(connection, "log", "consent", pseudonym(connection, number), flags)
            announce(connection, "users", str(number))

    def erase(self, user_id: str) -> Erasure:
        """Delete everything about a person from every table and every byte of the file, and destroy their key.

        The record of it holds the pseudonym only. Models are refitted by whoever asks for this.
        """
        with writing(self.engine) as connection:
            name, removed = erase_user(connection, user_id)
        return Erasure(name, removed, purge(self.engine, personal_tables(), self.busy_timeout))

    def export(self, user_id: str) -> dict[str, list[dict[str, Any]]]:
        """Return everything held about a person: table -> rows, ready for JSON; {} for somebody unknown."""
        with reading(self.engine) as connection:
            return export_user(connection, user_id)

    def forget_before(self, time: int) -> dict[str, int]:
        """Delete events, recommendations, exposures, conversations and counts older than `time`; return rows by table.

        Reviews, profiles, consent, and the records of audit and erasure stay.
        """
        removed = {}
        with writing(self.engine) as connection:
            for name, column in _AGES.items():
                table = metadata.tables[name]
                removed[name] = connection.execute(delete(table).where(table.c[column] < time)).rowcount
            record(connection, "log", "forget", "events", {"before": time, **removed})
        purge(self.engine, [metadata.tables[name] for name in _AGES], self.busy_timeout)
        return removed

    def close(self) -> None:
        """Close the connections of this process; the next call opens new ones."""
        self.engine.dispose()

    @property
    def engine(self) -> Engine:
        """The connections of this process, for what else is kept beside the events."""
        return open_database(self.url, self.busy_timeout)

    def _frame(self, wanted: Select[Any]) -> pl.DataFrame:
        with reading(self.engine) as connection:
            rows = [tuple(row) for row in connection.execute(wanted)]
        frame = pl.DataFrame(
            [row[:-1] for row in rows], {k: v for k, v in _READ.items() if k != "context"}, orient="row"
        )
        contexts = [None if row[-1] is None else json.dumps(row[-1]) for row in rows]
        return frame.with_columns(pl.Series("context", contexts, pl.String)).select(*_READ)


def store_events(connection: Connection, rows: Sequence[Mapping[str, Any]], now: float) -> int:
    """Store events that were checked, with every column of a log, user_id among them; return the offset after them."""
    numbers = user_numbers(connection, list(dict.fromkeys(row["user_id"] for row in rows)))
    stored = [{**row, "user_no": numbers[row["user_id"]], "received_at": now} for row in rows]
    for row in stored:
        del row["user_id"]
    insert_new(connection, _events, stored, "event_id")
    return int(connection.execute(select(func.max(_events.c.offset))).scalar() or 0)


def _selection() -> Select[Any]:
    """Select the columns that are read, context last."""
    plain = [_users.c.user_id if name == "user_id" else _events.c[name] for name in _READ if name != "context"]
    joined = _events.outerjoin(_users, _users.c.user_no == _events.c.user_no)
    return select(*plain, _events.c.context).select_from(joined)


def _checked(events: pl.DataFrame, now: int) -> pl.DataFrame:
    """Return the events with every column there and of its type."""
    for column in events.columns:
        if column not in _COLUMNS:
            raise DataError(unknown("column of events:", column, _COLUMNS))
    for column in _REQUIRED:
        if column not in events.columns:
            raise DataError(f"events have no column {column!r}; they need {', '.join(_REQUIRED)}")
    if isinstance(events.schema.get("context"), pl.Struct):
        events = events.with_columns(pl.col("context").struct.json_encode())
    for column, found in events.schema.items():
        _check_type(column, found)
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in _COLUMNS.items() if name not in events.columns]
    typed = events.cast({name: _COLUMNS[name] for name in events.columns}, strict=False)  # what does not fit is null
    typed = typed.with_columns(*missing).select(*_COLUMNS)
    _refuse(typed, [(name, pl.col(name).is_null(), "is missing") for name in _REQUIRED])
    misfits = [name for name, dtype in events.schema.items() if dtype.is_numeric()]
    _refuse(events, [(name, typed[name].is_null() & pl.col(name).is_not_null(), "does not fit") for name in misfits])
    _refuse(typed, _RULES)
    return typed.with_columns(pl.col("time").fill_null(now))


def _check_type(column: str, found: pl.DataType) -> None:
    wants_text = _COLUMNS[column] == pl.String
    if found != pl.Null and not (found == pl.String if wants_text else found.is_numeric()):
        raise DataError(f"the column {column!r} of events holds {found}, not {'text' if wants_text else 'numbers'}")


def _contexts(column: pl.Series) -> list[dict[str, Any] | None]:
    """Parse the contexts; most events have none."""
    if column.null_count() == len(column):
        return [None] * len(column)
    parsed = [None if value is None else _object(value) for value in column]
    wrong = pl.Series([v is not None and found is None for v, found in zip(column, parsed, strict=True)])
    _refuse(column.to_frame(), [("context", pl.lit(wrong), "is not a JSON object")])
    return parsed


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _no_constant(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _refuse(events: pl.DataFrame, rules: Sequence[tuple[str, pl.Expr, str]]) -> None:
    """Raise for the first row of the first column that is wrong; all rules are one query."""
    flags = events.select(wrong.any().alias(str(n)) for n, (_, wrong, _) in enumerate(rules))
    for flag, (column, wrong, problem) in zip(flags, rules, strict=True):
        if flag.item():
            row = events.select(wrong.fill_null(value=False).arg_max()).item()
            shown = repr(events[column][row])
            shown = shown if len(shown) <= 80 else shown[:77] + "..."
            raise DataError(f"events row {row}: {column} {problem}, got {shown}")
