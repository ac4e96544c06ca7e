"""Nothing acknowledged is lost: after kill -9, with two processes at once, and at speed."""

import multiprocessing
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from cuvee.logs.sql import SqlLog
from tests.logs.conftest import batch

APPEND = """
import sys, polars as pl
from cuvee.logs.sql import SqlLog
log = SqlLog(sys.argv[1])
n = 0
while True:
    ids = [f"{n + i}" for i in range(20)]
    log.append(pl.DataFrame({"event_id": ids, "user_id": ids, "item_id": ids, "kind": ["view"] * 20}))
    n += 20
    print(n, flush=True)
"""


@pytest.mark.slow
def test_acknowledged_events_survive_kill_9(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/events.db"
    process = subprocess.Popen([sys.executable, "-c", APPEND, url], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    acknowledged = 0
    for line in process.stdout:
        acknowledged = int(line)
        if acknowledged >= 200:
            process.send_signal(signal.SIGKILL)
            break
    acknowledged = max([acknowledged, *map(int, process.stdout.read().split())])
    process.wait()
    process.stdout.close()
    log = SqlLog(url)
    got = log.read(0, 1_000_000)["event_id"].cast(pl.Int64).to_list()
    assert got == list(range(len(got))), "none twice, none in between missing"
    assert acknowledged <= len(got) <= acknowledged + 20
    assert len(got) % 20 == 0, "a batch is there whole or not at all"
    log.close()


def work(url: str, start: int) -> None:
    log = SqlLog(url)
    for n in range(start, start + 600, 20):
        log.append(batch(20, start=n, user=f"user {n % 3}"))
    log.close()


@pytest.mark.slow
def test_two_processes_lose_and_duplicate_nothing(tmp_path: Path) -> None:
    """They start on no database at all, and half of what they send is the same."""
    url = f"sqlite:///{tmp_path}/events.db"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=work, args=(url, start)) for start in (0, 300)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [p.exitcode for p in processes] == [0, 0]
    log = SqlLog(url)
    got = log.read(0, 10_000)
    assert sorted(got["event_id"].to_list()) == sorted(f"e{n}" for n in range(900))
    assert got["offset"].is_sorted()
    log.close()


@pytest.mark.slow
def test_twenty_thousand_events_a_second(file_log: SqlLog) -> None:
    """Seconds of CPU, so that a busy machine does not fail it."""
    users = [f"user {n * n % 10_007}" for n in range(40_000)]
    events = batch(40_000, time=[1_700_000_000 + n for n in range(40_000)]).with_columns(user_id=pl.Series(users))
    start = time.process_time()
    file_log.append(events)
    assert 40_000 / (time.process_time() - start) > 20_000
