"""How often one person was shown something: counts by minute, so that any window can be added up.

A window reaches back from now; a minute that it cuts counts whole, so that a cap holds in every window, at the price of
up to a minute's longer wait. Minutes that lie ahead (the clock was set back) count too.
"""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, select

from cuvee.sql.database import insert_or_add
from cuvee.sql.schema import metadata

__all__ = ["LONGEST", "Impressions", "count_shown", "counted", "impressions"]

LONGEST = 90 * 86_400
"""Seconds after which a count is deleted: the longest window there is."""

_MINUTE = 60
_PREFIX = "cap\n"

_counters, _shown = metadata.tables["user_counters"], metadata.tables["recommendations"].c


@dataclass(frozen=True)
class Impressions:
    """What one person was shown."""

    minutes: Sequence[tuple[str, int, float]] = ()
    """(name, start of the minute in unix seconds, count)."""
    pending: Mapping[str, int] = field(default_factory=dict)
    """Name -> count of answers that are given but not yet written down."""

    def within(self, seconds: float, now: float) -> Counter[str]:
        """Return name -> count in the last seconds."""
        found: Counter[str] = Counter(self.pending)
        for name, start, value in self.minutes:
            if start + _MINUTE > now - seconds:
                found[name] += int(value)
        return found


def count_shown(connection: Connection, number: int, names: Iterable[str], now: float) -> None:
    """Count once more for each name, in the transaction of the answer; delete what is too old to matter."""
    start = int(now // _MINUTE) * _MINUTE
    rows = [
        {"user_no": number, "name": _PREFIX + name, "window_start": start, "value": float(count)}
        for name, count in Counter(names).items()
    ]
    mine = (_counters.c.user_no == number) & _counters.c.name.startswith(_PREFIX, autoescape=True)
    connection.execute(delete(_counters).where(mine, _counters.c.window_start < start - LONGEST - _MINUTE))
    insert_or_add(connection, _counters, rows, ("user_no", "name", "window_start"), "value")


def impressions(
    connection: Connection, number: int | None, seconds: float, pending: Mapping[str, Sequence[str]]
) -> Impressions:
    """Return what one person was shown in the last seconds.

    Args:
        connection: one state of the database.
        number: of the person; None: nobody the database knows.
        seconds: how far to look back.
        pending: recommendation -> names of counts, of what was not written down a moment ago.
    """
    minutes = [] if number is None else counted(connection, number, seconds)
    done: set[str] = set()
    if pending:
        noted = select(_shown.recommendation_id).where(_shown.recommendation_id.in_(list(pending)))
        done = set(connection.execute(noted).scalars())
    return Impressions(minutes, Counter(name for r, names in pending.items() if r not in done for name in names))


def counted(connection: Connection, number: int, seconds: float) -> list[tuple[str, int, float]]:
    """Return what one person was shown in the last seconds, by minute."""
    since = int(time.time() - seconds - _MINUTE)
    mine = (_counters.c.user_no == number) & (_counters.c.window_start >= since)
    wanted = select(_counters.c.name, _counters.c.window_start, _counters.c.value).where(mine)
    found = connection.execute(wanted.where(_counters.c.name.startswith(_PREFIX, autoescape=True)))
    return [(row.name.removeprefix(_PREFIX), row.window_start, row.value) for row in found]
