"""Which fusion of modalities is worth it? Seven forms, frozen and learned jointly, on three data sets.

    python benchmarks/fusion.py [--sets tiktok ...] [--parts joint ...] [--seeds 3]

writes benchmarks/results/fusion.json, a part as soon as it is done, and docs/fusion.md with its plots. Everything is
chosen on validation, the best single modality too; test figures are means over users of their mean over the seeds, and
intervals are paired with the best single modality of the same column. Seconds are CPU seconds of one fit, choices
included, with the threads that OMP_NUM_THREADS says.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from fusion_page import write_page
from quality import machine

from cuvee.blending import Pool, find_weights, zscore
from cuvee.cache import default_cache
from cuvee.features import FUSED, fit_channels, fused
from cuvee.filters.unseen import allowed
from cuvee.fusion.attention import Attention
from cuvee.fusion.concat import Concat
from cuvee.fusion.gated import Gated
from cuvee.fusion.weighted import Weighted
from cuvee.imputation import impute
from cuvee.metrics.ndcg import Ndcg
from cuvee.models.content_ease import ContentEase
from cuvee.models.tuned import Tuned
from cuvee.models.two_tower import TwoTower
from cuvee.protocols import Recommender
from cuvee.queries import with_features
from cuvee.rank import recommend
from cuvee.recipe import load_recipe
from cuvee.statistics import paired
from cuvee.types import Embeddings, Floats, Holdout, Queries, Split

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "fusion.json"
PARTS = ("joint", "frozen", "robust", "imputed")
SETS = ("ml-latest-small", "hm-lastweek", "tiktok")
FUSIONS = {"weighted": Weighted, "concat": Concat, "attention": Attention, "gated": Gated}
L2 = {"ml-latest-small": 200.0, "hm-lastweek": 50.0, "tiktok": 50.0}
CONTENT = (10.0, 30.0, 100.0)
"""Weights of content beside co-occurrence that are tried on validation."""
BATCH = {"ml-latest-small": 128}
"""Users a step where there are few of them."""
ROBUST = ("ml-latest-small", "hm-lastweek")
HIDDEN = (0.0, 0.25, 0.5, 0.9)
"""Shares of a modality that are missing, or wrong, when it is asked how robust a fusion is."""


@dataclass(frozen=True)
class Sum:
    """Models that are trained already, blended as `blend` does."""

    models: tuple[Recommender, ...]
    weights: tuple[float, ...]

    def score(self, queries: Queries) -> Floats:
        views = [np.float32(w) * zscore(m.score(queries)) for m, w in zip(self.models, self.weights, strict=True)]
        return np.asarray(np.sum(views, axis=0), np.float32)


@dataclass(frozen=True)
class Fitted:
    model: Recommender
    settled: Any
    """Parameters with what was chosen written in."""
    valid: Floats
    test: Floats
    seconds: float


def quality(model: Recommender, held: Holdout) -> Floats:
    """Return (q,) NDCG@20 of each query."""
    slate = recommend(model, held.queries, 20, filters=[allowed], candidates=held.candidates)
    found: Floats = Ndcg(20).measure(slate, held.truth)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="*", default=SETS, choices=SETS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--parts", nargs="*", default=PARTS, choices=PARTS)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--page-only", action="store_true", help="Only write the page from the results.")
    args = parser.parse_args()
    known = json.loads(args.out.read_text(encoding="utf-8")) if args.out.is_file() else {}
    for name in () if args.page_only else args.sets:
        for part, figures in compared(name, args.seeds, args.parts):
            known = json.loads(args.out.read_text(encoding="utf-8")) if args.out.is_file() else {}
            made = {"date": datetime.now(UTC).date().isoformat(), "machine": machine(), "seeds": args.seeds}
            known[name] = known.get(name, {}) | {part: figures} | made
            args.out.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    write_page(known, ROOT / "docs" / "fusion.md")


def compared(name: str, seeds: int, parts: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Yield every part's figures of one data set."""
    split = read(name)
    on = tuple(m for role, m in split.train.features if role == "item")
    columns = {"joint": joint, "frozen": frozen}
    for column, make in columns.items():
        if column not in parts:
            continue
        fits: dict[str, list[Fitted]] = {form: [] for form in (*on, *FUSIONS, "score level")}
        for seed in range(seeds):
            for form, fitted in make(name, split, on, seed, fits):
                fits[form].append(fitted)
                valid = fitted.valid.mean()
                print(f"{name} {column} {form} seed {seed}: valid {valid:.4f}, {fitted.seconds:.1f} s", flush=True)
        yield column, table(fits, on)
    for part, measure in {"robust": robust, "imputed": imputed}.items():
        if part in parts and name in ROBUST:
            yield part, measure(name, split, on)


def read(name: str) -> Split:
    """Return the split with its features; those of tiktok come with the data set."""
    recipe = load_recipe(ROOT / "recipes" / "bench" / f"{name}.yaml")
    split = recipe.split.split(recipe.reader.read(), np.random.default_rng(0))
    _, train = fit_channels(split.train, recipe.encoders, recipe.project, default_cache())
    return replace(split, train=train, valid=with_features(split.valid, train))


Fits = Mapping[str, list[Fitted]]
"""Form -> what was fitted with the seeds before."""


def frozen(name: str, split: Split, on: tuple[str, ...], seed: int, before: Fits) -> Iterator[tuple[str, Fitted]]:
    """Yield the closed form on each modality, on each fusion of them, and on both blended at score level.

    Only weights of fusions are drawn for: the others are the same with every seed. The weight of content is chosen with
    the first seed.
    """
    singles = {}
    for m in on:
        singles[m] = before[m][0] if seed else timed(split, partial(ridge, name, split, m, CONTENT))
        yield m, singles[m]
    for form, fusion in FUSIONS.items():
        tried = (before[form][0].settled.content,) if seed else CONTENT
        yield form, timed(split, partial(fused_ridge, name, split, fusion(on=on), seed, tried))
    yield "score level", blended(split, [singles[m] for m in on], seed)


def joint(name: str, split: Split, on: tuple[str, ...], seed: int, before: Fits) -> Iterator[tuple[str, Fitted]]:  # noqa: ARG001
    """Yield a model trained with each modality, with each fusion of them, and two of them blended at score level."""

    def tower(fusion: Any) -> Recommender:
        model = TwoTower(fusion, batch_size=BATCH.get(name, 512))
        return model.fit(split.train, split.valid, np.random.default_rng(seed))

    singles = {}
    for m in on:
        singles[m] = timed(split, partial(tower, Weighted(on=(m,))))
        yield m, singles[m]
    for form, fusion in FUSIONS.items():
        yield form, timed(split, partial(tower, fusion(on=on)))
    yield "score level", blended(split, [singles[m] for m in on], seed)


def fused_ridge(name: str, split: Split, fusion: Any, seed: int, content: tuple[float, ...]) -> Any:
    return ridge(name, fuse(split, fusion, seed), FUSED, content)


def ridge(name: str, split: Split, modality: str, content: tuple[float, ...]) -> Any:
    """Return the closed form with the weight of content that is best on validation."""
    start = ContentEase(on={modality: 1.0}, l2=L2[name], content=content[0])
    tuned = Tuned(start, grid={"content": content})
    return tuned.fit(split.train, split.valid, np.random.default_rng(0))


def fuse(split: Split, fusion: Any, seed: int) -> Split:
    fitted = fusion.fit(split.train, split.valid, np.random.default_rng(seed))
    return replace(split, train=fused(split.train, fitted))


def blended(split: Split, views: list[Fitted], seed: int) -> Fitted:
    rng, models = np.random.default_rng(seed), tuple(v.model for v in views)

    def make() -> Recommender:
        return Sum(models, find_weights(Pool.gather(models, split.train.demand, split.valid, 50, rng), rng))

    found = timed(split, make)
    return replace(found, seconds=found.seconds + sum(v.seconds for v in views))


def timed(split: Split, make: Callable[[], Any]) -> Fitted:
    started = time.process_time()
    made = make()
    seconds = time.process_time() - started
    model = getattr(made, "plain", made)
    tests = split.tests["test"]
    return Fitted(model, getattr(made, "settled", None), quality(model, split.valid), quality(model, tests), seconds)


def table(fits: Fits, on: tuple[str, ...]) -> dict[str, Any]:
    """Return form -> figures; differences are to the single modality that is best on validation."""
    valid = {form: float(np.mean([f.valid for f in found])) for form, found in fits.items()}
    tests = {form: np.mean([f.test for f in found], axis=0) for form, found in fits.items()}
    best = max(on, key=lambda m: valid[m])
    rng = np.random.default_rng(0)
    return {
        "best": best,
        "forms": {
            form: {
                "valid": valid[form],
                "test": float(values.mean()),
                "over_best": asdict(paired(values, tests[best], rng)),
                "seconds": float(np.mean([f.seconds for f in fits[form]])),
            }
            for form, values in tests.items()
        },
    }


def robust(name: str, split: Split, on: tuple[str, ...]) -> dict[str, Any]:
    """Return how -> modality -> form -> test NDCG@20 of the frozen form by the share of items that are hit."""
    found: dict[str, Any] = {}
    for how in ("missing", "wrong"):
        for modality in on:
            curves: dict[str, list[float]] = {form: [] for form in (modality, *FUSIONS)}
            for share in HIDDEN:
                hit = damaged(split, modality, how, share)
                for form in curves:
                    cut = hit if form == modality else fuse(hit, FUSIONS[form](on=on), 0)
                    model = ridge(name, cut, modality if form == modality else FUSED, CONTENT[1:2]).plain
                    curves[form].append(float(quality(model, split.tests["test"]).mean()))
            found.setdefault(how, {})[modality] = curves
            print(f"{name} {how} {modality}", curves, flush=True)
    return {"shares": HIDDEN, **found}


def damaged(split: Split, modality: str, how: str, share: float) -> Split:
    """Return the split with a modality missing, or with the vectors of other items, at a share of the items."""
    part = split.train.feature("item", modality)
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(part))[: round(share * len(part))]
    vectors, present = part.vectors.copy(), part.present.copy()
    if how == "missing":
        vectors[rows], present[rows] = 0, False
    else:
        other = rng.permutation(rows)
        vectors[rows], present[rows] = part.vectors[other], part.present[other]
    return replaced(split, modality, Embeddings(vectors, present))


def imputed(name: str, split: Split, on: tuple[str, ...]) -> dict[str, Any]:
    """Return modality -> way to fill -> test NDCG@20 of the closed form where half of the items miss the modality."""
    found: dict[str, Any] = {}
    for modality in on:
        hit = damaged(split, modality, "missing", 0.5)
        part = hit.train.feature("item", modality)
        for how in ("zero", "mean", "neighbours"):
            cut = replaced(hit, modality, impute(part, hit.train, how))
            model = ridge(name, cut, modality, CONTENT[1:2]).plain
            found.setdefault(modality, {})[how] = float(quality(model, split.tests["test"]).mean())
    print(name, "imputed", found, flush=True)
    return found


def replaced(split: Split, modality: str, part: Embeddings) -> Split:
    train = replace(split.train, features={**split.train.features, ("item", modality): part})
    return replace(split, train=train)


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    main()
