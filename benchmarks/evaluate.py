"""How fast is evaluation? Ours beside the evaluators of other libraries, on the same lists, truth and scores.

Two tasks over 10,000 users and 10,000 items: `lists` turns top-20 lists and truth into recall, NDCG, MRR and MAP;
`whole` starts from the factors of a model: dense scores, what was seen masked, top 20, the same figures, and ours
also coverage, Gini, novelty and popularity lift. Each evaluator lives in a process of its own with one thread and
answers in turn; what it needs is built beforehand and timed apart (`prepare_s`). Seconds are CPU seconds.

    python -m venv .venv-bench && .venv-bench/bin/pip install -r benchmarks/requirements-peers.txt
    python benchmarks/evaluate.py --peers .venv-bench/bin/python --out benchmarks/results/evaluate.json
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from evaluators import Case

PEERS = {
    "lists": {
        "implicit": "pm-implicit",
        "pytrec_eval": "pytrec_eval-terrier",
        "ranx": "ranx",
        "rectools": "rectools",
        "torchmetrics": "torchmetrics",
    },
    "whole": {"implicit": "pm-implicit"},
}
"""Task -> evaluator (a file in evaluators/) -> the package whose version is recorded."""

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


def make_case(path: Path, users: int, items: int, rng: np.random.Generator) -> None:
    """Write factors, histories of 1 to 80 popular items, and truth of 1 to 20 items that score high with noise."""
    left, right = rng.normal(size=(users, 64)).astype(np.float32), rng.normal(size=(items, 64)).astype(np.float32)
    popularity = 1 / np.arange(1, items + 1) ** 0.8
    seen, truth, shown = [], [], []
    for row in range(users):
        score = right @ left[row]
        past = np.unique(rng.choice(items, rng.integers(1, 81), p=popularity / popularity.sum()))
        score[past] = -np.inf
        top = np.argpartition(-score, 20)[:20]
        shown.append(top[np.argsort(-score[top])])
        seen.append(past)
        noisy = score + rng.normal(0, 12, items)
        truth.append(np.argpartition(-noisy, 20)[: rng.integers(1, 21)])
    np.savez(
        path,
        users=left,
        items=right,
        seen=np.concatenate(seen).astype(np.int32),
        seen_ends=np.cumsum([0, *map(len, seen)]),
        truth=np.concatenate(truth).astype(np.int32),
        truth_ends=np.cumsum([0, *map(len, truth)]),
        shown=np.array(shown, np.int32),
    )


def memory() -> tuple[float, float]:
    """Return resident memory now and at its peak, in MB."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    values = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Vm")}
    return int(values["VmRSS"]) / 1024, int(values["VmHWM"]) / 1024


def serve(name: str, task: str, path: Path) -> None:
    """Be one evaluator: prepare, then for each line on standard input evaluate once and answer one line of JSON."""
    evaluator = import_module(f"evaluators.{name}")
    case = Case.load(path)
    before = time.process_time()
    state = getattr(evaluator, f"prepare_{task}")(case)
    prepare = time.process_time() - before
    baseline, _ = memory()
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        values = getattr(evaluator, task)(state)
        answer = {
            "cpu": time.process_time() - cpu,
            "wall": time.perf_counter() - wall,
            "prepare": prepare,
            "memory": memory()[1] - baseline,
            "values": {label: float(value) for label, value in values.items()},
        }
        print(json.dumps(answer), flush=True)


class Worker:
    """The other end of `serve`."""

    def __init__(self, python: str, name: str, task: str, path: Path) -> None:
        command = [python, __file__, "--serve", name, "--task", task, "--case", str(path)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | ONE_THREAD
        )
        self.answers: list[dict[str, Any]] = []

    def ask(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        self.answers.append(json.loads(self.process.stdout.readline()))

    def close(self) -> dict[str, Any]:
        """Return the medians after the first answer, which warms up."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()
        timed = self.answers[1:]
        return {
            "cpu_s": round(median(a["cpu"] for a in timed), 4),
            "wall_s": round(median(a["wall"] for a in timed), 4),
            "prepare_s": round(timed[0]["prepare"], 3),
            "peak_mb_above_baseline": round(max(a["memory"] for a in self.answers)),
            "values": timed[0]["values"],
        }


def compete(task: str, peers: str, path: Path, repeats: int) -> dict[str, Any]:
    """Return evaluator -> figures, all asked in turn."""
    workers = {"cuvee": Worker(sys.executable, "cuvee", task, path)}
    workers |= {name: Worker(peers, name, task, path) for name in PEERS[task]}
    for _ in range(repeats + 1):
        for worker in workers.values():
            worker.ask()
    figures = {name: worker.close() for name, worker in workers.items()}
    ours = figures["cuvee"]
    for found in figures.values():
        found["times_ours"] = round(found["cpu_s"] / ours["cpu_s"], 2)
        shared = {m: abs(v - ours["values"][m]) for m, v in found["values"].items() if m in ours["values"]}
        found["agrees_to_1e-5"] = {m: distance < 1e-5 for m, distance in shared.items()}
    return figures


def versions(python: str, packages: list[str]) -> dict[str, str]:
    """Return package -> version as that interpreter sees it."""
    code = "import sys, importlib.metadata as m; print(*map(m.version, sys.argv[1:]))"
    found = subprocess.run([python, "-c", code, *packages], capture_output=True, text=True, check=True).stdout
    return dict(zip(packages, found.split(), strict=True))


def machine() -> dict[str, str | int]:
    cpu = [x for x in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if x.startswith("model name")]
    name = cpu[0].split(":")[1].strip() if cpu else platform.processor()
    return {"cpu": name, "cores": os.cpu_count() or 0, "python": platform.python_version(), "system": platform.system()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="Python of the environment with requirements-peers.txt")
    parser.add_argument("--out", type=Path, help="where to write the figures as JSON")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--task", help=argparse.SUPPRESS)
    parser.add_argument("--case", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.task, given.case)
        return
    if not given.peers:
        parser.error("--peers is needed: make .venv-bench as the text above says")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.npz"
        make_case(path, given.users, given.items, np.random.default_rng(0))
        tasks = {task: compete(task, given.peers, path, given.repeats) for task in PEERS}
    ours = {name: version(name) for name in ("cuvee", "numpy", "scipy", "torch", "polars")}
    peers = versions(given.peers, sorted({p for found in PEERS.values() for p in found.values()} | {"numpy"}))
    report = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "threads": 1,
        "users": given.users,
        "items": given.items,
        "repeats": given.repeats,
        "versions": {"ours": ours, "peers": peers},
        "tasks": tasks,
    }
    text = json.dumps(report, indent=2)
    print(text)
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
