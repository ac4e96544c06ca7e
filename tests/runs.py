"""A small finished run, measured for real on a made-up shop, for whatever tells of runs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
from PIL import Image

from cuvee.evaluate import measure, measure_slices, parse_metrics
from cuvee.filters.unseen import Unseen
from cuvee.models.blend import Blend
from cuvee.models.content import Content
from cuvee.models.ease import Ease
from cuvee.models.popular import Popular
from cuvee.pipeline import Measured, Run
from cuvee.protocols import Estimator, Recommender, Slice
from cuvee.queries import holdout
from cuvee.rank import recommend
from cuvee.readers.folder import Folder
from cuvee.recipe import Evaluation, Recipe
from cuvee.slices.history_length import HistoryLength
from cuvee.slices.user_column import UserColumn
from cuvee.splits.random import Random
from cuvee.statistics import Paired, paired
from cuvee.types import Dataset, Embeddings, Holdout, Split
from cuvee.verdict import Verdict
from tests.cases import train

__all__ = ["ITEMS", "USERS", "shop", "small_run"]

USERS, ITEMS = 37, 23
_METRICS = ("recall@5", "ndcg@5", "hit_rate@5", "coverage@5", "novelty@5")
_SLICES: Mapping[str, Slice] = MappingProxyType(
    {"history_length": HistoryLength((0, 3)), "user_column(city)": UserColumn("city")}
)


def shop(pictures: Sequence[str | None], titles: Mapping[int, str]) -> tuple[Dataset, list[list[int]]]:
    """Return training data of users who like one of two halves of the catalogue, and what each was not asked yet."""
    rng = np.random.default_rng(3)
    taste = [rng.permutation(np.arange(0, 12) if u % 3 else np.arange(9, ITEMS)) for u in range(USERS)]
    sizes = rng.integers(1, 9, USERS)
    vectors = np.c_[np.arange(ITEMS) < 10, np.arange(ITEMS) >= 10].astype(np.float32)
    data = train(
        [sorted(t[:size].tolist()) for t, size in zip(taste, sizes, strict=True)],
        ITEMS,
        {"text": Embeddings(vectors, np.ones(ITEMS, bool))},
        {"city": [None if u == 0 else ("Ulm", "Linz")[u % 2] for u in range(USERS)]},
        {"title": [titles.get(i, f"Thing {i}") for i in range(ITEMS)], "image": list(pictures)},
    )
    return data, [t[size : size + 3].tolist() for t, size in zip(taste, sizes, strict=True)]


def small_run(
    folder: Path,
    *,
    titles: Mapping[int, str] = MappingProxyType({}),
    model: Estimator | None = None,
    tests: Sequence[str] = ("test",),
    loss: Paired | None = None,
) -> Run:
    """Fit a model, measure it, and return the run; pictures go to `folder`, items 1 and 2 have none to show."""
    rng = np.random.default_rng(0)
    data, asked = shop(_draw(folder), titles)
    chosen = model or Blend((Ease(l2=1.0), Popular(), Content(on={"text": 1.0})), weights=(1.0, 0.0, 0.5))
    held = _holdout(data, asked)
    fitted = chosen.fit(data, None, rng)
    popular = Popular().fit(data, None, rng)
    ours = {name: _measured(fitted, held, data) for name in tests}
    theirs = {name: _measured(popular, held, data) for name in tests}
    a, b = (m[tests[0]].results.per_query["ndcg@5"].to_numpy() for m in (ours, theirs))
    recipe = Recipe(Folder(Path("shop")), Random(), chosen, evaluate=Evaluation(_METRICS, tuple(_SLICES.values())))
    return Run(
        recipe=recipe,
        split=Split(data, held, dict.fromkeys(tests, held), data),
        model=fitted,
        settled=chosen,
        channels=(),
        fusion=None,
        valid=ours[tests[0]],
        tests=ours,
        popular=theirs,
        metric="ndcg@5",
        gain=dict.fromkeys(tests, paired(a, b, rng)),
        verdicts=(Verdict("text", 1 / 3, dict.fromkeys(tests, loss)),) if loss else (),
        seconds={"read": 0.25, "fit": 1.5},
    )


def _draw(folder: Path) -> list[str | None]:
    """Return a picture an item: item 1 has none, that of item 2 is broken."""
    files = []
    for item in range(ITEMS):
        files.append(folder / f"{item}.png")
        Image.new("RGB", (120, 160), (11 * item, 90, 200 - 8 * item)).save(files[-1])
    files[2].write_bytes(b"no picture")
    return [None if item == 1 else str(file) for item, file in enumerate(files)]


def _holdout(data: Dataset, asked: list[list[int]]) -> Holdout:
    users = [u for u, wanted in enumerate(asked) for _ in wanted]
    items = [i for wanted in asked for i in wanted]
    return holdout(data, (np.array(users, np.int32), np.array(items, np.int32)))


def _measured(model: Recommender, held: Holdout, data: Dataset) -> Measured:
    metrics, rng = parse_metrics(_METRICS), np.random.default_rng(1)
    slate = recommend(model, held.queries, 12, filters=[Unseen().prepare(data)])
    results = measure(slate, held, data, metrics)
    found = measure_slices(slate, held, data, metrics, _SLICES)
    slices = {name: {group: r.summary(rng) for group, r in groups.items()} for name, groups in found.items()}
    return Measured(slate, results, results.summary(rng), slices)
