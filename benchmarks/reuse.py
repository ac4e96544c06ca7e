"""What tuning saves by not fitting and solving again: the same trials with and without a memo, in CPU seconds.

    python benchmarks/reuse.py [RECIPE] [--trials 6]

Every trial draws new values for all `content_ease` views of the recipe, and nothing else. Writes results/reuse.json.
"""

import argparse
import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from quality import machine

from cuvee.memo import Memo
from cuvee.pipeline import told_in
from cuvee.ranges import Range
from cuvee.recipe import load_recipe
from cuvee.ridge import zero_diagonal_ridge
from cuvee.tune.objective import Objective, see
from cuvee.tune.space import Space, space_of
from cuvee.types import Dataset

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", type=Path, nargs="?", default=HERE.parent / "recipes/bench/ml-latest-small.yaml")
    parser.add_argument("--trials", type=int, default=6)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "reuse.json")
    args = parser.parse_args()
    torch.set_num_threads(1)
    recipe = load_recipe(args.recipe)
    seen, space = see(recipe), drawn(args.recipe)
    rng = np.random.default_rng(0)
    values = [
        space.start,
        *({path: draw(space.ranges[path], rng) for path in space.ranges} for _ in range(args.trials)),
    ]
    found: dict[str, object] = {
        "machine": machine(),
        "day": f"{datetime.now(UTC):%Y-%m-%d}",
        "recipe": args.recipe.name,
        "items": len(seen.train.items),
        "trials": len(values),
    }
    figures: dict[str, list[float]] = {}
    for name, limit in (("without", 0), ("with", 4 << 30)):
        measure = Objective(recipe, seen, told_in(recipe), Memo(limit))
        seconds = []
        for drawn_values in values:
            start = time.process_time()
            figures.setdefault(name, []).append(float(measure(space.at(drawn_values)).mean()))
            seconds.append(round(time.process_time() - start, 2))
        found[f"seconds_{name}"] = seconds
    assert figures["with"] == figures["without"], figures
    args.out.write_text(json.dumps(found | {"solving": solving(seen.train)}, indent=1) + "\n", encoding="utf-8")
    print(args.out.read_text(encoding="utf-8"))


def drawn(path: Path) -> Space:
    """Return the space of all penalties and shares of the recipe's `content_ease` views."""
    recipe = load_recipe(path)
    ranges: dict[str, Range] = {}
    for n, view in enumerate(recipe.model.views):  # type: ignore[attr-defined]
        if type(view).__name__ == "ContentEase":
            at = f"model.blend.views.{n}.content_ease"
            ranges |= {f"{at}.{key}": Range(0.01, 1000.0, log=True) for key in ("l2", "content_l2")}
            ranges[f"{at}.share"] = Range(0.0, 1.0)
    return space_of(replace(recipe, tune=ranges))


def draw(found: Range, rng: np.random.Generator) -> float:
    assert found.low is not None
    assert found.high is not None
    if found.log:
        return float(np.exp(rng.uniform(np.log(max(found.low, 1)), np.log(found.high))))
    return float(rng.uniform(found.low, found.high))


def solving(train: Dataset) -> dict[str, float]:
    """Return the CPU seconds of what a ridge model is made of: products, Cholesky and inverse, eigenvectors."""
    seconds = {}
    start = time.process_time()
    gram = (train.liked.T @ train.liked).toarray().astype(np.float32)
    seconds["products"] = time.process_time() - start
    start = time.process_time()
    zero_diagonal_ridge(gram.copy(), 200.0)
    seconds["cholesky and inverse"] = time.process_time() - start
    start = time.process_time()
    values, vectors = torch.linalg.eigh(torch.from_numpy(gram))
    seconds["eigenvectors"] = time.process_time() - start
    start = time.process_time()
    assert ((vectors / (values + 200.0)) @ vectors.T).shape == gram.shape
    seconds["inverse by eigenvectors"] = time.process_time() - start
    return {name: round(value, 2) for name, value in seconds.items()}


if __name__ == "__main__":
    main()
