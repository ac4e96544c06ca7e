"""Whether the database can be reached. While it cannot, nobody waits for it: one thread keeps trying, all others are
told at once.

Reference: M. Nygard, "Release It!", 2nd edition 2018, section 5.2 (circuit breaker).
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection

from cuvee.sql.database import reading

__all__ = ["TROUBLE", "Away", "Reach", "brief"]

logger = logging.getLogger(__name__)

TROUBLE = (OperationalError, InterfaceError, InternalError, NoConnection)
"""What a database that is away, hung, locked, full or read-only makes SQLAlchemy raise."""
_PATIENCE = 2.0
"""Seconds that requests of a process wait for a silent database, once: they all share one thread."""
_PAUSE = 0.25
"""Seconds between two tries."""


def brief(error: Exception) -> str:
    """Return what went wrong in a line of a log: no statement, nobody's id."""
    return str(error).partition("\n")[0]


class Away(ConnectionError):
    """The database could not be reached a moment ago."""


class Reach:
    """The database of one process, as far as it can be reached."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine
        self._trying = threading.Lock()

    @property
    def away(self) -> bool:
        return self._trying.locked()

    def engine(self) -> Engine:
        """Return the connections.

        Raises:
            Away: there are none now.
        """
        if self.away:
            raise Away("the database cannot be reached")
        return self._engine()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database.

        Raises:
            Away: it cannot be reached; others are told so at once until it can.
        """
        try:
            with reading(self.engine(), _PATIENCE) as connection:
                yield connection
        except TROUBLE as error:
            if self._trying.acquire(blocking=False):
                logger.error("the database cannot be read: %s", brief(error))
                threading.Thread(target=self._try, daemon=True).start()
            raise Away("the database cannot be reached") from error

    def _try(self) -> None:
        start = time.monotonic()
        try:
            while not self._answers():
                time.sleep(_PAUSE)
        finally:
            self._trying.release()
        logger.info("the database is back after %.1f s", time.monotonic() - start)

    def _answers(self) -> bool:
        try:
            with reading(self._engine(), _PATIENCE) as connection:
                return bool(connection.execute(text("SELECT 1")).scalar())
        except TROUBLE:
            return False
