"""Be one peer: read a case, try every setting of its grid, write the lists of the best on validation.

cd benchmarks && python -m peers.serve PEER CASE.npz OUT --budget SECONDS
"""

import argparse
import json
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from peers import Case, Watch


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("peer")
    parser.add_argument("case", type=Path)
    parser.add_argument("out", type=Path, help="stem of the .npz and .json written")
    parser.add_argument("--budget", type=float, required=True, help="CPU seconds of training over the whole grid")
    given = parser.parse_args()
    peer, case = import_module(f"peers.{given.peer}"), Case.load(given.case)
    tried, best = [], None
    for setting in peer.GRID:
        found, watch = attempt(peer, case, setting, given.budget / len(peer.GRID))
        tried.append(found)
        print(json.dumps(found), flush=True)
        if best is None or found["valid"] > best[0]["valid"]:
            best = found, watch
    assert best is not None
    chosen, watch = best
    told = {"chosen": chosen, "tried": tried, "grid_cpu_s": round(sum(t["all_cpu_s"] for t in tried), 2)}
    np.savez(given.out.with_suffix(".npz"), **watch.shown)  # type: ignore[arg-type]
    given.out.with_suffix(".json").write_text(json.dumps(told, indent=1), encoding="utf-8")


def attempt(peer: Any, case: Case, setting: dict[str, Any], budget: float) -> tuple[dict[str, Any], Watch]:
    """Fit once; what does not learn by epochs is looked at once, at its end."""
    started = time.process_time()
    watch = Watch(case, budget)
    scorer = peer.fit(case, setting, watch)
    if not watch.epochs:
        watch.better(scorer)
        watch.epoch = watch.epochs = 0
        watch.cut = False
    return {
        "setting": setting,
        "valid": round(watch.best, 5),
        "cpu_s": round(watch.cpu, 3),
        "wall_s": round(watch.wall, 3),
        "all_cpu_s": round(time.process_time() - started, 2),
        "best_epoch": watch.epoch,
        "epochs": watch.epochs,
        "cut": watch.cut,
    }, watch


if __name__ == "__main__":
    main()
