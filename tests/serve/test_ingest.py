"""`cuvee ingest` in processes that are killed: every event of the stream is in the log, once."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from cuvee.logs.sql import SqlLog
from tests.servers import Server, fresh_database, redis_server

_LOG = logging.getLogger(__name__)


@pytest.fixture(scope="module")
def queue() -> Iterator[Server]:
    with redis_server() as server:
        yield server


@contextmanager
def ingester(queue: Server, where: list[str], stream: str, *more: str) -> "Iterator[subprocess.Popen[str]]":
    words = ["ingest", queue.url, "--stream", stream, "--idle", "0.3", *where, *more]
    with subprocess.Popen([sys.executable, "-m", "cuvee", *words], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.wait(20)


def fill(client: redis.Redis, stream: str, count: int) -> None:
    """Add events, every tenth of which comes again."""
    pipeline = client.pipeline()
    for n in range(count):
        for _ in range(2 if n % 10 == 0 else 1):
            event = {"event_id": f"e{n}", "user_id": f"u{n % 97}", "item_id": f"i{n % 31}", "kind": "view"}
            pipeline.xadd(stream, {"event": json.dumps(event)})
    pipeline.execute()


def lag(client: redis.Redis, stream: str) -> int:
    """Return how many entries have not been acknowledged, handed out or not."""
    groups: Any = client.xinfo_groups(stream)
    return client.xlen(stream) if not groups else int(groups[0]["lag"] or 0) + int(groups[0]["pending"])


def survives(queue: Server, log: SqlLog, where: list[str], kills: int, count: int) -> None:
    stream = f"killed-{count}-{log.engine.dialect.name}"
    with redis.Redis.from_url(queue.url) as client:
        fill(client, stream, count)
        for n in range(kills):
            goal = count * (n + 1) // (kills + 2)
            with ingester(queue, where, stream, "--batch", "20") as process:
                while len(log.read(0, count)) < goal:
                    assert process.poll() is None
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
        assert lag(client, stream) > 0
        with ingester(queue, where, stream, "--batch", "200"):
            end = time.monotonic() + 60
            while lag(client, stream):
                assert time.monotonic() < end
                time.sleep(0.02)
    assert sorted(log.read(0, 2 * count)["event_id"].to_list()) == sorted(f"e{n}" for n in range(count))


def test_killed_in_the_middle_everything_is_there_once(queue: Server, tmp_path: Path) -> None:
    log = SqlLog(f"sqlite:///{tmp_path}/cuvee.db")
    survives(queue, log, ["--data", str(tmp_path)], 1, 600)
    log.close()


@pytest.mark.drill
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_killed_five_times(queue: Server, tmp_path: Path, kind: str, postgres: Server) -> None:
    url = f"sqlite:///{tmp_path}/cuvee.db" if kind == "sqlite" else fresh_database(postgres)
    log = SqlLog(url)
    survives(queue, log, ["--database", url], 5, 6_000)
    log.close()


@pytest.mark.drill
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_events_a_second(queue: Server, tmp_path: Path, kind: str, postgres: Server) -> None:
    """At least 2,000 a second beside everything else; one reader."""
    log = SqlLog(f"sqlite:///{tmp_path}/cuvee.db" if kind == "sqlite" else fresh_database(postgres))
    stream = f"fast-{kind}"
    with redis.Redis.from_url(queue.url) as client:
        fill(client, stream, 50_000)
        total = client.xlen(stream)
        with ingester(queue, ["--database", log.url], stream):
            while not client.exists(stream) or lag(client, stream) == total:
                time.sleep(0.005)
            start = time.monotonic()
            while lag(client, stream):
                time.sleep(0.005)
            seconds = time.monotonic() - start
    assert len(log.read(0, 100_000)) == 50_000
    _LOG.info("%s: %.0f events a second", kind, total / seconds)
    assert total / seconds > 2_000
    log.close()
