"""From a stream into the log: acknowledged after the commit, known again by event_id, so that each event counts once.

At least once by the stream, at most once by the log. Reference: P. Helland, "Idempotence is not a medical condition",
CACM 2012.
"""

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

from prometheus_client import Counter
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from cuvee.logs.sql import SqlLog, store_events
from cuvee.protocols.streams import Entry, Subscription
from cuvee.serve.bodies import EventIn
from cuvee.serve.reach import TROUBLE, brief
from cuvee.sql.database import writing

__all__ = ["ingest"]

logger = logging.getLogger(__name__)

INGESTED = Counter("cuvee_ingested_events", "Events taken from a stream and stored, repeated ones too")
DEAD_LETTERS = Counter("cuvee_dead_letters", "Entries of a stream that were put aside")
WAITS = Counter("cuvee_ingest_waits", "Times that the stream or the database could not be reached")

_FIELD = b"event"
_BLOCK = 0.5
"""Seconds to wait for new entries before somebody asks whether it is over."""
_PATIENCE = 10.0
"""Seconds for which a silent database is waited for."""
_SHORTEST, _LONGEST = 0.1, 5.0
"""Seconds of the first pause after a failure, twice as long each time, and of the longest."""

_Row = Mapping[str, Any]


def ingest(log: SqlLog, subscription: Subscription, over: threading.Event, most: int = 1_000) -> tuple[int, int]:
    """Store what comes, in batches of at most `most`, until it is over; return how many were stored and put aside.

    While the stream or the database is away, the batch in hand is kept and tried again.

    Raises:
        ConfigError: the stream refuses us for good.
    """
    entries: Sequence[Entry] = ()
    stored, aside, pause = 0, 0, _SHORTEST
    while not over.is_set():
        try:
            entries = entries or subscription.take(most, _BLOCK)
            kept, refused = _store(log, entries)
            subscription.acknowledge(kept)
            subscription.refuse(refused)
        except (ConnectionError, *TROUBLE) as error:
            WAITS.inc()
            logger.warning("trying again in %.1f s: %s", pause, brief(error))
            over.wait(pause)
            pause = min(2 * pause, _LONGEST)
            continue
        for entry, reason in refused:
            logger.error("entry %s is put aside: %s", entry.number, reason)
        stored, aside = stored + len(kept), aside + len(refused)
        INGESTED.inc(len(kept))
        DEAD_LETTERS.inc(len(refused))
        entries, pause = (), _SHORTEST
    return stored, aside


def _store(log: SqlLog, entries: Sequence[Entry]) -> tuple[list[Entry], list[tuple[Entry, str]]]:
    """Commit the entries that are events; return them, and the others with what is wrong with them."""
    now = time.time()
    good: list[tuple[Entry, _Row]] = []
    refused: list[tuple[Entry, str]] = []
    for entry in entries:
        row = _row(entry, now)
        if isinstance(row, str):
            refused.append((entry, row))
        else:
            good.append((entry, row))
    try:
        _commit(log, [row for _, row in good], now)
    except SQLAlchemyError as error:
        if isinstance(error, TROUBLE):
            raise
        if len(good) > 1:  # one of them is to blame; the others are stored
            for one in good:
                _, more = _store(log, [one[0]])
                refused += more
        else:
            refused += [(entry, f"the database does not take it: {brief(error)}") for entry, _ in good]
    aside = {entry.number for entry, _ in refused}
    return [entry for entry, _ in good if entry.number not in aside], refused


def _commit(log: SqlLog, rows: list[_Row], now: float) -> None:
    if rows:
        with writing(log.engine, _PATIENCE) as connection:
            store_events(connection, rows, now)


def _row(entry: Entry, now: float) -> _Row | str:
    """Return the event, or what is wrong with it."""
    text = entry.fields.get(_FIELD)
    if text is None:
        found = ", ".join(sorted(name.decode(errors="replace") for name in entry.fields))
        return f"no field 'event' with a JSON object, but {found}" if found else "trimmed before it was read"
    try:
        event = EventIn.model_validate_json(text)
    except ValidationError as error:
        wrong = error.errors()[0]
        return f"{'.'.join(map(str, wrong['loc'])) or 'event'}: {wrong['msg']}"
    return {**event.model_dump(), "time": int(now) if event.time is None else event.time}
