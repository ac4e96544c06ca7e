"""A real Redis: entries are handed out once, to another reader when the first one went, and put aside with a reason."""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from cuvee.errors import ConfigError
from cuvee.logs.sql import SqlLog
from cuvee.serve.ingest import ingest
from cuvee.sql.database import writing
from cuvee.streams.redis import Redis
from tests.servers import Server, redis_server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with redis_server() as started:
        yield started


@pytest.fixture
def client(server: Server) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url) as client:
        client.flushall()
        yield client


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqlLog]:
    log = SqlLog(f"sqlite:///{tmp_path}/log.db", busy_timeout=0.2)
    yield log
    log.close()


def add(client: redis.Redis, *names: str, **more: Any) -> None:
    for name in names:
        event = {"event_id": name, "user_id": "ann", "item_id": "lamp", "kind": "buy", **more}
        client.xadd("events", {"event": json.dumps(event)})


def stored(log: SqlLog) -> list[str]:
    found: list[str] = log.read(0, 100_000)["event_id"].to_list()
    return found


def wait_for(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)


@contextmanager
def ingesting(log: SqlLog, stream: Redis, most: int = 100) -> Iterator[None]:
    over = threading.Event()
    thread = threading.Thread(target=ingest, args=(log, stream.subscribe(), over, most))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def waiting(client: redis.Redis) -> int:
    """Return how many entries were handed out and not acknowledged."""
    found: Any = client.xpending("events", "cuvee")
    return int(found["pending"])


def test_another_reader_takes_over_what_the_first_one_left(server: Server, client: redis.Redis) -> None:
    first, second = (Redis(server.url, consumer=name, idle=0.2).subscribe() for name in ("first", "second"))
    add(client, "a", "b", "c")
    assert first.take(10, 0.01) == []  # the group was made
    taken = first.take(2, 0.01)
    assert [json.loads(entry.fields[b"event"])["event_id"] for entry in taken] == ["a", "b"]
    first.acknowledge(taken[:1])
    assert [json.loads(e.fields[b"event"])["event_id"] for e in second.take(10, 0.01)] == ["c"]
    assert second.take(10, 0.01) == []  # the first one may still be at it
    time.sleep(0.25)
    left = second.take(10, 0.01)
    assert sorted(json.loads(e.fields[b"event"])["event_id"] for e in left) == ["b", "c"]
    second.acknowledge(left)
    assert waiting(client) == 0


def test_events_are_stored_once_and_others_put_aside(server: Server, client: redis.Redis, log: SqlLog) -> None:
    add(client, "a", "b", "a")
    client.xadd("events", {"event": b"{"})
    client.xadd("events", {"evnt": b"{}"})
    add(client, "c\n")
    add(client, "d", tiem=3)
    add(client, "e", time=1.5)
    add(client, "f", weight=2)
    with ingesting(log, Redis(server.url)):
        wait_for(lambda: "f" in stored(log))
        wait_for(lambda: waiting(client) == 0)
    assert stored(log) == ["a", "b", "f"]
    aside: Any = client.xrange("events:refused")
    reasons = [fields[b"reason"].decode() for _, fields in aside]
    assert [reason.partition(":")[0] for reason in reasons] == [
        "event", "no field 'event' with a JSON object, but evnt", "event_id", "tiem", "time",
    ]  # fmt: skip
    assert aside[0][1][b"event"] == b"{"
    entries: Any = client.xrange("events")
    assert aside[0][1][b"entry"] == entries[3][0]


def test_redis_stops_and_starts(server: Server, client: redis.Redis, log: SqlLog) -> None:
    add(client, "a")
    with ingesting(log, Redis(server.url)):
        wait_for(lambda: stored(log) == ["a"])
        server.stop(signal.SIGTERM)
        time.sleep(0.3)
        server.start()
        add(client, "b")
        wait_for(lambda: stored(log) == ["a", "b"])
        client.flushall()  # the group is gone, too
        add(client, "c")
        wait_for(lambda: stored(log) == ["a", "b", "c"])


def test_nothing_is_acknowledged_while_the_database_is_locked(server: Server, client: redis.Redis, log: SqlLog) -> None:
    add(client, "a", "b")
    with writing(log.engine), ingesting(log, Redis(server.url)):
        wait_for(lambda: bool(client.exists("events")) and _groups(client) == 1 and waiting(client) == 2)
        time.sleep(0.5)  # longer than anybody waits for the lock
        assert waiting(client) == 2
    assert stored(log) == []
    with ingesting(log, Redis(server.url, idle=0.01)):
        wait_for(lambda: stored(log) == ["a", "b"])
        wait_for(lambda: waiting(client) == 0)


def _groups(client: redis.Redis) -> int:
    found: Any = client.xinfo_groups("events")
    return len(found)


def test_what_redis_refuses_for_good_is_said(server: Server, client: redis.Redis) -> None:
    client.set("events", "no stream")
    with pytest.raises(ConfigError, match="stream 'events': WRONGTYPE"):
        Redis(server.url).subscribe().take(1, 0.01)


def test_a_password_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with redis_server("--aclfile", "") as server, redis.Redis.from_url(server.url) as client:
        client.config_set("requirepass", "hush")
        with pytest.raises(ConfigError, match="the password is read from CUVEE_REDIS_PASSWORD"):
            Redis(server.url).subscribe().take(1, 0.01)
        monkeypatch.setenv("CUVEE_REDIS_PASSWORD", "hush")
        assert Redis(server.url).subscribe().take(1, 0.01) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"url": "redis://:hush@here/0"}, "holds a password; leave it out and set CUVEE_REDIS_PASSWORD"),
        ({"url": "redis://here/0?password=hush"}, "holds a password"),
        ({"url": "http://here"}, "'http' is no scheme of Redis"),
        ({"idle": 0.0}, "idle must be more than 0 seconds"),
    ],
)
def test_settings_that_cannot_work(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        Redis(**settings)
    assert "hush" not in str(error.value)
