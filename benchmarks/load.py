"""Open-loop load: requests are sent when they are due, whatever became of those before, over HTTP/1.1.

Seconds count from when a request was due, so that waiting for a server that is behind counts too; a load that waits for
answers before it asks again would hide just that. Reference: G. Tene, "How not to measure latency", 2013 (coordinated
omission).
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Load", "Request", "Told", "at_rate", "percentiles", "send", "sent_together"]

_CONNECTIONS = 256
_WITHIN = 120.0
"""Seconds after the last request was due, when what is not answered yet counts as failed."""

Times = NDArray[np.float64]


@dataclass(frozen=True)
class Request:
    """What is sent."""

    path: str
    body: bytes
    key: str = ""

    @property
    def raw(self) -> bytes:
        key = f"Authorization: Bearer {self.key}\r\n" if self.key else ""
        head = f"POST {self.path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{key}"
        return f"{head}Content-Length: {len(self.body)}\r\n\r\n".encode() + self.body


@dataclass(frozen=True)
class Load:
    """Requests and when they are due."""

    due: Times
    """(n,) seconds from the start, ascending."""
    make: Callable[[int], Request]
    """The n-th request, made just before it is sent."""
    connections: int = _CONNECTIONS
    """At once, at most: a request that is due and finds none free waits, and its time runs."""


@dataclass
class Told:
    """What became of the requests of a load."""

    seconds: Times
    """(n,) from when each was due until its answer was there; inf where none came."""
    late: Times
    """(n,) from when each was due until the generator turned to it: its own slowness."""
    done: Times
    """(n,) when its answer was there, from the start."""
    statuses: Counter[int] = field(default_factory=Counter)
    """0 where no answer came."""
    body: bytes = b""
    """The last answer."""

    @property
    def rate(self) -> float:
        """Answers a second, from the start until the last."""
        there = self.done[np.isfinite(self.done)]
        return len(there) / float(there.max()) if len(there) else 0.0


def at_rate(rate: float, seconds: float, rng: np.random.Generator) -> Times:
    """Return when the requests of a Poisson process are due."""
    count = int(rate * seconds)
    return np.cumsum(rng.exponential(1 / rate, count))


def percentiles(values: Times) -> dict[str, float]:
    """Return p50, p95, p99 and the largest: the smallest value that so many percent do not exceed."""
    ordered = np.sort(values)
    places = {f"p{p}": int(np.ceil(p / 100 * len(ordered))) - 1 for p in (50, 95, 99)}
    return {name: float(ordered[place]) for name, place in places.items()} | {"max": float(ordered[-1])}


def sent_together(port: int, loads: Sequence[Load]) -> list[Told]:
    """Send several loads side by side to 127.0.0.1 and return what became of each."""

    async def all_of() -> list[Told]:
        return list(await asyncio.gather(*(send(port, load) for load in loads)))

    return asyncio.run(all_of())


async def send(port: int, load: Load) -> Told:
    """Send one load; it ends by itself."""
    count = len(load.due)
    told = Told(np.full(count, np.inf), np.full(count, np.inf), np.full(count, np.inf))
    free: list[_Connection] = []
    slots, start = asyncio.Semaphore(load.connections), time.perf_counter()

    async def one(n: int) -> None:
        async with slots:
            connection = free.pop() if free else await _connected(port)
            status, told.body = await connection.ask(load.make(n).raw)
            told.done[n] = time.perf_counter() - start
            told.seconds[n] = told.done[n] - load.due[n]
            told.statuses[status] += 1
            if not connection.closed:
                free.append(connection)

    tasks = []
    for n, due in enumerate(load.due):
        wait = due - (time.perf_counter() - start)
        if wait > 0:
            await asyncio.sleep(wait)
        told.late[n] = time.perf_counter() - start - due
        tasks.append(asyncio.create_task(one(n)))
    _, pending = await asyncio.wait(tasks, timeout=_WITHIN)
    for task in pending:
        task.cancel()
    failed = len(pending) + sum(1 for task in tasks if task.done() and not task.cancelled() and task.exception())
    if failed:
        told.statuses[0] += failed
    for connection in free:
        connection.close()
    return told


async def _connected(port: int) -> "_Connection":
    loop = asyncio.get_running_loop()
    return (await loop.create_connection(_Connection, "127.0.0.1", port))[1]


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._got = bytearray()
        self._whole: asyncio.Future[tuple[int, bytes]] | None = None
        self._transport: asyncio.Transport | None = None
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if self._whole is not None and not self._whole.done():
            self._whole.set_exception(exc or ConnectionResetError("closed before the answer"))

    def ask(self, raw: bytes) -> "asyncio.Future[tuple[int, bytes]]":
        """Send a request; the status and the body follow."""
        assert self._transport is not None
        self._got.clear()
        self._whole = asyncio.get_running_loop().create_future()
        self._transport.write(raw)
        return self._whole

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._got += data
        end = self._got.find(b"\r\n\r\n")
        if end < 0 or self._whole is None or self._whole.done():
            return
        head = bytes(self._got[:end]).lower()
        length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        if len(self._got) >= end + 4 + length:
            self._whole.set_result((int(head[9:12]), bytes(self._got[end + 4 :])))
