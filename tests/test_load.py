"""The load is open-loop, its percentiles are those of the definition, and the measurement of the service runs whole."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluate import machine
from load import Load, Request, at_rate, percentiles, sent_together
from serve import EVENTS, answers, events, fresh, made, memory, running
from serve_page import serving_page

from cuvee.bundle import load_bundle
from cuvee.queries import one_each, queries_of

_TAKES, _GAP, _COUNT = 0.03, 0.01, 20


@contextmanager
def one_at_a_time(status: bytes = b"200 OK") -> Iterator[int]:
    """A server that answers one request after the other, each in `_TAKES` seconds; yields its port."""
    loop, turn = asyncio.new_event_loop(), asyncio.Lock()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            body = await reader.readexactly(length)
            async with turn:
                await asyncio.sleep(_TAKES)
            writer.write(b"HTTP/1.1 " + status + b"\r\ncontent-length: %d\r\n\r\n" % length)
            await writer.drain()
            await asyncio.sleep(0.001)
            writer.write(body)  # apart from its head

    async def quiet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except asyncio.IncompleteReadError:
            writer.close()

    server = loop.run_until_complete(asyncio.start_server(quiet, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield server.sockets[0].getsockname()[1]
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    server.close()
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()


def test_waiting_counts_from_when_a_request_was_due() -> None:
    """Every 10 ms a request for which 30 ms are needed: the n-th has waited for n others, less what it came later."""
    with one_at_a_time() as port:
        load = Load(_GAP * np.arange(_COUNT, dtype=np.float64), lambda n: Request("/", b"%d" % n))
        told = sent_together(port, [load])[0]
    assert told.statuses == {200: _COUNT}
    least = (np.arange(_COUNT) + 1) * _TAKES - np.arange(_COUNT) * _GAP
    assert (np.sort(told.seconds) >= least - 0.002).all()
    assert told.seconds.max() < least[-1] + 2
    assert told.rate == pytest.approx(_COUNT / told.done.max())
    assert told.rate <= 1 / _TAKES
    assert told.body == b"%d" % int(told.done.argmax())


def test_one_connection_lets_the_others_wait_while_their_time_runs() -> None:
    with one_at_a_time(b"503 Service Unavailable") as port:
        told = sent_together(port, [Load(np.zeros(4), lambda _: Request("/", b"x", "key"), 1)])[0]
    assert told.statuses == {503: 4}
    assert (np.sort(told.seconds) >= _TAKES * np.arange(1, 5) - 0.002).all()


def test_nobody_there_is_a_failure() -> None:
    with one_at_a_time() as port:
        pass
    told = sent_together(port, [Load(np.zeros(3), lambda _: Request("/", b"x"))])[0]
    assert told.statuses == {0: 3}
    assert np.isinf(told.seconds).all()
    assert told.rate == 0


def test_percentiles_by_the_definition() -> None:
    values = np.random.default_rng(0).permutation(200) / 10.0
    found = percentiles(values)
    for percent in (50, 95, 99):
        wanted = next(v for v in np.sort(values) if (values <= v).mean() >= percent / 100)
        assert found[f"p{percent}"] == wanted
    assert found["max"] == 19.9
    assert percentiles(np.array([7.0])) == dict.fromkeys(("p50", "p95", "p99", "max"), 7.0)


def test_requests_are_due_as_often_as_asked_for() -> None:
    due = at_rate(200, 100, np.random.default_rng(0))
    assert len(due) == 20_000
    assert due[-1] == pytest.approx(100, rel=0.03)
    assert np.diff(due).std() == pytest.approx(1 / 200, rel=0.03)  # of an exponential: its mean


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("runs"), 400, 200)


def test_answers_are_no_ties(world: Path) -> None:
    """What is measured tells items apart, for people and for nobody: equal scores would be another problem."""
    bundle = load_bundle(world / "bundle")
    scores = bundle.model.score(queries_of(bundle.data, np.arange(20, dtype=np.int32)))
    assert all(len(np.unique(row)) > 300 for row in scores)
    nobody = bundle.model.score(one_each(len(bundle.data.items), np.zeros((1, 0), np.int32)))
    assert len(np.unique(nobody)) > 5


def test_the_whole_measurement_in_small(world: Path) -> None:
    with running(world, 1, 400, 200) as service:
        found = answers(service, 0.2)
        taken = {way: events(service, way, 0.2) for way in EVENTS}
        told = {"fresh": fresh(service, 3), "memory": memory(service, 40)}
    assert all(row["statuses"].keys() == {"200"} for row in found.values())
    assert all(row["events"]["statuses"].keys() == {"201"} for row in taken.values())
    assert told["fresh"] == {"asked": 3, "gone": 3}
    assert told["memory"]["failed"] == 0
    whole: dict[str, Any] = {
        "sizes": {"400": {"1": found}, "900": {"1": found}},
        "events": taken,
        "users": 200,
        "seconds": 0.2,
    }
    page = serving_page(told | whole | {"date": "d", "machine": machine(), "versions": {"cuvee": "0"}})
    assert "gone from the very next answer 3 of 3 times" in page
    assert page.count("| yes |") + page.count("**missed**") == 4 + 1 + 2 + page.count("goal at most 5 %: **missed**")


def test_misses_are_said() -> None:
    row = {"p50": 9.0, "p95": 20.0, "p99": 25.0, "max": 30.0, "statuses": {"200": 9}, "rate": 300.0}
    late = {**row, "p99": 40.1}
    failed = {**row, "statuses": {"200": 8, "503": 1}}
    found = {"plain, cached": row, "plain, own": late, "reasons, cached": failed, "reasons, own": row,
             "most": {**row, "rate": 299.9}, "most, reasons": row}  # fmt: skip
    taken = {"events": {**row, "statuses": {"201": 9}}, "recommendations": row}
    told = {
        **{"date": "d", "machine": {"cores": 2, "cpu": "x", "python": "3"}, "versions": {}, "users": 1, "seconds": 1},
        "sizes": {"100": {"1": found}},
        "events": {"batches": {**taken, "rate": 5000.0}, "singly": {**taken, "rate": 999.9}},
        "fresh": {"asked": 2, "gone": 1},
        "memory": {"requests": 72_000, "warm_up": 1, "mb": [0, 0, 0, 100, 104, 106], "growth": 0.06, "failed": 0},
    }
    page = serving_page(told)
    assert "| without reasons | 1 | 9.0 | 20.0 | 25.0 | 30.0 | 0 | 25 | yes |" in page
    assert "a filter of its own | 1 | 9.0 | 20.0 | 40.1 | 30.0 | 0 | 25 | **missed** |" in page
    assert "| with reasons | 1 | 9.0 | 20.0 | 25.0 | 30.0 | 1 | 40 | **missed** |" in page
    assert "| 299.9 | 0 | 300 | **missed** |" in page
    assert "| in batches of 100 | 5000.0 | 5000 | yes |" in page
    assert "| singly | 999.9 | 1000 | **missed** |" in page
    assert "1 of 2 times (**missed**)" in page
    assert "10.0 % of two hours" in page
    assert "+6.0 %,\ngoal at most 5 %: **missed**" in page
