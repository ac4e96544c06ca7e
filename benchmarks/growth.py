"""How do time and memory grow? The recipe that `cuvee init` suggests, on logs of 10,000 to 10,000,000 events.

Each log is written by `cuvee demo DIR --events N`: N / 10 users, N / 50 items. Each run is a process of its own with
one thread; CPU seconds and peak memory are told by step. Slopes are of log(CPU seconds) and log(memory above what the
process holds after its imports) on log(events), by least squares. What is done already is kept in --runs.

    python benchmarks/growth.py --out benchmarks/results/growth.json [--only EVENTS ...] [--again]
"""

import argparse
import json
import logging
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from evaluate import ONE_THREAD, machine, memory

from cuvee.pipeline import run
from cuvee.recipe import load_recipe

ROOT = Path(__file__).parents[1]
EVENTS = (10_000, 100_000, 1_000_000, 10_000_000)
MOST = {"minutes": 15, "gb": 12, "slope": 1.1}
"""What the largest run may take, and how steep growth may be."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "growth.json")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "growth")
    parser.add_argument("--only", type=int, action="append", default=[], help="number of events; several times")
    parser.add_argument("--again", action="store_true", help="measure again what is measured already")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        measure(given.one, given.runs / str(given.one))
        return
    for events in given.only or EVENTS:
        folder = given.runs / str(events)
        if given.again or not (folder / "figures.json").is_file():
            prepare(events, folder)
            command = [sys.executable, __file__, "--one", str(events), "--runs", str(given.runs)]
            subprocess.run(command, check=True, env={**os.environ, **ONE_THREAD, "CUVEE_CACHE": str(folder / "cache")})
            shutil.rmtree(folder / "run")
    sizes = [n for n in EVENTS if (given.runs / str(n) / "figures.json").is_file()]
    found = [json.loads((given.runs / str(n) / "figures.json").read_text(encoding="utf-8")) for n in sizes]
    told = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "threads": 1,
        "most": MOST,
        "sizes": found,
        "slopes": slopes(found),
    }
    given.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(told["slopes"]))


def prepare(events: int, folder: Path) -> None:
    """Write the log and its recipe, and forget vectors and figures of before."""
    shutil.rmtree(folder, ignore_errors=True)
    for command in (["demo", str(folder / "log"), "--events", str(events)], ["init", str(folder / "log")]):
        subprocess.run([sys.executable, "-m", "cuvee", *command], check=True, env={**os.environ, **ONE_THREAD})


class Steps(logging.Handler):
    """Notes what each step of a run took when the run says in its log that the step is over."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: dict[str, dict[str, float]] = {}
        self._cpu = time.process_time()
        forget_peak()

    def emit(self, record: logging.LogRecord) -> None:
        if record.msg != "%s: %.1f s" or not isinstance(record.args, tuple):
            return
        name, wall = record.args
        now = time.process_time()
        cpu, self._cpu = now - self._cpu, now
        peak = memory()[1]
        self.steps[str(name)] = {"cpu_s": round(cpu, 2), "wall_s": float(str(wall)), "peak_mb": round(peak)}
        forget_peak()


def forget_peak() -> None:
    """Let the kernel count the peak of resident memory from here on (Linux)."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def measure(events: int, folder: Path) -> None:
    """Run the recipe in this process and write what each step took."""
    baseline = memory()[0]
    noted = Steps()
    logging.getLogger("cuvee.pipeline").addHandler(noted)
    cpu, wall = time.process_time(), time.perf_counter()
    done = run(load_recipe(folder / "log" / "recipe.yaml"), folder / "run")
    told: dict[str, Any] = {
        "events": events,
        "users": len(done.split.train.users),
        "items": len(done.split.train.items),
        "asked": len(done.split.tests["test"].users),
        "views": list(getattr(done.model, "considered", {})),
        "cpu_s": round(time.process_time() - cpu, 2),
        "wall_s": round(time.perf_counter() - wall, 2),
        "baseline_mb": round(baseline),
        "peak_mb": max(step["peak_mb"] for step in noted.steps.values()),
        "bundle_mb": round(sum(p.stat().st_size for p in (folder / "run" / "bundle").iterdir()) / 1e6, 1),
        "ndcg@20": {
            n: m["test"].summary["ndcg@20"].mean for n, m in (("blend", done.tests), ("popular", done.popular))
        },
        "steps": noted.steps,
    }
    (folder / "figures.json").write_text(json.dumps(told, indent=1), encoding="utf-8")


def slopes(found: list[dict[str, Any]]) -> dict[str, float]:
    """Return the slopes over all sizes, and from the last size but one to the last."""
    if len(found) < 2:
        return {}
    x = np.log([f["events"] for f in found])
    told: dict[str, float] = {}
    for name, y in (
        ("time", np.log([f["cpu_s"] for f in found])),
        ("memory", np.log([f["peak_mb"] - f["baseline_mb"] for f in found])),
    ):
        told[name] = round(float(np.polyfit(x, y, 1)[0]), 3)
        told[f"{name}_last"] = round(float((y[-1] - y[-2]) / (x[-1] - x[-2])), 3)
    return told


if __name__ == "__main__":
    main()
