"""PostgreSQL stops, hangs and starts again under load: answers go on, writes are told to wait, nobody restarts us."""

import logging
import os
import re
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.serve.conftest import Running, running
from tests.servers import Server, postgresql


@pytest.fixture(scope="module")
def database() -> Iterator[Server]:
    """One of our own: others would miss it."""
    with postgresql() as server:
        yield server


@pytest.fixture(scope="module")
def service(bundle: Path, database: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(bundle, tmp_path_factory.mktemp("service"), 1, database=database.url) as started:
        yield started


def recommend(service: Running, **body: Any) -> dict[str, Any]:
    answer = service.client.post("/v1/recommendations", json={"k": 200, **body})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def items(answer: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in answer["items"]]


def event(name: str, item: str = "i01") -> dict[str, Any]:
    return {"events": [{"event_id": name, "user_id": "ann", "item_id": item, "kind": "buy"}]}


def figure(service: Running, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", service.client.get("/metrics").text, re.MULTILINE)
    return 0.0 if found is None else float(found[1])


def until_whole(service: Running) -> float:
    """Ask until an answer is not degraded; return the seconds that took."""
    start = time.monotonic()
    while recommend(service)["degraded"]:
        assert time.monotonic() < start + 30
        time.sleep(0.02)
    return time.monotonic() - start


@dataclass
class Load:
    """Somebody who asks and sends all the time; what they were told."""

    service: Running
    name: str = field(default_factory=lambda: uuid.uuid4().hex)
    """Of its events, which are no other's."""
    asked: Counter[tuple[int, bool]] = field(default_factory=Counter)
    sent: Counter[int] = field(default_factory=Counter)
    stored: list[str] = field(default_factory=list)
    slowest: float = 0.0

    def run(self, over: threading.Event) -> None:
        own = {"base_url": self.service.client.base_url, "headers": self.service.client.headers}
        with httpx.Client(**own, timeout=30) as client:  # type: ignore[arg-type]
            while not over.wait(0.02):
                start = time.monotonic()
                answer = client.post("/v1/recommendations", json={"user_id": "u04", "k": 5})
                self.slowest = max(self.slowest, time.monotonic() - start)
                self.asked[answer.status_code, answer.status_code == 200 and answer.json()["degraded"]] += 1
                name = f"{self.name}-{sum(self.sent.values())}"
                told = client.post("/v1/events", json=event(name))
                self.sent[told.status_code] += 1
                if told.status_code == 201:
                    self.stored.append(name)
                else:
                    assert int(told.headers["retry-after"]) >= 1


def loaded(service: Running, database: Server, times: int, seconds: float) -> Load:
    """Stop and start PostgreSQL under load."""
    load, over = Load(service), threading.Event()
    thread = threading.Thread(target=load.run, args=(over,))
    thread.start()
    try:
        for n in range(times):
            time.sleep(seconds)
            database.stop((signal.SIGINT, signal.SIGQUIT)[n % 2])
            time.sleep(seconds)
            database.start()
            until_whole(service)
    finally:
        over.set()
        thread.join()
    return load


def outlives(service: Running, database: Server, times: int, seconds: float) -> Load:
    start = len(service.log.read(0, 1_000_000))
    load = loaded(service, database, times, seconds)
    assert {status for status, _ in load.asked} == {200}
    assert load.asked[200, True] > 0
    assert load.asked[200, False] > 0
    assert set(load.sent) == {201, 503}
    found = service.log.read(0, 1_000_000)["event_id"].to_list()[start:]
    assert len(found) == len(set(found))
    assert set(load.stored) <= set(found)
    assert load.slowest < 5
    return load


def test_answers_while_the_database_is_away(service: Running, database: Server) -> None:
    service.client.post("/v1/items/i06:hide")
    service.client.post("/v1/events", json=event("before"))
    known = items(recommend(service, user_id="ann"))
    assert "i01" not in known
    noted = figure(service, "cuvee_answers_not_noted_total")
    database.stop()
    answer = recommend(service, user_id="ann")
    assert answer["degraded"]
    assert not answer["personal"]  # whether she refuses cannot be known
    assert "i01" in items(answer)
    assert "i06" not in items(answer)  # hidden when it was last known
    session = recommend(service, items=["i01"])
    assert session["degraded"]
    assert session["personal"]
    assert items(session) == [i for i in known if i != "i06"]
    refused = service.client.post("/v1/events", json=event("meanwhile"))
    assert refused.status_code == 503
    assert refused.headers["retry-after"]
    assert refused.headers["content-type"] == "application/problem+json"
    assert service.client.get("/v1/popular").status_code == 200
    assert service.client.get("/v1/items/i03/similar").status_code == 200
    search = service.client.post("/v1/search", json={"text": "mug", "user_id": "ann", "personalise": 0.5})
    assert search.status_code == 200, search.text
    assert search.json()["degraded"]
    assert not search.json()["personal"]
    assert service.client.get("/readyz").status_code == 503
    assert service.client.get("/livez").status_code == 200
    with httpx.Client(base_url=service.client.base_url, timeout=20) as stranger:
        key = service.client.headers["authorization"]
        unknown = stranger.get("/v1/popular", headers={"Authorization": f"{key}x"})
        assert unknown.status_code == 503  # not 401: nobody can say
        assert stranger.get("/v1/popular").status_code == 401
    assert figure(service, "cuvee_degraded_answers_total") >= 2
    database.start()
    until_whole(service)
    assert items(recommend(service, user_id="ann")) == known
    assert service.client.post("/v1/events", json=event("meanwhile")).status_code == 201
    assert figure(service, "cuvee_answers_not_noted_total") >= noted + 2


def test_a_server_that_hangs_is_waited_for_once(service: Running, database: Server) -> None:
    """A stopped process keeps its connections open and says nothing."""
    until_whole(service)
    children = Path(f"/proc/{database.pid}/task/{database.pid}/children").read_text().split()
    everybody = [database.pid, *map(int, children)]
    for pid in everybody:
        os.kill(pid, signal.SIGSTOP)
    try:
        start = time.monotonic()
        assert recommend(service, user_id="ann")["degraded"]
        first = time.monotonic() - start
        start = time.monotonic()
        for _ in range(20):
            assert recommend(service, user_id="ann")["degraded"]
        others = (time.monotonic() - start) / 20
        assert others < 0.5
        for path in ("/v1/users/ann/consent", "/v1/events", "/v1/trending", "/v1/models"):
            refused = service.client.get(path)
            assert refused.status_code == 503, path
        assert time.monotonic() - start < 4
    finally:
        for pid in reversed(everybody):
            os.kill(pid, signal.SIGCONT)
    assert first < 6
    logging.getLogger(__name__).info("hung: the first answer after %.2f s, others after %.4f s", first, others)
    until_whole(service)
    assert service.client.post("/v1/events", json=event("after")).status_code == 201


def test_stopped_and_started_under_load(service: Running, database: Server) -> None:
    outlives(service, database, 1, 0.5)


@pytest.mark.drill
def test_stopped_and_started_under_load_many_times(service: Running, database: Server) -> None:
    load = outlives(service, database, 10, 2.0)
    logging.getLogger(__name__).info("%s %s slowest %.2f s", load.asked, load.sent, load.slowest)
