"""What an index gains: milliseconds a query against exact search, with filters too, and what it finds of it.

    python benchmarks/indexes.py made 100000     made-up clustered vectors, so many of width 64
    python benchmarks/indexes.py RECIPE two_tower|content|graph_net   factors of a model fitted on the recipe's data

Each prints rows of the table in docs/indexes.md: one thread (set OMP_NUM_THREADS=1), one query at a time, as the
service asks; in CPU time, so that whatever else runs on the machine does not count.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from cuvee import registry
from cuvee.nearest import nearest
from cuvee.pipeline import encode, fit
from cuvee.protocols import BuiltIndex, Factorized
from cuvee.recipe import load_recipe
from cuvee.types import PAD, Floats, Ints

WIDTH, K, QUERIES = 64, 200, 200
MODELS = {
    "two_tower": {"two_tower": {"fusion": {"weighted": {"on": ["text"]}}, "dim": 64, "training": {"epochs": 6}}},
    "content": {"content": {"on": {"text": 1.0}}},
    "graph_net": {"graph_net": {"on": {"text": 1.0}, "dim": 64, "training": {"epochs": 10}}},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("of", help="`made`, or a recipe")
    parser.add_argument("what", help="number of items, or a model")
    parser.add_argument("--indexes", nargs="*", default=["faiss_ivf", "faiss_hnsw"])
    parser.add_argument("--probes", type=int, default=128)
    parser.add_argument("--ef", type=int, default=400)
    parser.add_argument("--construction", type=int, default=100)
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    vectors, queries = made_up(int(args.what), rng) if args.of == "made" else fitted(Path(args.of), args.what, rng)
    told = f"{Path(args.of).stem} {args.what if args.of != 'made' else ''}".strip()
    print(
        "| vectors | index | build s | bytes an item | filter | exact ms | index ms | p99 ms | recall@10 | @50 | @200 |"
    )
    given = {"faiss_ivf": {"probes": args.probes},
             "faiss_hnsw": {"ef_search": args.ef, "ef_construction": args.construction}}  # fmt: skip
    for name in args.indexes:
        measured(f"{told} {len(vectors):,} x {vectors.shape[1]}", name, given[name], vectors, queries)


def made_up(items: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return items around 1,000 centres, of uneven length, and queries: means of three items of one centre."""
    centres = rng.normal(size=(1_000, WIDTH)).astype(np.float32)
    home = np.sort(rng.integers(0, len(centres), items))
    vectors = centres[home] + 0.6 * rng.normal(size=(items, WIDTH)).astype(np.float32)
    vectors *= rng.lognormal(0, 0.2, (items, 1))
    some = np.minimum(rng.integers(0, items, QUERIES)[:, None] + np.array([0, 3, 7]), items - 1)
    queries = vectors[some].mean(axis=1)
    order = rng.permutation(items)
    return np.asarray(vectors[order], np.float32), np.asarray(queries, np.float32)


def fitted(path: Path, model: str, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return the factors of a model fitted on real data, and those of users of its validation."""
    recipe = replace(load_recipe(path), model=registry.build("models", MODELS[model]))
    recipe = replace(recipe, encoders={"text": recipe.encoders["text"]}, fusion=None)
    _, split = encode(recipe, recipe.split.split(recipe.reader.read(), rng))
    _, trained = fit(recipe.model, split, 0)
    assert isinstance(trained, Factorized)
    asked = split.valid.queries.take(rng.permutation(len(split.valid.queries))[:QUERIES])
    return trained.item_factors(), trained.query_factors(asked)


def measured(told: str, name: str, given: dict[str, int], vectors: Floats, queries: Floats) -> None:
    start = time.process_time()
    built: BuiltIndex = registry.build("indexes", {name: given}).build(vectors)
    seconds = time.process_time() - start
    size = len(built.made) / len(vectors)
    rng = np.random.default_rng(1)
    corner = vectors[:, 0] > np.quantile(vectors[:, 0], 0.9)
    masks = {f"{share:.0%} at random": rng.random(len(vectors)) < share for share in (0.5, 0.1, 0.01)}
    for label, allowed in {"none": None, **masks, "10% of one corner": corner}.items():
        exact, truth = timed(partial(nearest, vectors, k=K, allowed=allowed), queries)
        taken, rows = timed(partial(built.search, k=K, allowed=allowed), queries)
        spec = ", ".join(f"{k} {v}" for k, v in given.items())
        print(
            f"| {told} | {name} ({spec}) | {seconds:.1f} | {size:.0f} | {label} | {np.median(exact):.2f} "
            f"| {np.median(taken):.2f} | {np.quantile(taken, 0.99):.2f} | {recall(rows, truth, 10):.4f} "
            f"| {recall(rows, truth, 50):.4f} | {recall(rows, truth, K):.4f} |",
            flush=True,
        )


def timed(search: Callable[[Floats], tuple[Ints, Floats]], queries: Floats) -> tuple[list[float], Ints]:
    """Return CPU milliseconds and rows of each query, asked alone."""
    search(queries[:1])
    took, rows = [], []
    for q in range(len(queries)):
        start = time.thread_time()
        found, _ = search(queries[q : q + 1])
        took.append((time.thread_time() - start) * 1e3)
        rows.append(found[0])
    return took, np.array(rows)


def recall(rows: Ints, truth: Ints, k: int) -> float:
    return float(
        np.mean(
            [len({*a[:k]} & {*b[:k]} - {PAD}) / max((b[:k] != PAD).sum(), 1) for a, b in zip(rows, truth, strict=True)]
        )
    )


if __name__ == "__main__":
    main()
