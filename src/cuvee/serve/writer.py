"""Commits together what arrives while a commit is under way, so that many small writes cost few disk syncs.

Each piece of work has a savepoint of its own: one that fails takes nothing of the others with it. What was answered is
on the disk.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

from cuvee.sql.database import writing

__all__ = ["Writer"]

T = TypeVar("T")
R = TypeVar("R")

_TOGETHER = 256
"""Pieces of work in one transaction, at most: others wait for it."""


@dataclass(frozen=True, eq=False)
class _Piece:
    """Work that somebody waits for."""

    done: "asyncio.Future[Any]"
    store: Callable[[Connection, Sequence[Any]], Any]
    rows: Sequence[Any]
    joins: bool
    """Whether the rows may be stored together with those of others that are stored in the same way."""


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
        found: T = await self._put(lambda connection, _: work(connection), (), joins=False)
        return found

    async def write_rows(self, store: Callable[[Connection, Sequence[R]], T], rows: Sequence[R]) -> T:
        """Run `store` on the rows, perhaps once on those of several who call this with the same function.

        Raises:
            as `write`.
        """
        found: T = await self._put(store, rows, joins=True)
        return found

    async def _put(self, store: Callable[[Connection, Sequence[Any]], Any], rows: Sequence[Any], *, joins: bool) -> Any:
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Piece(done, store, rows, joins))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._drain())
        return await done

    async def close(self) -> None:
        """Wait until everything that was handed in is committed."""
        if self._running is not None:
            await self._running

    async def _drain(self) -> None:
        while self._waiting:
            pieces, self._waiting = self._waiting[:_TOGETHER], self._waiting[_TOGETHER:]
            outcome = await asyncio.to_thread(_committed, self._engine, pieces)
            for piece in pieces:
                (value, error), done = outcome[piece], piece.done
                if done.done():  # whoever asked has gone
                    continue
                if error is None:
                    done.set_result(value)
                else:
                    done.set_exception(error)


def _committed(engine: Callable[[], Engine], pieces: list[_Piece]) -> dict[_Piece, tuple[Any, Exception | None]]:
    """Return the value or the error of every piece of work."""
    groups: dict[object, list[_Piece]] = {}
    for piece in pieces:
        groups.setdefault(piece.store if piece.joins else piece, []).append(piece)
    outcome: dict[_Piece, tuple[Any, Exception | None]] = {}
    try:
        with writing(engine()) as connection:
            for group in groups.values():
                outcome |= _stored(connection, group)
    except Exception as error:  # noqa: BLE001 - it reaches everybody who waits: nothing was committed
        return dict.fromkeys(pieces, (None, error))
    return outcome


def _stored(connection: Connection, group: list[_Piece]) -> dict[_Piece, tuple[Any, Exception | None]]:
    """Store the rows of a group at once; piece by piece where that fails: one takes nothing of the others with it."""
    told = _tried(connection, group[0].store, [row for piece in group for row in piece.rows])
    if told[1] is None or len(group) == 1:
        return dict.fromkeys(group, told)
    return {piece: _tried(connection, piece.store, piece.rows) for piece in group}


def _tried(
    connection: Connection, store: Callable[[Connection, Sequence[Any]], Any], rows: Sequence[Any]
) -> tuple[Any, Exception | None]:
    savepoint = connection.begin_nested()
    try:
        value = store(connection, rows)
        savepoint.commit()
    except Exception as error:
        if not savepoint.is_active or connection.invalidated:
            raise
        savepoint.rollback()
        return None, error
    return value, None
