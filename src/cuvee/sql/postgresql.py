"""Connections to PostgreSQL that do not wait for ever: a server that says nothing for too long counts as gone.

The server's own `statement_timeout` cannot see to that: a server that hangs does not look at its clock either.
"""

import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Engine, event

__all__ = ["bound"]

T = TypeVar("T")

_CONNECT = "2"
"""Seconds for a new connection."""


class _Connection(psycopg.Connection[Any]):
    patience: float | None = 2.0
    """Seconds of silence after which the server counts as gone; None: never."""

    def wait(self, gen: Generator[Any, Any, T], *given: Any, **named: Any) -> T:
        return super().wait(self._watched(gen), *given, **named)

    def _watched(self, gen: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
        """Pass on what the driver waits for; it looks in every tenth of a second when nothing is there."""
        heard, ready = time.monotonic(), None
        while True:
            try:
                wanted = gen.send(ready)
            except StopIteration as over:
                found: T = over.value
                return found
            ready = yield wanted
            if ready:
                heard = time.monotonic()
            elif self.patience is not None and time.monotonic() - heard > self.patience:
                self.pgconn.finish()
                raise psycopg.OperationalError(f"the server has said nothing for {self.patience:g} s")


def bound(engine: Engine, lock_timeout: float) -> None:
    """Make the engine's connections such, which also wait at most `lock_timeout` seconds for other writers."""

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: Any, _record: Any, given: list[Any], named: dict[str, Any]) -> Any:
        options = f"{named.pop('options', '')} -c lock_timeout={int(lock_timeout * 1000)}".strip()
        return _Connection.connect(*given, **{"connect_timeout": _CONNECT, **named}, options=options)
