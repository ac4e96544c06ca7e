"""kill -9 in the middle of ingesting: what was acknowledged is there, once, and the service is soon back."""

import itertools
import logging
import os
import random
import signal
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from cuvee.logs.sql import SqlLog
from tests.serve.conftest import Running, running
from tests.servers import Server, fresh_database

_LOG = logging.getLogger(__name__)
_SENDERS = 4
_SLOWEST = 5.0
"""Seconds from the start to being ready, on a machine that does nothing else; in CI it may be busy."""


class Senders:
    """Send batches until the service goes; what was not acknowledged is the first to be sent to the next one."""

    def __init__(self) -> None:
        self.numbers = itertools.count()
        self.acknowledged: list[str] = []
        self.open: list[list[str]] = []
        self._turn = threading.Lock()

    def until_killed(self, service: Running, seconds: float) -> None:
        threads = [threading.Thread(target=self._send, args=(service,)) for _ in range(_SENDERS)]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        os.kill(service.process.pid, signal.SIGKILL)
        service.process.wait()
        for thread in threads:
            thread.join()

    def finish(self, service: Running) -> None:
        """Send again what is open."""
        while self.open:
            ids = self.open.pop()
            assert service.client.post("/v1/events", json=batch(ids)).status_code == 201
            self.acknowledged += ids

    def _send(self, service: Running) -> None:
        with httpx.Client(base_url=service.client.base_url, timeout=20) as client:
            while True:
                with self._turn:
                    ids = (
                        self.open.pop()
                        if self.open
                        else [f"e{next(self.numbers)}" for _ in range(random.randint(1, 9))]
                    )
                try:
                    answer = client.post("/v1/events", json=batch(ids))
                except httpx.TransportError:
                    self.open.append(ids)
                    return
                assert answer.status_code == 201, answer.text
                self.acknowledged += ids


def batch(ids: list[str]) -> dict[str, Any]:
    return {"events": [{"event_id": i, "user_id": f"u{hash(i) % 50}", "item_id": "i01", "kind": "view"} for i in ids]}


def survives(bundle: Path, folder: Path, url: str | None, kills: int) -> list[float]:
    """Kill so many times; return the seconds each start took to be ready."""
    log, senders, starts = SqlLog(url or f"sqlite:///{folder}/cuvee.db"), Senders(), []
    rng = random.Random(0)
    for n in range(kills + 1):
        start = time.monotonic()
        with running(bundle, folder, 1, demo=True, database=url) as service:
            starts.append(time.monotonic() - start)
            found = Counter(log.read(0, 10_000_000)["event_id"].to_list())
            assert set(found.values()) <= {1}
            assert set(senders.acknowledged) <= set(found), "acknowledged and lost"
            if n < kills:
                senders.until_killed(service, rng.uniform(0.1, 1.0))
            else:
                senders.finish(service)
    found = Counter(log.read(0, 10_000_000)["event_id"].to_list())
    assert found == Counter(set(senders.acknowledged))
    assert len(found) > 50 * kills
    log.close()
    _LOG.info("%d events, %d kills; ready after %.1f to %.1f s", len(found), kills, min(starts), max(starts))
    return starts


def test_killed_while_it_takes_events(bundle: Path, tmp_path: Path) -> None:
    survives(bundle, tmp_path, None, 2)


@pytest.mark.drill
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_killed_twenty_times(bundle: Path, tmp_path: Path, kind: str, postgres: Server) -> None:
    starts = survives(bundle, tmp_path, None if kind == "sqlite" else fresh_database(postgres), 20)
    assert sorted(starts)[len(starts) // 2] < 2 * _SLOWEST


def test_a_write_ahead_log_cut_anywhere(tmp_path: Path) -> None:
    """At a hundred random offsets: it opens, and what is there is what was committed up to some commit."""
    whole = tmp_path / "whole"
    whole.mkdir()
    log = SqlLog(f"sqlite:///{whole}/cuvee.db")
    sizes = []
    for n in range(12):
        log.append(events(20 * n, 20))
        sizes.append((whole / "cuvee.db-wal").stat().st_size)
    content, ahead = (whole / "cuvee.db").read_bytes(), (whole / "cuvee.db-wal").read_bytes()
    log.close()
    assert len(ahead) > 100_000
    rng = random.Random(1)
    for n, offset in enumerate([len(ahead), *(rng.randrange(len(ahead)) for _ in range(100))]):
        folder = tmp_path / str(n)
        folder.mkdir()
        (folder / "cuvee.db").write_bytes(content)
        (folder / "cuvee.db-wal").write_bytes(ahead[:offset])
        cut = SqlLog(f"sqlite:///{folder}/cuvee.db")
        found = cut.read(0, 1_000)["event_id"].to_list()
        whole_commits = sum(size <= offset for size in sizes)
        assert found == [f"e{i}" for i in range(20 * whole_commits)], offset
        cut.append(events(1_000, 1))  # and it takes more
        assert cut.read(0, 1_000)["event_id"].to_list()[-1] == "e1000"
        cut.close()


def events(start: int, count: int) -> pl.DataFrame:
    ids = [f"e{n}" for n in range(start, start + count)]
    return pl.DataFrame({"event_id": ids, "user_id": ids, "item_id": ids, "kind": ["view"] * count})
