"""Commits together what arrives while a commit is under way, so that many small writes cost few disk syncs.

Each piece of work has a savepoint of its own: one that fails takes nothing of the others with it. What was answered is
on the disk.
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from cuvee.sql.database import writing

__all__ = ["Writer"]

T = TypeVar("T")
_Piece = tuple[Callable[[Connection], Any], "asyncio.Future[Any]"]

_TOGETHER = 256
"""Pieces of work in one transaction, at most: others wait for it."""


class Writer:
    """The one writer of a process."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine
        self._waiting: list[_Piece] = []
        self._running: asyncio.Task[None] | None = None

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in a transaction, perhaps with that of others, and return its result once it is committed.

        Raises:
            whatever `work` raises, or what kept the transaction from being committed.
        """
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, done))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._drain())
        found: T = await done
        return found

    async def close(self) -> None:
        """Wait until everything that was handed in is committed."""
        if self._running is not None:
            await self._running

    async def _drain(self) -> None:
        while self._waiting:
            pieces, self._waiting = self._waiting[:_TOGETHER], self._waiting[_TOGETHER:]
            outcome = await asyncio.to_thread(_committed, self._engine, [work for work, _ in pieces])
            for (_, done), (value, error) in zip(pieces, outcome, strict=True):
                if done.done():  # whoever asked has gone
                    continue
                if error is None:
                    done.set_result(value)
                else:
                    done.set_exception(error)


def _committed(
    engine: Callable[[], Engine], pieces: list[Callable[[Connection], Any]]
) -> list[tuple[Any, Exception | None]]:
    """Return the value or the error of every piece of work."""
    try:
        with writing(engine()) as connection:
            return [_piece(connection, work) for work in pieces]
    except Exception as error:  # noqa: BLE001 - it reaches everybody who waits: nothing was committed
        return [(None, error)] * len(pieces)


def _piece(connection: Connection, work: Callable[[Connection], Any]) -> tuple[Any, Exception | None]:
    savepoint = connection.begin_nested()
    try:
        value = work(connection)
        savepoint.commit()
    except Exception as error:
        if not savepoint.is_active or connection.invalidated:
            raise
        savepoint.rollback()
        return None, error
    return value, None
