"""How good are the recommendations? Runs the recipes of recipes/bench that have a bound, gathers test and validation.

    python benchmarks/quality.py --out benchmarks/results/quality.json [--runs runs/bench]

The first run encodes; `fit` and `evaluate` are wall seconds after encoding, with the threads that OMP_NUM_THREADS says.
"""

import argparse
import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from cuvee.pipeline import Run, run
from cuvee.recipe import load_recipe

ROOT = Path(__file__).parents[1]

FLOORS = {
    ("ml-latest-small", "test", "ndcg@20"): 0.212,
    ("ml-latest-small", "test", "recall@20"): 0.315,
    ("hm-lastweek", "test", "ndcg@20"): 0.130,
    ("hm-lastweek", "test", "recall@20"): 0.260,
    ("tiktok", "test", "ndcg@20"): 0.042,
    ("tiktok", "test", "recall@20"): 0.094,
    ("mmrec-baby", "test", "ndcg@20"): 0.040,
    ("mmrec-baby", "test", "recall@20"): 0.083,
    ("hm-lastweek-cold", "test_cold_among_cold", "recall@20"): 0.365,
    ("hm-lastweek-cold", "test_cold_among_cold", "ndcg@20"): 0.234,
    ("hm-lastweek-cold", "test_cold_among_all", "recall@20"): 0.077,
    ("hm-lastweek-cold", "test_warm", "ndcg@20"): 0.128,
}
"""(recipe, set, metric) -> the least it must reach."""

SECONDS = {"ml-latest-small": 20.0, "hm-lastweek": 60.0, "hm-lastweek-cold": 60.0, "tiktok": 180.0, "mmrec-baby": 180.0}
"""Recipe -> the most that fit and evaluate may take together after encoding."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "quality.json")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "bench")
    args = parser.parse_args()
    recipes = [ROOT / "recipes" / "bench" / f"{name}.yaml" for name in sorted(SECONDS)]
    results = {path.stem: figures(run(load_recipe(path), args.runs / path.stem)) for path in recipes}
    floors: list[dict[str, Any]] = [
        {"recipe": recipe, "set": name, "metric": metric, "floor": floor, "value": mean(results, recipe, name, metric)}
        for (recipe, name, metric), floor in FLOORS.items()
    ]
    told = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "results": results,
        "floors": floors,
        "most_seconds": SECONDS,
    }
    args.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    missed = False
    for row in floors:
        print(f"{row['recipe']:18} {row['set']:21} {row['metric']:10} {row['value']:.4f}  floor {row['floor']}")
        missed |= row["value"] < row["floor"]
    for recipe, most in SECONDS.items():
        took = results[recipe]["seconds"]["fit"] + results[recipe]["seconds"]["evaluate"]
        print(f"{recipe:18} fit and evaluate {took:.1f} s  at most {most:.0f}")
        missed |= took > most
    sys.exit("a floor or a time was missed" if missed else 0)


def mean(results: dict[str, Any], recipe: str, name: str, metric: str) -> float:
    return float(results[recipe]["test"][name][metric]["mean"])


def figures(done: Run) -> dict[str, Any]:
    shown = ("recall@20", "ndcg@20")
    return {
        "test": {n: {k: vars(m.summary[k]) for k in shown} for n, m in done.tests.items()},
        "valid": {k: vars(done.valid.summary[k]) for k in shown},
        "popular": {n: {k: vars(m.summary[k]) for k in shown} for n, m in done.popular.items()},
        "verdicts": [
            {"modality": v.modality, "weight": v.weight, "loss": {n: vars(p) for n, p in v.loss.items()}}
            for v in done.verdicts
        ],
        "considered": dict(getattr(done.model, "considered", {})),
        "seconds": dict(done.seconds),
    }


def machine() -> dict[str, Any]:
    packages = ("cuvee", "numpy", "scipy", "torch", "transformers")
    return {
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
    }


def cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor()
    )


if __name__ == "__main__":
    main()
