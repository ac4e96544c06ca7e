"""Is the fusion ranker better than what is cheap? Test AUC against a bias model and gradient-boosted trees.

    python benchmarks/ranker.py [ml-100k amazon] [--seeds 3]

For every seed and set: the recipe of `recipes/rankers`, a logistic regression on one-hot users and items, and trees on
the tabular features of the same examples. Both baselines choose their parameters on validation. `trees` get what is
counted and what stands in tables; `trees + scores` the ranker's model scores as well. Differences come with a paired
95 % interval, by drawing users. What a seed measured is kept in the results, so that a run that was stopped goes on.
The gate is on ml-100k: every interval over `bias` and `trees` lies above 0.
"""

import argparse
import json
import logging
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from cuvee.pipeline import encode
from cuvee.rankers.fusion_ranker import FusionRanker, FusionRankerModel
from cuvee.ranking.label_metrics import auc, auc_gain, quality, report
from cuvee.recipe import Recipe, load_recipe
from cuvee.types import Examples, Floats, Split

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "ranker.json"
PAGE = ROOT / "docs" / "ranker.md"
MARKS = ("<!-- figures -->\n", "<!-- end of figures -->")
RECIPES = {"ml-100k": "ml-100k-will-like", "amazon": "amazon-five-stars"}

TREES = [
    {"learning_rate": 0.05, "max_iter": 150, "max_leaf_nodes": 15, "l2_regularization": 10.0},
    {"learning_rate": 0.05, "max_iter": 200, "max_leaf_nodes": 31, "l2_regularization": 1.0},
    {"learning_rate": 0.03, "max_iter": 100, "max_leaf_nodes": 8, "l2_regularization": 10.0},
]
PENALTIES = (0.03, 0.1, 0.2, 0.5, 1.0)

logger = logging.getLogger(__name__)


class Stopwatch(logging.Handler):
    """Hears the epochs of the training loop; CPU seconds between them."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.at: list[float] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("epoch "):
            self.at.append(time.process_time())


def measured(recipe: Recipe, seed: int) -> dict[str, Any]:
    """Return the figures of one seed."""
    split = recipe.split.split(recipe.reader.read(), np.random.default_rng(seed))
    _, split = encode(recipe, split)
    ranker = recipe.ranker
    assert isinstance(ranker, FusionRanker)
    watch, loop = Stopwatch(), logging.getLogger("cuvee.train")
    loop.addHandler(watch)
    loop.setLevel(logging.INFO)
    began = time.process_time()
    model = ranker.fit(split.train, split.examples, np.random.default_rng(seed))
    seconds = time.process_time() - began
    loop.removeHandler(watch)
    found = {"ranker": {name: model.judge(split.train, split.examples[name]) for name in ("valid", "test")}}
    found |= {"bias": bias(split, ranker)}
    plain, whole = tables(split, ranker, model, seed)
    found |= {"trees": trees(plain, split, ranker, seed), "trees + scores": trees(whole, split, ranker, seed)}
    test, target = split.examples["test"], ranker.target
    labels = target.of(test.label)
    return {
        "examples": {name: len(part) for name, part in split.examples.items()},
        "share": {name: float(target.of(part.label).mean()) for name, part in split.examples.items()},
        "test": {name: quality(labels, parts["test"], target) for name, parts in found.items()},
        "valid_auc": {n: auc(target.of(split.examples["valid"].label), p["valid"][:, 1]) for n, p in found.items()},
        "report": report(labels, found["ranker"]["test"]),
        "curves": {name: list(values) for name, values in model.curves.items()},
        "gain": {
            name: asdict(auc_gain(labels, found["ranker"]["test"][:, 1], parts["test"][:, 1], test.user,
                                  np.random.default_rng(seed)))
            for name, parts in found.items() if name != "ranker"
        },
        "cpu_seconds": {"fit": round(seconds, 1), "epoch": round(float(np.median(np.diff(watch.at))), 1)},
    }  # fmt: skip


def bias(split: Split, ranker: FusionRanker) -> dict[str, Floats]:
    """Return the probabilities of a logistic regression on who and what, its penalty chosen on validation."""
    users, items = len(split.train.users), len(split.train.items)

    def rows(part: Examples) -> "sparse.csr_matrix[np.float64]":
        n = np.arange(len(part))
        places = (np.concatenate([n, n]), np.concatenate([part.user, users + part.item]))
        return sparse.csr_matrix((np.ones(2 * len(part)), places), shape=(len(part), users + items))

    parts = {name: rows(part) for name, part in split.examples.items()}
    labels = {name: ranker.target.of(part.label) for name, part in split.examples.items()}
    models = [LogisticRegression(C=c, max_iter=500).fit(parts["train"], labels["train"]) for c in PENALTIES]
    best = max(models, key=lambda m: auc(labels["valid"], m.predict_proba(parts["valid"])[:, 1]))
    return {name: best.predict_proba(parts[name]) for name in ("valid", "test")}


def tables(
    split: Split, ranker: FusionRanker, model: FusionRankerModel, seed: int
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return part -> (n, f) the tabular features of the ranker's own evidence, without and with model scores."""
    evidence, told = ranker.evidence.fit(split.train, split.examples["train"], np.random.default_rng(seed))
    parts = {"train": told} | {n: evidence.at(split.train, split.examples[n]) for n in ("valid", "test")}
    assert evidence.names == model.evidence.names
    counted = np.array([not name.startswith("score_") for name in evidence.names])
    whole = {name: part.statistics[:, 0] for name, part in parts.items()}
    return {name: part[:, counted] for name, part in whole.items()}, whole


def trees(parts: dict[str, Floats], split: Split, ranker: FusionRanker, seed: int) -> dict[str, Floats]:
    """Return the probabilities of gradient-boosted trees, their parameters chosen on validation."""
    labels = {name: ranker.target.of(part.label) for name, part in split.examples.items()}
    models = [HistGradientBoostingClassifier(random_state=seed, **given).fit(parts["train"], labels["train"])
              for given in TREES]  # fmt: skip
    best = max(models, key=lambda m: auc(labels["valid"], m.predict_proba(parts["valid"])[:, 1]))
    return {name: best.predict_proba(parts[name]) for name in ("valid", "test")}


def page(results: dict[str, Any]) -> None:
    """Put the figures into docs/ranker.md."""
    lines = []
    for name, found in results.items():
        seeds = found["seeds"]
        first = next(iter(seeds.values()))
        sizes = ", ".join(f"{n:,} of {part}" for part, n in first["examples"].items())
        lines += [f"**{name}**: {sizes}; {100 * first['share']['test']:.0f} % of the test are positive.", ""]
        lines += ["| seed | " + " | ".join(first["test"]) + " |" + "".join(f" over {n} |" for n in first["gain"])]
        lines += ["| --- |" + " --- |" * (len(first["test"]) + len(first["gain"]))]
        for seed, told in seeds.items():
            cells = [f"{f['auc']:.4f}" for f in told["test"].values()]
            cells += [f"{g['difference']:+.4f} ({g['low']:+.4f} to {g['high']:+.4f})" for g in told["gain"].values()]
            lines += [f"| {seed} | " + " | ".join(cells) + " |"]
        means = {f: np.mean([t["test"]["ranker"][f] for t in seeds.values()]) for f in ("log_loss", "accuracy", "ece")}
        epochs = ", ".join(f"{t['cpu_seconds']['epoch']:g}" for t in seeds.values())
        lines += ["", f"The ranker's log loss is {means['log_loss']:.4f}, its accuracy {means['accuracy']:.3f}, its "
                  f"calibration error {means['ece']:.3f} (means of the seeds). CPU seconds an epoch: {epochs}. "
                  f"Measured on {max(t['date'] for t in seeds.values())} on two cores of an AMD EPYC.", ""]  # fmt: skip
    text = PAGE.read_text(encoding="utf-8")
    head, _, rest = text.partition(MARKS[0])
    PAGE.write_text(head + MARKS[0] + "\n".join(lines) + MARKS[1] + rest.partition(MARKS[1])[2], encoding="utf-8")


def gate(seeds: dict[str, Any]) -> bool:
    """Return whether the ranker is above both baselines for sure, in every seed."""
    return all(found["gain"][name]["low"] > 0 for found in seeds.values() for name in ("bias", "trees"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("sets", nargs="*", default=list(RECIPES), help="of " + ", ".join(RECIPES))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--again", action="store_true", help="measure again what the results hold already")
    given = parser.parse_args()
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    for name in given.sets:
        recipe = load_recipe(ROOT / "recipes" / "rankers" / f"{RECIPES[name]}.yaml")
        for seed in map(str, range(given.seeds)):
            seeds = results.setdefault(name, {"seeds": {}})["seeds"]
            if seed in seeds and not given.again:
                continue
            seeds[seed] = measured(recipe, int(seed)) | {"date": time.strftime("%Y-%m-%d", time.gmtime())}
            if name == "ml-100k":
                results[name]["gate"] = gate(seeds)
            RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
            page(results)
            print(name, seed, {n: round(f["auc"], 4) for n, f in seeds[seed]["test"].items()},
                  {n: [round(g[k], 4) for k in ("difference", "low", "high")] for n, g in seeds[seed]["gain"].items()},
                  seeds[seed]["cpu_seconds"])  # fmt: skip
    if "ml-100k" in given.sets and not results["ml-100k"]["gate"]:
        raise SystemExit("the gate on ml-100k is not met")


if __name__ == "__main__":
    main()
