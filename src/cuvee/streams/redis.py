"""Redis Streams, read by a consumer group.

Reference: the documentation of Redis, "Redis Streams" (consumer groups, XREADGROUP, XAUTOCLAIM, XACK).
"""

import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from cuvee.errors import ConfigError
from cuvee.protocols.streams import Entry

__all__ = ["Redis", "RedisSubscription"]

T = TypeVar("T")

_PASSWORD = "CUVEE_REDIS_PASSWORD"
_TIMEOUT = 10.0
"""Seconds of silence after which Redis counts as gone."""
_PASSING = (redis.ReadOnlyError, redis.exceptions.MasterDownError, redis.exceptions.OutOfMemoryError)
"""What a Redis says that may take writes again in a moment."""
_REFUSED = 100_000
"""Entries that were put aside and are kept, about."""


@dataclass(frozen=True)
class Redis:
    """A stream in Redis 6.2 or newer. Entries put aside are in the stream `STREAM:refused`, each with its `reason`."""

    url: str = "redis://127.0.0.1:6379/0"
    """`redis://`, or `rediss://` for TLS; the password is read from CUVEE_REDIS_PASSWORD."""
    stream: str = "events"
    """Key of the stream."""
    group: str = "cuvee"
    """Consumer group; made where it is missing, from the first entry of the stream on."""
    consumer: str = ""
    """Name of this reader, which no other may have; "": host and process."""
    idle: float = 30.0
    """Seconds after which what another reader took and did not acknowledge is taken over."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("redis", "rediss"):
            raise ConfigError(
                f"{parts.scheme!r} is no scheme of Redis: write redis://HOST:PORT/0, or rediss:// for TLS"
            )
        if parts.password is not None or "password=" in parts.query:
            raise ConfigError(f"the URL of {parts.hostname} holds a password; leave it out and set {_PASSWORD}")
        if not self.idle > 0:
            raise ConfigError(f"idle must be more than 0 seconds, got {self.idle}")

    def subscribe(self) -> "RedisSubscription":
        name = self.consumer or f"{socket.gethostname()}-{os.getpid()}"
        # a retry of ours would hide entries that were handed out but never arrived
        options: dict[str, Any] = {"socket_timeout": _TIMEOUT, "socket_connect_timeout": 2.0, "protocol": 2}
        options |= {"retry": Retry(NoBackoff(), 0), "password": os.environ.get(_PASSWORD)}
        return RedisSubscription(self, name, redis.Redis.from_url(self.url, **options))


@dataclass
class RedisSubscription:
    """A reader of the group."""

    stream: Redis
    name: str
    client: redis.Redis
    _cursor: bytes = b"0-0"
    """Where the search for what others left goes on."""
    _searched: float = field(default=-1e9)
    """When it was last at the end, by the monotonic clock."""

    def take(self, most: int, seconds: float) -> list[Entry]:
        return self._told(lambda: self._left_by_others(most) or self._new(most, seconds)) or []

    def acknowledge(self, entries: Sequence[Entry]) -> None:
        if entries:
            numbers = [entry.number for entry in entries]
            self._told(lambda: self.client.xack(self.stream.stream, self.stream.group, *numbers))

    def refuse(self, refused: Sequence[tuple[Entry, str]]) -> None:
        if not refused:
            return
        pipeline = self.client.pipeline(transaction=True)
        for entry, reason in refused:
            row: Any = {**entry.fields, b"entry": entry.number, b"reason": reason}
            pipeline.xadd(f"{self.stream.stream}:refused", row, maxlen=_REFUSED, approximate=True)
            pipeline.xack(self.stream.stream, self.stream.group, entry.number)
        self._told(pipeline.execute)

    def _new(self, most: int, seconds: float) -> list[Entry]:
        where: Any = {self.stream.stream: ">"}
        block = max(1, int(seconds * 1000))
        found: Any = self.client.xreadgroup(self.stream.group, self.name, where, count=most, block=block)
        return [_entry(number, fields) for _, entries in found or [] for number, fields in entries]

    def _left_by_others(self, most: int) -> list[Entry]:
        """Take over what nobody has acknowledged for too long; a search goes through all of it, part by part."""
        if self._cursor == b"0-0" and time.monotonic() - self._searched < self.stream.idle / 2:
            return []
        idle = int(self.stream.idle * 1000)
        found: Any = self.client.xautoclaim(
            self.stream.stream, self.stream.group, self.name, idle, self._cursor, count=most
        )
        self._cursor, entries = found[0], found[1]
        if self._cursor == b"0-0":
            self._searched = time.monotonic()
        return [_entry(number, fields) for number, fields in entries]

    def _told(self, ask: Callable[[], T]) -> T | None:
        """Return what Redis says; None where there was no group yet: then it was made."""
        url = self.stream.url
        try:
            return ask()
        except (redis.AuthenticationError, redis.exceptions.NoPermissionError) as error:
            raise ConfigError(f"{url} refuses us: {error}; the password is read from {_PASSWORD}") from error
        except (redis.ConnectionError, redis.TimeoutError, *_PASSING) as error:
            raise ConnectionError(f"{url} cannot be reached: {error}") from error
        except redis.ResponseError as error:
            if not str(error).startswith(("NOGROUP", "UNBLOCKED")):  # UNBLOCKED: removed while we waited
                raise ConfigError(f"{url}, stream {self.stream.stream!r}: {error}") from error
        self._told(self._make_group)
        return None

    def _make_group(self) -> None:
        try:
            self.client.xgroup_create(self.stream.stream, self.stream.group, id="0", mkstream=True)
        except redis.ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):  # another reader was faster
                raise


def _entry(number: bytes, fields: Any) -> Entry:
    return Entry(number.decode(), fields or {})
