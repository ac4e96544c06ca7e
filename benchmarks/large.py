"""What do models without a square of the catalogue tell of many items, and at what cost?

    python benchmarks/large.py [--only EVENTS/NAME ...] [--again]

Logs of `cuvee demo DIR --events N` (N / 10 users, N / 50 items, ready vectors); each model in a process of its own with
one thread, on the split and vectors of the recipe that `cuvee init` writes, 10,000 users asked. Parameters are
defaults, or what `cuvee init` writes for smaller catalogues: none was tried on validation. Peak memory is that of the
fit, data included. What is done already is kept in --runs.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from evaluate import ONE_THREAD, machine, memory
from growth import forget_peak, prepare

from cuvee.evaluate import measure, parse_metrics
from cuvee.pipeline import encode, fit
from cuvee.queries import asking
from cuvee.rank import recommend
from cuvee.recipe import Recipe, load_recipe
from cuvee.registry import build, describe
from cuvee.statistics import paired
from cuvee.types import Context, Split

ROOT = Path(__file__).parents[1]
ASKED = 10_000
"""Users asked in validation and test."""
METRIC = "ndcg@20"
_LARGE: list[Any] = ["item_knn", {"content": {"on": {"content": 1.0}}}, "popular"]
_SPARSE = {"content_ease": {"on": {"content": 1.0}, "share": 0.3, "dense_up_to": 15_000}}
"""In the form for many items, also where the dense one would still be taken."""
TASKS: dict[int, dict[str, Any]] = {
    1_000_000: {
        "without graph_filter": {"blend": {"views": _LARGE}},
        "with graph_filter": {"blend": {"views": [_LARGE[0], "graph_filter", *_LARGE[1:]]}},
        "with graph_filter and content_ease": {"blend": {"views": [_LARGE[0], "graph_filter", _SPARSE, *_LARGE[1:]]}},
    },
    2_500_000: {
        "item_knn": "item_knn",
        "graph_filter": "graph_filter",
        "content_ease": {"content_ease": {"on": {"content": 1.0}, "share": 0.3}},
    },
}
"""Events of the log -> name -> model; the first is what the others are compared with, user by user."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "large.json")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "large")
    parser.add_argument("--only", action="append", default=[], metavar="EVENTS/NAME", help="several times")
    parser.add_argument("--again", action="store_true", help="measure again what is measured already")
    parser.add_argument("--one", nargs=2, metavar=("EVENTS", "NAME"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        answer(int(given.one[0]), given.one[1], given.runs / given.one[0])
        return
    for events, models in TASKS.items():
        folder = given.runs / str(events)
        for name in models:
            wanted = not given.only or f"{events}/{name}" in given.only
            if wanted and (given.again or not (folder / f"{name}.json").is_file()):
                if not (folder / "log").is_dir():
                    prepare(events, folder)
                command = [sys.executable, __file__, "--runs", str(given.runs), "--one", str(events), name]
                settings = {**os.environ, **ONE_THREAD, "CUVEE_CACHE": str(folder / "cache")}
                subprocess.run(command, check=True, env=settings)
    told = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "logs": {str(events): compared(given.runs / str(events), list(models)) for events, models in TASKS.items()},
    }
    given.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def answer(events: int, name: str, folder: Path) -> None:
    """Fit one model in this process and write what it cost and how good it is, for each user."""
    recipe, split = prepared(load_recipe(folder / "log" / "recipe.yaml"))
    forget_peak()
    before, cpu, wall = memory()[0], time.process_time(), time.perf_counter()
    settled, model = fit(build("models", TASKS[events][name]), split, recipe.seed)
    told: dict[str, Any] = {
        "cpu_s": round(time.process_time() - cpu, 2),
        "wall_s": round(time.perf_counter() - wall, 2),
        "before_mb": round(before),
        "peak_mb": round(memory()[1]),
        "users": len(split.train.users),
        "items": len(split.train.items),
        "settled": describe(settled),
    }
    cpu = time.process_time()
    values = {}
    for held, questions in {"valid": split.valid, "test": split.tests["test"]}.items():
        slate = recommend(
            model,
            questions.queries,
            20,
            filters=[f.prepare(split.train) for f in recipe.filters],
            context=Context(split.train, np.random.default_rng(recipe.seed)),
        )
        values[held] = measure(slate, questions, split.train, parse_metrics([METRIC])).per_query[METRIC].to_numpy()
    told |= {"answer_cpu_s": round(time.process_time() - cpu, 2), "asked": len(values["test"])}
    np.savez(folder / f"{name}.npz", **values)  # type: ignore[arg-type]
    (folder / f"{name}.json").write_text(json.dumps(told, indent=1), encoding="utf-8")


def prepared(recipe: Recipe) -> tuple[Recipe, Split]:
    with asking(ASKED, recipe.seed):
        split = recipe.split.split(recipe.reader.read(), np.random.default_rng(recipe.seed))
    return recipe, encode(recipe, split)[1]


def compared(folder: Path, names: list[str]) -> dict[str, Any]:
    """Return the figures of all that is measured, each with its mean difference to the first, paired."""
    done = [name for name in names if (folder / f"{name}.json").is_file()]
    values = {name: dict(np.load(folder / f"{name}.npz")) for name in done}
    found: dict[str, Any] = {}
    for name in done:
        found[name] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        found[name] |= {held: round(float(v.mean()), 5) for held, v in values[name].items()}
        if name != done[0]:
            rng = np.random.default_rng(0)
            found[name]["gain"] = {h: vars(paired(v, values[done[0]][h], rng)) for h, v in values[name].items()}
    return found


if __name__ == "__main__":
    main()
