"""How good are others on the same splits and features? Each peer in a process of its own, judged by Cuvee's metrics.

For every set the split and the encoded features of its recipe are written down as numbers. Each peer (a file in
peers/) tries a small grid, chooses on validation and writes its 20 best for every test user; so do the recipe itself
and the closed-form part of its blend. Lists with anything from training are refused. One thread each; CPU seconds are
compared, because other work on the machine stretches wall seconds.

    python benchmarks/compare.py --peers .venv-bench/bin/python [--only SET/PEER ...] [--again]

What is done already is kept in --runs, and is done again with --again.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from evaluate import ONE_THREAD, machine, versions
from numpy.typing import NDArray

from cuvee.errors import DataError
from cuvee.evaluate import measure, parse_metrics
from cuvee.models.blend import Blend
from cuvee.pipeline import encode, fit, weighed
from cuvee.queries import with_features
from cuvee.rank import recommend
from cuvee.recipe import Recipe, load_recipe
from cuvee.registry import describe
from cuvee.statistics import paired
from cuvee.types import PAD, Context, Holdout, Slate, Split

ROOT = Path(__file__).parents[1]
SETS = {
    "ml-latest-small": "test",
    "hm-lastweek": "test",
    "tiktok": "test",
    "mmrec-baby": "test",
    "hm-lastweek-cold": "test_cold_among_cold",
}
"""Recipe -> the test set that peers are compared on."""
OURS = ("closed", "blend")
"""The closed-form part of the recipe's blend, and all of it."""
LEARNED = ("two_tower", "set_head", "graph_net", "sequence")
"""Views that are trained by epochs: what `closed` leaves out."""
PEERS = (
    *("implicit_knn", "implicit_als", "implicit_bpr", "rectools_ease", "sklearn_ridge", "cornac_vbpr"),
    *("pyg_lightgcn",),
)
BUDGET = {"pyg_lightgcn": 160.0, "ml-latest-small/pyg_lightgcn": 300.0, "hm-lastweek/pyg_lightgcn": 900.0}
"""Peer, or set and peer -> CPU seconds of training for its whole grid; what is cut says so."""
USUAL = 150.0
METRICS = parse_metrics(["recall@20", "ndcg@20"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="Python of the environment with requirements-peers.txt")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "peers")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "peers.json")
    parser.add_argument("--only", action="append", default=[], help="SET or SET/PEER; may be given several times")
    parser.add_argument("--again", action="store_true", help="do again what is done already")
    parser.add_argument("--ours", nargs=2, metavar=("SET", "WHAT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.ours:
        answer_ourselves(given.ours[0], given.ours[1], given.runs / given.ours[0])
        return
    if not given.peers:
        parser.error("--peers is needed: make .venv-bench as the text of evaluate.py says")
    for name in SETS:
        if recipe_of(name).is_file() and (not given.only or any(one.split("/")[0] == name for one in given.only)):
            compete(name, given)
    told: dict[str, Any] = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "threads": 1,
        "versions": versions(given.peers, sorted({import_name(peer) for peer in PEERS})),
        "budget_cpu_s": {**BUDGET, "others": USUAL},
        "sets": {name: judged(name, given.runs / name) for name in SETS if (given.runs / name / "case.npz").is_file()},
    }
    given.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    for name, found in told["sets"].items():
        for peer, figures in found["answers"].items():
            print(f"{name:18} {peer:14} {figures['test']['ndcg@20']:.4f} {figures['cpu_s']:9.1f} CPU s")


def recipe_of(name: str) -> Path:
    return ROOT / "recipes" / "bench" / f"{name}.yaml"


def compete(name: str, given: argparse.Namespace) -> None:
    """Let everybody answer on one set who has not yet, or not on these numbers."""
    folder = given.runs / name
    folder.mkdir(parents=True, exist_ok=True)
    split = export(load_recipe(recipe_of(name)), folder / "case.npz", SETS[name])
    digest = hashlib.sha256((folder / "case.npz").read_bytes()).hexdigest()
    here = Path(__file__).parent
    with_content = bool(split.train.features)
    for peer in (*OURS, *PEERS):
        if given.only and f"{name}/{peer}" not in given.only and name not in given.only:
            continue
        if peer in PEERS and not suits(peer, content=with_content, cold="cold" in SETS[name]):
            continue
        if not given.again and done(folder / peer) == digest:
            continue
        if peer in OURS:
            command = [sys.executable, __file__, "--runs", str(given.runs), "--ours", name, peer]
        else:
            budget = str(budget_of(name, peer))
            command = [
                given.peers,
                "-W",
                "ignore",
                "-m",
                "peers.serve",
                peer,
                str(folder / "case.npz"),
                str(folder / peer),
            ]
            command += ["--budget", budget]
        print("--", name, peer, flush=True)
        subprocess.run(command, cwd=here, check=True, env={**os.environ, **ONE_THREAD})
        (folder / f"{peer}.done").write_text(digest, encoding="utf-8")
        shown = np.load(folder / f"{peer}.npz")
        for held, questions in {"valid": split.valid, SETS[name]: split.tests[SETS[name]]}.items():
            values = judge(shown[held], questions, split)
            np.savez(folder / f"{peer}.{held}.npz", **values)  # type: ignore[arg-type]


def budget_of(name: str, peer: str) -> float:
    return BUDGET.get(f"{name}/{peer}", BUDGET.get(peer, USUAL))


def done(stem: Path) -> str:
    path = stem.with_suffix(".done")
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def suits(peer: str, *, content: bool, cold: bool) -> bool:
    """Return whether the file of a peer says that it can answer; read, not imported: its library is elsewhere."""
    line = constants(peer)
    return (content or not line["CONTENT"]) and (line["COLD"] or not cold)


def constants(peer: str) -> dict[str, Any]:
    text = (Path(__file__).parent / "peers" / f"{peer}.py").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("CONTENT, COLD, PACKAGE = "))
    content, cold, package = line.partition(" = ")[2].split(", ")
    return {"CONTENT": content == "True", "COLD": cold == "True", "PACKAGE": package.strip('"')}


def import_name(peer: str) -> str:
    return str(constants(peer)["PACKAGE"])


def prepared(recipe: Recipe) -> tuple[Recipe, Split]:
    """Return the recipe and its split with encoded features, as a run of it makes them."""
    split = recipe.split.split(recipe.reader.read(), np.random.default_rng(recipe.seed))
    recipe, split, _ = weighed(recipe, split)
    _, split = encode(recipe, split)
    return recipe, split


def export(recipe: Recipe, path: Path, test: str) -> Split:
    """Write what a peer may know of a recipe's split to an .npz: no truth of the test."""
    _, split = prepared(recipe)
    train = split.train
    asked = {"valid": split.valid, test: split.tests[test]}
    arrays: dict[str, NDArray[Any]] = {"shape": np.array(train.matrix.shape)}
    for name, matrix in (("liked", train.liked), ("seen", train.matrix), ("truth", split.valid.truth)):
        arrays |= {f"{name}/data": matrix.data, f"{name}/indices": matrix.indices, f"{name}/indptr": matrix.indptr}
    for name, held in asked.items():
        everything = np.ones(len(train.items), bool)
        arrays[f"{name}/users"] = held.users
        arrays[f"{name}/candidates"] = everything if held.candidates is None else held.candidates
    arrays |= {f"features/{m}": found.vectors for (role, m), found in train.features.items() if role == "item"}
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return split


def judge(shown: NDArray[np.int32], held: Holdout, split: Split) -> dict[str, NDArray[np.float32]]:
    """Return metric -> (q,) of lists (q, 20), one a query of the holdout.

    Raises:
        DataError: lists that nobody may be shown: of a wrong number, with items that are none, twice the same, outside
            the candidates or seen in training.
    """
    if shown.shape != (len(held.users), 20):
        raise DataError(f"lists of shape {(len(held.users), 20)} are needed, got {shown.shape}")
    rows = np.repeat(np.arange(len(shown)), shown.shape[1])[shown.ravel() != PAD]
    items = shown.ravel()[shown.ravel() != PAD]
    if len(items) and not 0 <= items.min() <= items.max() < len(split.train.items):
        raise DataError(f"items are rows 0..{len(split.train.items) - 1}, got {items.min()}..{items.max()}")
    if len(np.unique(rows * len(split.train.items) + items)) < len(items):
        raise DataError("an item stands twice in a list")
    if held.candidates is not None and not held.candidates[items].all():
        raise DataError("a list holds items that are not among the candidates")
    seen = held.queries.seen.copy()
    seen.data[:] = 1
    known = np.asarray(seen[rows, items]).ravel() > 0
    if known.any():
        user = split.train.users[held.users[rows[known][0]]]
        raise DataError(f"{int(known.sum())} items were seen in training, e.g. in the list of user {user!r}")
    ranks = np.where(shown == PAD, -np.inf, -np.arange(20.0)).astype(np.float32)
    slate = Slate(shown.astype(np.int32), ranks, (shown != PAD).astype(np.float32))
    table = measure(slate, held, split.train, METRICS).per_query
    return {name: table[name].to_numpy() for name in METRICS}


def answer_ourselves(name: str, what: str, folder: Path) -> None:
    """Fit the recipe's blend, or the closed-form part of it, and write its lists."""
    recipe, split = prepared(load_recipe(recipe_of(name)))
    model = closed_form(recipe.model) if what == "closed" else recipe.model
    cpu, wall = time.process_time(), time.perf_counter()
    settled, fitted = fit(model, split, recipe.seed)
    spent = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    shown = {}
    for held, questions in {"valid": split.valid, SETS[name]: split.tests[SETS[name]]}.items():
        asked = with_features(questions, split.train)
        slate = recommend(
            fitted,
            asked.queries,
            20,
            filters=[f.prepare(split.train) for f in recipe.filters],
            candidates=asked.candidates,
            context=Context(split.train, np.random.default_rng(recipe.seed)),
        )
        shown[held] = slate.items
    np.savez(folder / f"{what}.npz", **shown)  # type: ignore[arg-type]
    chosen = {"setting": describe(settled), **{k: round(v, 3) for k, v in spent.items()}}
    told = {"chosen": chosen, "tried": [], "grid_cpu_s": round(spent["cpu_s"], 2)}
    (folder / f"{what}.json").write_text(json.dumps(told, indent=1), encoding="utf-8")


def closed_form(model: Any) -> Blend:
    """Return the blend without the views that are trained by epochs."""
    if not isinstance(model, Blend):
        raise DataError(f"the recipe's model is no blend but {describe(model)}")
    kept = [view for view in model.views if not any(name in json.dumps(describe(view)) for name in LEARNED)]
    return replace(model, views=tuple(kept))


def judged(name: str, folder: Path) -> dict[str, Any]:
    """Return the figures of everybody who has answered, the strongest peer, and how far the blend is above it.

    The strongest is the best on the test itself, which flatters peers and not us.
    """
    test = SETS[name]
    rng = np.random.default_rng(0)
    answers: dict[str, Any] = {}
    values: dict[str, Mapping[str, NDArray[np.float32]]] = {}
    for peer in (*OURS, *PEERS):
        if not (folder / f"{peer}.done").is_file():
            continue
        told = json.loads((folder / f"{peer}.json").read_text(encoding="utf-8"))
        values[peer] = dict(np.load(folder / f"{peer}.{test}.npz"))
        valid = dict(np.load(folder / f"{peer}.valid.npz"))
        means = {"test": values[peer], "valid": valid}
        answers[peer] = {k: {m: round(float(v.mean()), 5) for m, v in found.items()} for k, found in means.items()}
        chosen = told["chosen"]
        setting = {} if peer in OURS else {"setting": chosen["setting"], "settings_tried": len(told["tried"])}
        times = {k: chosen[k] for k in ("cpu_s", "wall_s", "best_epoch", "epochs", "cut") if k in chosen}
        answers[peer] |= {**setting, **times, "grid_cpu_s": told["grid_cpu_s"]}
    others = [peer for peer in answers if peer not in OURS]
    strongest = max(others, key=lambda peer: answers[peer]["test"]["ndcg@20"], default=None)
    gain = {}
    if strongest is not None:
        for ours in (o for o in OURS if o in values):
            gain[ours] = vars(paired(values[ours]["ndcg@20"], values[strongest]["ndcg@20"], rng))
    return {
        "test": test,
        "users": len(next(iter(values.values()))["ndcg@20"]) if values else 0,
        "answers": answers,
        "strongest": strongest,
        "gain": gain,
    }


if __name__ == "__main__":
    main()
