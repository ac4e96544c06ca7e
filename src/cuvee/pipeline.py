"""From a recipe to everything a run leaves behind: figures, recommendations, bundles and the report."""

import hashlib
import json
import logging
import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from tqdm import tqdm

from cuvee import __version__
from cuvee.bundle import Bundle, save_bundle
from cuvee.cache import default_cache
from cuvee.errors import ConfigError
from cuvee.evaluate import Results, list_length, measure, measure_slices, parse_metrics
from cuvee.event_weights import Weighed, weigh
from cuvee.features import Channel, fit_channels, fused
from cuvee.judged import Ranking, check_ranking, rank_by, refitted, without_reranking
from cuvee.media import MEDIA
from cuvee.models.popular import Popular
from cuvee.protocols import Curved, Estimator, FittedFusion, Fusion, Ranker, Recommender, Settled
from cuvee.queries import asking, with_features
from cuvee.rank import recommend
from cuvee.recipe import Recipe, dump_recipe
from cuvee.registry import describe
from cuvee.report.page import write_report
from cuvee.retrieval import check_index
from cuvee.statistics import Estimate, Paired, paired
from cuvee.types import PAD, Context, Dataset, Holdout, Slate, Split
from cuvee.verdict import Verdict, verdicts

__all__ = ["Measured", "Run", "encode", "fit", "fuse", "run", "told_in", "weighed"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Measured:
    """One holdout with the slates shown and what they were worth."""

    slate: Slate
    results: Results
    summary: Mapping[str, Estimate]
    """Metric -> mean and interval."""
    slices: Mapping[str, Mapping[str, Mapping[str, Estimate]]] = field(default_factory=dict)
    """Slice -> group -> metric -> mean and interval."""


@dataclass(frozen=True)
class Run:
    """Everything there is to tell of a run; the report reads it."""

    recipe: Recipe
    split: Split
    model: Recommender
    settled: Estimator
    channels: tuple[Channel, ...]
    fusion: FittedFusion | None
    valid: Measured
    tests: Mapping[str, Measured]
    popular: Mapping[str, Measured]
    """The same test sets answered by popularity."""
    metric: str
    """The one that gains and verdicts are told in."""
    gain: Mapping[str, Paired]
    """Test set -> difference to popularity in `metric`."""
    verdicts: tuple[Verdict, ...]
    seconds: Mapping[str, float]
    """Step -> wall seconds."""
    fingerprint: str = ""
    """Of the data as they were read and split."""
    events: Weighed | None = None
    """What kinds of event weigh, where the recipe says something of it."""
    ranking: Ranking | None = None
    """The recipe's ranker and what it is worth."""


def run(recipe: Recipe, out: Path) -> Run:
    """Do everything the recipe says and write it to `out`.

    Files: recipe.yaml, metrics.json, run.json, recommendations.parquet, per_query.parquet, run.log, report.html,
    bundle-eval/ (what was measured) and bundle/ (refitted on every event with the chosen parameters).
    """
    out.mkdir(parents=True, exist_ok=True)
    with _log_file(out / "run.log"), _Steps(out) as step:
        return _run(recipe, out, step)


def _run(recipe: Recipe, out: Path, step: "_Steps") -> Run:
    metric = told_in(recipe)
    check_ranking(recipe)
    rng = np.random.default_rng(recipe.seed)
    with step("read"):
        data = recipe.reader.read()
        with asking(recipe.evaluate.users, recipe.seed):
            split = recipe.split.split(data, rng)
        read = fingerprint(split.everything)
        recipe, split, events = weighed(recipe, split)
        logger.info("%s", _size(split))
    with step("encode"):
        channels, split = encode(recipe, split)
        fusion, split = fuse(recipe.fusion, split, recipe.seed)
    with step("fit"):
        settled, model = fit(recipe.model, split, recipe.seed)
        check_index(recipe.index, model, len(split.train.items))
        ranking = rank_by(recipe, split)
        ranker = ranking.ranker if ranking else None
    with step("evaluate"):
        valid = _measure(recipe, model, split, split.valid, rng, ranker)
        tests = {n: _measure(recipe, model, split, held, rng, ranker, slices=True) for n, held in split.tests.items()}
        ranking = _reranked(ranking, recipe, model, split, tests, metric, rng)
        baseline = Popular().fit(split.train, None, rng)
        plain = replace(recipe, stages=())
        popular = {name: _measure(plain, baseline, split, held, rng) for name, held in split.tests.items()}
        gain = {name: _compare(tests[name], popular[name], metric, rng) for name in tests}
    with step("verdict"):
        told = _verdicts(recipe, split, settled, tests, metric, rng, fusion) if recipe.evaluate.verdict else ()
    with step("refit"):
        whole_channels, whole = _refit(recipe, split)
        whole_fusion, whole = fuse(None if fusion is None else fusion.settled, whole, recipe.seed, choose=False)
        _, anew = fit(settled, whole, recipe.seed, choose=False)
        ranker_anew = refitted(ranking, whole.train, recipe.seed)
    told_of = (valid, tests, popular, metric, gain, told, step.seconds, read, events, ranking)
    done = Run(recipe, split, model, settled, channels, fusion, *told_of)
    with step("write"):
        # what only recommends needs no tracker and is not tuned any more
        chosen = replace(recipe, model=settled, fusion=None if fusion is None else fusion.settled, track=(), tune={},
                         ranker=ranking.settled if ranking else None)  # fmt: skip
        save_bundle(Bundle(chosen, model, split.train, channels, fusion, ranker), out / "bundle-eval")
        whole_bundle = Bundle(chosen, anew, whole.train, whole_channels, whole_fusion, ranker_anew).indexed()
        save_bundle(whole_bundle, out / "bundle")
        _write(done, out)
        write_report(done, out / "report.html")
    curves = model.curves if isinstance(model, Curved) else {}
    for tracker in recipe.track:
        tracker.track(out.name, _flat(done), {"recipe": dump_recipe(recipe), "version": __version__}, curves)
    return done


def told_in(recipe: Recipe) -> str:
    """Return the metric that gains and verdicts are told in: the first NDCG."""
    for name in parse_metrics(recipe.evaluate.metrics):
        if name.startswith("ndcg"):
            return name
    raise ConfigError("evaluate.metrics needs an NDCG, e.g. ndcg@20: gains and verdicts are told in it")


def weighed(recipe: Recipe, split: Split) -> tuple[Recipe, Split, Weighed | None]:
    """Return recipe and split with what kinds of event weigh, found on validation where the recipe says `learn`."""
    if recipe.events is None:
        return recipe, split, None
    events = weigh(split, recipe.events, np.random.default_rng(recipe.seed))
    logger.info("%s", events)
    return replace(recipe, events=events.weights), events.split, events


def encode(recipe: Recipe, split: Split) -> tuple[tuple[Channel, ...], Split]:
    """Return the fitted channels and the split with the features they make, of users in the questions too."""
    channels, train = fit_channels(split.train, recipe.encoders, recipe.project, default_cache(), recipe.impute)
    tests = {name: with_features(held, train) for name, held in split.tests.items()}
    return channels, replace(split, train=train, valid=with_features(split.valid, train), tests=tests)


def _refit(recipe: Recipe, split: Split) -> tuple[tuple[Channel, ...], Split]:
    channels, whole = fit_channels(split.everything, recipe.encoders, recipe.project, default_cache(), recipe.impute)
    return channels, replace(split, train=whole)


def fuse(fusion: Fusion | None, split: Split, seed: int, *, choose: bool = True) -> tuple[FittedFusion | None, Split]:
    """Return the fitted fusion and the split with what it makes; as it is where there is none."""
    if fusion is None:
        return None, split
    fitted = fusion.fit(split.train, split.valid if choose else None, np.random.default_rng(seed))
    return fitted, replace(split, train=fused(split.train, fitted))


def fit(estimator: Estimator, split: Split, seed: int, *, choose: bool = True) -> tuple[Estimator, Recommender]:
    """Return the estimator with its choices written in, and the trained model.

    Every fit draws the same random numbers, so what two of them differ in is not chance.
    """
    model = estimator.fit(split.train, split.valid if choose else None, np.random.default_rng(seed))
    return (model.settled, model.plain) if isinstance(model, Settled) else (estimator, model)


def _measure(
    recipe: Recipe,
    model: Recommender,
    split: Split,
    held: Holdout,
    rng: np.random.Generator,
    ranker: Ranker | None = None,
    *,
    slices: bool = False,
) -> Measured:
    metrics = parse_metrics(recipe.evaluate.metrics)
    slate = recommend(
        model,
        held.queries,
        max(list_length(metrics), recipe.evaluate.keep),
        filters=[f.prepare(split.train) for f in recipe.filters],
        stages=[s.prepare(split.train) for s in recipe.stages],
        candidates=held.candidates,
        context=Context(split.train, rng, ranker=ranker),
    )
    results = measure(slate, held, split.train, metrics)
    parts = {_label(s): s for s in recipe.evaluate.slices} if slices else {}
    groups = measure_slices(slate, held, split.train, metrics, parts)
    told = {name: {group: r.summary(rng) for group, r in found.items()} for name, found in groups.items()}
    return Measured(slate, results, results.summary(rng), told)


def _reranked(
    ranking: Ranking | None,
    recipe: Recipe,
    model: Recommender,
    split: Split,
    tests: Mapping[str, Measured],
    metric: str,
    rng: np.random.Generator,
) -> Ranking | None:
    """Return the ranking with what the stage `rerank` gains, list by list."""
    plain = without_reranking(recipe)
    if ranking is None or plain is None:
        return ranking
    before = {name: _measure(plain, model, split, held, rng) for name, held in split.tests.items()}
    return replace(ranking, gain={name: _compare(tests[name], before[name], metric, rng) for name in tests})


def _verdicts(
    recipe: Recipe,
    split: Split,
    settled: Estimator,
    tests: Mapping[str, Measured],
    metric: str,
    rng: np.random.Generator,
    fusion: FittedFusion | None,
) -> tuple[Verdict, ...]:
    light = replace(recipe, evaluate=replace(recipe.evaluate, metrics=(metric,), slices=()))

    def remeasure(changed: Split) -> dict[str, pl.DataFrame]:
        _, changed = fuse(recipe.fusion, changed, recipe.seed)
        _, model = fit(recipe.model, changed, recipe.seed)
        return {n: _measure(light, model, changed, held, rng).results.per_query for n, held in changed.tests.items()}

    measured = {name: m.results.per_query for name, m in tests.items()}
    return verdicts(split, settled, measured, remeasure, metric, rng, fusion)


def _compare(a: Measured, b: Measured, metric: str, rng: np.random.Generator) -> Paired:
    return paired(a.results.per_query[metric].to_numpy(), b.results.per_query[metric].to_numpy(), rng)


def _write(done: Run, out: Path) -> None:
    (out / "recipe.yaml").write_text(dump_recipe(done.recipe), encoding="utf-8")
    figures: dict[str, Any] = {n: {metric: asdict(e) for metric, e in m.summary.items()} for n, m in done.tests.items()}
    _json(out / "metrics.json", figures | ({} if done.ranking is None else {"ranker": done.ranking.facts()}))
    _json(out / "run.json", _facts(done))
    tables = [m.results.per_query.select(pl.lit(name).alias("set"), pl.all()) for name, m in done.tests.items()]
    pl.concat(tables).write_parquet(out / "per_query.parquet")
    shown = [
        _shown(name, m.slate, done.split.tests[name], done.split.train, done.recipe.evaluate.keep)
        for name, m in done.tests.items()
    ]
    pl.concat(shown).write_parquet(out / "recommendations.parquet")


def _facts(done: Run) -> dict[str, Any]:
    """Return what run.json holds beside metrics.json."""
    return {
        "version": __version__,
        "machine": {"python": platform.python_version(), "system": platform.platform(), "numpy": np.__version__},
        "data": _size(done.split) | {"fingerprint": done.fingerprint},
        **({} if done.events is None else {"events": done.events.facts()}),
        "seed": done.recipe.seed,
        "metric": done.metric,
        "chosen": describe(done.settled),
        "fusion": None if done.fusion is None else describe(done.fusion.settled),
        "considered": dict(getattr(done.model, "considered", {})),
        "valid": {metric: asdict(e) for metric, e in done.valid.summary.items()},
        "popular": {n: {metric: asdict(e) for metric, e in m.summary.items()} for n, m in done.popular.items()},
        "gain_over_popular": {name: asdict(p) for name, p in done.gain.items()},
        "verdicts": [
            {"modality": v.modality, "weight": v.weight, "loss": {n: asdict(p) for n, p in v.loss.items()}}
            for v in done.verdicts
        ],
        "slices": {
            name: {
                s: {g: {k: asdict(e) for k, e in found.items()} for g, found in groups.items()}
                for s, groups in m.slices.items()
            }
            for name, m in done.tests.items()
        },
        "seconds": dict(done.seconds),
    }


def fingerprint(data: Dataset) -> str:
    """Return a hash of ids, events and item contents, wherever the folder lies; media count by their file names."""
    digest = hashlib.blake2b(digest_size=16)
    for names in (data.users, data.items):
        digest.update("\x00".join(names).encode())
    e = data.events
    for column in (e.user, e.item, e.time, e.weight, e.kind):
        digest.update(np.ascontiguousarray(column).tobytes())
    media = [c for c in MEDIA if c in data.item_table.columns]
    table = data.item_table.with_columns(pl.col(c).cast(pl.String).str.split("/").list.last() for c in media)
    digest.update(table.write_json().encode())
    return digest.hexdigest()


def _shown(name: str, slate: Slate, held: Holdout, train: Dataset, keep: int) -> pl.DataFrame:
    items, scores = slate.items[:, :keep], slate.scores[:, :keep]
    q, place = np.nonzero(items != PAD)
    users, catalogue = np.array(train.users, dtype=object), np.array(train.items, dtype=object)
    return pl.DataFrame(
        {
            "set": pl.Series([name]).new_from_index(0, len(q)),
            "user_id": pl.Series(users[held.users[q]], dtype=pl.String),
            "item_id": pl.Series(catalogue[items[q, place]], dtype=pl.String),
            "rank": pl.Series((place + 1).astype(np.int32)),
            "score": pl.Series(scores[q, place]),
        }
    )


def _flat(done: Run) -> dict[str, float]:
    found = {f"{name}/{k}": e.mean for name, m in done.tests.items() for k, e in m.summary.items()}
    found |= {f"valid/{k}": e.mean for k, e in done.valid.summary.items()}
    return {name: value for name, value in found.items() if value is not None}


def _size(split: Split) -> dict[str, int]:
    held = {name: int(h.truth.nnz) for name, h in split.tests.items()}
    train = split.train
    sizes = {"users": len(train.users), "items": len(train.items), "train_pairs": int(train.liked.nnz)}
    return sizes | {"valid_pairs": int(split.valid.truth.nnz)} | {f"{name}_pairs": n for name, n in held.items()}


def _label(component: Any) -> str:
    """Return a slice's name; one that looks at a column is named after it."""
    spec = describe(component)
    if isinstance(spec, str):
        return spec
    name, values = next(iter(spec.items()))
    return f"{name}({values['column']})" if "column" in values else str(name)


def _json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


@contextmanager
def _log_file(path: Path) -> Iterator[None]:
    handler = logging.FileHandler(path, mode="w", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    ours = logging.getLogger("cuvee")
    level = ours.level
    ours.addHandler(handler)
    ours.setLevel(logging.INFO)
    try:
        yield
    finally:
        ours.removeHandler(handler)
        ours.setLevel(level)
        handler.close()


class _Steps:
    """Times the steps of a run and shows which one it is at."""

    names = ("read", "encode", "fit", "evaluate", "verdict", "refit", "write")

    def __init__(self, out: Path) -> None:
        self.seconds: dict[str, float] = {}
        self.bar = tqdm(
            total=len(self.names), desc=str(out), unit="step", bar_format="{desc} |{bar}| {n_fmt}/{total_fmt} {elapsed}"
        )

    def __enter__(self) -> "_Steps":
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        self.bar.set_description_str(f"{name:8}")
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 3)
        logger.info("%s: %.1f s", name, self.seconds[name])
        self.bar.update()
