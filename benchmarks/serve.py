"""How fast is the service, and does it stay so? A real `cuvee serve` on made-up numbers, open-loop load from beside it.

    python benchmarks/serve.py [--out FILE] [--page FILE] [--runs DIR] [--seconds N] [--replayed N]

This process sends the load, `cuvee serve` runs in its own; both share the machine's cores. Everybody who is asked for
is drawn anew for each request, so that no answer can be another's. `cached` conditions are eight, each asked for again
and again; otherwise every request has a condition of its own, which nothing that was kept can answer. What it is
measured on is made once and kept in --runs. `--replayed 720000` is two hours of 100 requests a second.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from evaluate import ONE_THREAD, machine
from load import Load, Request, Told, at_rate, percentiles, sent_together
from serve_page import serving_page

ROOT = Path(__file__).parents[1]
USERS = 100_000
SIZE, OTHER_SIZES = 100_000, (10_000, 1_000_000)
RATE = 100.0
"""Requests a second at which latency is told."""
BESIDE = 50.0
"""Recommendations a second that go on while events are taken."""
BATCH = 100
EVENTS = {"batches": 5_500.0, "singly": 1_100.0}
"""Events a second that are offered: a tenth above what is asked for."""
_AT_ONCE = 16
"""Requests under way when the most is asked that can be had."""
_PACKAGES = ("fastapi", "uvicorn", "sqlalchemy", "numpy", "scipy", "torch")


@dataclass(frozen=True)
class Running:
    """A service that runs on a copy of a world's log."""

    port: int
    key: str
    process: int
    items: int
    users: int
    event_ids: Iterator[int]

    def asking(self, rng: np.random.Generator, *, reasons: bool, cached: bool) -> Callable[[int], Request]:
        """Return what makes recommendation requests, each for somebody drawn anew."""

        def make(_: int) -> Request:
            price = 20 + 5 * int(rng.integers(8)) if cached else round(float(rng.uniform(20, 60)), 9)
            body = {
                "user_id": f"u{rng.integers(self.users)}",
                "k": 10,
                "filter": f'price < {price} and not category == "c7"',
                "reasons": reasons,
            }
            return Request("/v1/recommendations", json.dumps(body).encode(), self.key)

        return make

    def telling(self, rng: np.random.Generator, batch: int) -> Callable[[int], Request]:
        """Return what makes requests that send so many events each."""

        def make(_: int) -> Request:
            events = [
                {
                    "event_id": f"b{next(self.event_ids)}",
                    "user_id": f"u{rng.integers(self.users)}",
                    "item_id": f"i{rng.integers(self.items)}",
                    "kind": "view",
                }
                for _ in range(batch)
            ]
            return Request("/v1/events", json.dumps({"events": events}).encode(), self.key)

        return make


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "serve.json")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "serving-figures.md")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "serve")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each measurement at a rate")
    parser.add_argument("--replayed", type=int, default=30_000, help="requests while memory is watched")
    parser.add_argument("--users", type=int, default=USERS)
    parser.add_argument("--items", type=int, default=SIZE)
    parser.add_argument("--sizes", type=int, nargs="*", default=list(OTHER_SIZES), help="other numbers of items")
    given = parser.parse_args()
    start = time.perf_counter()
    told: dict[str, Any] = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "versions": {name: version(name) for name in ("cuvee", *_PACKAGES)},
        "users": given.users,
        "seconds": given.seconds,
        "sizes": {},
    }
    for items in (given.items, *given.sizes):
        world = made(given.runs, items, given.users)
        found: dict[str, Any] = {}
        for workers in (1, 2) if items == given.items else (2,):
            with running(world, workers, items, given.users) as service:
                found[str(workers)] = answers(service, given.seconds if items == given.items else given.seconds / 5)
                if items == given.items and workers == 2:
                    told["events"] = {way: events(service, way, given.seconds) for way in EVENTS}
                    told["fresh"] = fresh(service, 50)
                    told["memory"] = memory(service, given.replayed)
        told["sizes"][str(items)] = found
        print(items, json.dumps(found), flush=True)
        told["minutes"] = round((time.perf_counter() - start) / 60, 1)
        given.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        given.page.write_text(serving_page(told), encoding="utf-8")


def made(runs: Path, items: int, users: int) -> Path:
    """Return the folder of a world, which is made where it is not there."""
    folder = runs / f"{items}-{users}"
    if not (folder / "made").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        script = str(Path(__file__).with_name("serve_world.py"))
        command = [sys.executable, script, str(folder), "--items", str(items), "--users", str(users)]
        subprocess.run(command, check=True, env={**os.environ, **ONE_THREAD})
    return folder


@contextmanager
def running(world: Path, workers: int, items: int, users: int) -> Iterator[Running]:
    """Start the service on a copy of the log and let it answer some requests; stop it by its own process id."""
    data = world / "served"
    shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(world / "data", data)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    cuvee = [sys.executable, "-m", "cuvee"]
    keys = [*cuvee, "keys", "make", "--data", str(data), "--scope", "admin", "bench"]
    settings = {**os.environ, **ONE_THREAD, "CUVEE_DEMO": "0"}
    key = subprocess.run(keys, check=True, env=settings, capture_output=True, text=True).stdout.strip()
    command = [*cuvee, "serve", str(world / "bundle"), "--data", str(data), "--port", str(port)]
    command += ["--workers", str(workers), "--rate", "1000000"]
    with subprocess.Popen(command, env=settings) as process:
        try:
            wait(port, process, workers)
            service = Running(port, key, process.pid, items, users, count())
            rng = np.random.default_rng(1)
            for reasons in (False, True):
                most(service, rng, 100 * workers, reasons=reasons)
            yield service
        finally:
            process.terminate()
            process.wait(30)
            shutil.rmtree(data, ignore_errors=True)


def wait(port: int, process: "subprocess.Popen[bytes]", workers: int) -> None:
    """Wait until every process accepts: as many in a row answer as there are, and some more."""
    end, ready = time.monotonic() + 300, 0
    while ready < 8 * workers:
        if process.poll() is not None or time.monotonic() > end:
            raise SystemExit("the service did not become ready")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as asked:
                asked.settimeout(60)
                asked.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                ready = ready + 1 if b" 200 " in asked.recv(100) else 0
        except OSError:
            ready = 0
            time.sleep(0.2)


def answers(service: Running, seconds: float) -> dict[str, Any]:
    """Return the latency at the rate, without and with reasons, with conditions kept and not, and the most there is."""
    rng, found = np.random.default_rng(2), dict[str, Any]()
    for reasons in (False, True):
        for cached in (True, False):
            load = Load(at_rate(RATE, seconds, rng), service.asking(rng, reasons=reasons, cached=cached))
            name = f"{'reasons' if reasons else 'plain'}, {'cached' if cached else 'own'}"
            found[name] = summary(sent_together(service.port, [load])[0])
    found["most"] = most(service, rng, int(200 * seconds), reasons=False)
    found["most, reasons"] = most(service, rng, int(100 * seconds), reasons=True)
    return found


def most(service: Running, rng: np.random.Generator, requests: int, *, reasons: bool) -> dict[str, Any]:
    """Return how many answers a second there are while some requests are always under way."""
    load = Load(np.zeros(requests), service.asking(rng, reasons=reasons, cached=True), _AT_ONCE)
    told = sent_together(service.port, [load])[0]
    return {"rate": round(told.rate, 1), "statuses": statuses(told)}


def summary(told: Told) -> dict[str, Any]:
    """Return milliseconds, the generator's own lateness, answers a second, and statuses."""
    return {
        **{name: round(1000 * value, 1) for name, value in percentiles(told.seconds).items()},
        "late_p99": round(1000 * percentiles(told.late)["p99"], 1),
        "rate": round(told.rate, 1),
        "statuses": statuses(told),
    }


def statuses(told: Told) -> dict[str, int]:
    return {str(status): number for status, number in sorted(told.statuses.items())}


def events(service: Running, way: str, seconds: float) -> dict[str, Any]:
    """Return what becomes of events that come in batches or singly while recommendations go on."""
    rng, size = np.random.default_rng(3), BATCH if way == "batches" else 1
    due = at_rate(EVENTS[way] / size, seconds, rng)
    beside = Load(at_rate(BESIDE, seconds, rng), service.asking(rng, reasons=False, cached=True))
    told, shown = sent_together(service.port, [Load(due, service.telling(rng, size)), beside])
    stored = told.statuses[201] * size
    return {
        "offered": EVENTS[way],
        "stored": stored,
        "rate": round(stored / float(told.done[np.isfinite(told.done)].max()), 1),
        "events": summary(told),
        "recommendations": summary(shown),
    }


def fresh(service: Running, times: int) -> dict[str, int]:
    """Return how often an item that was just shown and then touched is gone from the very next answer."""
    rng, gone = np.random.default_rng(4), 0

    def ask(path: str, body: dict[str, Any]) -> dict[str, Any]:
        request = Request(path, json.dumps(body).encode(), service.key)
        parsed: dict[str, Any] = json.loads(sent_together(service.port, [Load(np.zeros(1), lambda _: request)])[0].body)
        return parsed

    for _ in range(times):
        user = f"u{rng.integers(service.users)}"
        wanted = {"user_id": user, "reasons": False}
        item = ask("/v1/recommendations", wanted)["items"][0]["item_id"]
        event = {"event_id": f"f{next(service.event_ids)}", "user_id": user, "item_id": item, "kind": "view"}
        ask("/v1/events", {"events": [event]})
        gone += all(shown["item_id"] != item for shown in ask("/v1/recommendations", wanted)["items"])
    return {"asked": times, "gone": gone}


def memory(service: Running, requests: int) -> dict[str, Any]:
    """Return what the service's processes hold after a fifth of the requests, at the end, and at most in between."""
    rng, part = np.random.default_rng(5), max(1, requests // 20)
    held, rates = [], []
    for n in range(20):
        rates.append(most(service, rng, part, reasons=n % 2 == 1))
        held.append(round(sum(resident(child) for child in children(service.process)), 1))
    after = held[3:]
    return {
        "requests": part * 20,
        "warm_up": part * 4,
        "mb": held,
        "growth": round(max(after) / after[0] - 1, 4),
        "failed": sum(sum(v for s, v in r["statuses"].items() if s != "200") for r in rates),
    }


def children(process: int) -> list[int]:
    """Return the process and those it started, and theirs."""
    found = [process]
    for name in Path(f"/proc/{process}/task/{process}/children").read_text(encoding="utf-8").split():
        found += children(int(name))
    return found


def resident(process: int) -> float:
    """Return what a process holds that it shares with no other, in MB; files that are mapped do not count."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


if __name__ == "__main__":
    main()
