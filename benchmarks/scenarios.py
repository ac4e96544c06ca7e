"""What does each source of data add? The recipes of recipes/scenarios, each with one source left out after the other.

    python benchmarks/scenarios.py [--recipes social-lastfm ...] [--page-only]

writes benchmarks/results/scenarios.json, a recipe as soon as it is done, and the tables and plots of docs/scenarios.
Every variant is fitted and chosen anew on validation; differences are paired user by user, with 95 % bootstrap
intervals, on one split. A modality is left out by hiding its vectors, the social graph by taking its views away.
The demo shop is made anew in a temporary folder; microlens-samples encodes frames and sound of its three clips.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from quality import machine
from scenarios_page import PAGES, write_pages

from cuvee.demo.write import write_shop
from cuvee.encoders.audio import Audio
from cuvee.encoders.video import Video
from cuvee.evaluate import measure, measure_slices, parse_metrics
from cuvee.frames import Frames, dataset
from cuvee.media import absolute_media
from cuvee.models.blend import Blend
from cuvee.models.friends import Friends
from cuvee.models.friends_ridge import FriendsRidge
from cuvee.models.popular import Popular
from cuvee.pipeline import encode, fit, weighed
from cuvee.protocols import Recommender
from cuvee.queries import holdout, keep_events
from cuvee.rank import recommend
from cuvee.recipe import Recipe, load_recipe
from cuvee.registry import describe
from cuvee.statistics import paired
from cuvee.types import Context, Dataset, Floats, Holdout, Split

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "scenarios.json"
RECIPES = ROOT / "recipes" / "scenarios"
METRIC = "ndcg@20"
SOCIAL = "social"
CLIPS = "microlens-samples"
"""Three micro-videos, for decoding and encoding alone."""


@dataclass(frozen=True)
class Scenario:
    recipe: Recipe
    split: Split
    """What is chosen on, and measured on where `last` is None."""
    last: Split | None
    """The same with validation trained on as well: what was chosen is fitted again and measured here."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [*(name for found in PAGES.values() for name in found), CLIPS]
    parser.add_argument("--recipes", nargs="*", default=names, choices=names)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--page-only", action="store_true", help="Only write the pages from the results.")
    args = parser.parse_args()
    for name in () if args.page_only else args.recipes:
        started = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            if name.endswith("-demo"):
                write_shop(Path(folder) / "shop", scale=0.5)
                os.environ["CUVEE_DEMO"] = str(Path(folder) / "shop")
            found = clips() if name == CLIPS else compared(read(name))
        known = json.loads(args.out.read_text(encoding="utf-8")) if args.out.is_file() else {}
        made = {"date": datetime.now(UTC).date().isoformat(), "machine": machine()}
        known[name] = found | made | {"seconds": time.process_time() - started}
        args.out.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
        print(name, f"{known[name]['seconds']:.0f} CPU s", flush=True)
    write_pages(json.loads(args.out.read_text(encoding="utf-8")), ROOT / "docs" / "scenarios")


def read(name: str) -> Scenario:
    recipe = load_recipe(RECIPES / f"{name}.yaml")
    split = recipe.split.split(recipe.reader.read(), np.random.default_rng(recipe.seed))
    recipe, split, _ = weighed(recipe, split)
    last = None
    if name.endswith("-next-day"):
        now = split.tests["test"].queries.now
        train = keep_events(split.everything, split.everything.events.time < now)
        last = replace(split, train=train, tests={"test": _asked_again(split.tests["test"], train)})
        last = encode(recipe, last)[1]
    return Scenario(recipe, encode(recipe, split)[1], last)


def clips() -> dict[str, Any]:
    """Return what is encoded of the micro-videos: clips, with how many vectors of what width, and CPU seconds."""
    folder = Path(os.environ.get("CUVEE_DATA", ROOT.parent / "shared" / "data")) / CLIPS
    table = absolute_media(pl.read_parquet(folder / "items.parquet").filter(pl.col("video").is_not_null()), folder)
    one = pl.DataFrame({"user_id": ["somebody"], "item_id": [table["item_id"][0]]})
    data = dataset(Frames(one, table))
    told = {}
    for name, encoder in {"frames": Video(), "sound": Video(frames=None, sound=Audio())}.items():
        fitted = encoder.fit(data, "item")
        started = time.process_time()
        blocks = list(fitted.encode(data.item_table))
        found = sum(int(block.present.sum()) for block in blocks)
        told[name] = {"clips": found, "dim": blocks[0].dim, "encode_seconds": time.process_time() - started}
    return {"files": len(table), "encoded": told}


def _asked_again(held: Holdout, train: Dataset) -> Holdout:
    """Return the questions with what was newly bought meanwhile among what is known, and no longer asked for."""
    row, item = held.truth.nonzero()
    user = held.users[row]
    new = np.asarray(train.matrix[user, item] == 0).ravel()
    asked = holdout(train, (user[new].astype(np.int32), item[new].astype(np.int32)))
    return replace(asked, queries=replace(asked.queries, now=held.queries.now))


def compared(scenario: Scenario) -> dict[str, Any]:
    """Return the figures of one recipe: whole, popularity, and what is lost without each source."""
    rng = np.random.default_rng(0)
    measured = {name: quality(scenario, name) for name in variants(scenario)}
    whole, settled, slices = measured["whole"]
    popular = figures(scenario, Popular().fit((scenario.last or scenario.split).train, None, rng))[0]
    return {
        "chosen": describe(settled),
        "tests": {
            test: {
                "whole": asdict(_estimate(values)),
                "popular": float(popular[test].mean()),
                "without": {
                    name.removeprefix("without "): {
                        "left": float(found[0][test].mean()),
                        **asdict(paired(values, found[0][test], rng)),
                    }
                    for name, found in measured.items()
                    if name != "whole"
                },
                "slices": slices[test],
            }
            for test, values in whole.items()
        },
    }


def _estimate(values: Floats) -> Any:
    rng = np.random.default_rng(0)
    return paired(values, np.zeros_like(values), rng)


def variants(scenario: Scenario) -> Iterator[str]:
    """Yield the names of the variants; `without all` is interactions alone."""
    yield "whole"
    yield from (f"without {modality}" for _, modality in scenario.split.train.features)
    if isinstance(scenario.recipe.model, Blend) and any(_social(view) for view in scenario.recipe.model.views):
        yield f"without {SOCIAL}"
    yield "without all"


def quality(scenario: Scenario, variant: str) -> tuple[dict[str, Floats], Any, dict[str, Any]]:
    """Return test -> (q,) NDCG@20, the chosen model, and test -> slices, of one variant."""
    gone = variant.removeprefix("without ")
    recipe = scenario.recipe
    if gone in (SOCIAL, "all") and isinstance(recipe.model, Blend):
        views = tuple(view for view in recipe.model.views if not _social(view))
        recipe = replace(recipe, model=replace(recipe.model, views=views))
    split = hidden(scenario.split, gone)
    settled, model = fit(recipe.model, split, recipe.seed)
    last = None if scenario.last is None else hidden(scenario.last, gone)
    if last is not None:
        _, model = fit(settled, last, recipe.seed, choose=False)
    values, slices = figures(Scenario(recipe, split, last), model, slices=variant == "whole")
    print(" ", variant, {test: round(float(v.mean()), 4) for test, v in values.items()}, flush=True)
    return values, settled, slices


def figures(
    scenario: Scenario, model: Recommender, *, slices: bool = False
) -> tuple[dict[str, Floats], dict[str, Any]]:
    """Return test -> (q,) NDCG@20, and test -> slice -> group -> mean."""
    split, recipe = scenario.last or scenario.split, scenario.recipe
    metrics, rng = parse_metrics([METRIC]), np.random.default_rng(0)
    found, told = {}, {}
    for test, held in split.tests.items():
        filters = [f.prepare(split.train) for f in recipe.filters]
        context = Context(split.train, rng)
        slate = recommend(model, held.queries, 20, filters=filters, candidates=held.candidates, context=context)
        found[test] = measure(slate, held, split.train, metrics).per_query[METRIC].to_numpy()
        parts = {type(s).__name__: s for s in recipe.evaluate.slices} if slices else {}
        groups = measure_slices(slate, held, split.train, metrics, parts)
        told[test] = {
            name: {group: asdict(r.summary(rng)[METRIC]) for group, r in g.items()} for name, g in groups.items()
        }
    return found, told


def hidden(split: Split, gone: str) -> Split:
    """Return the split with one modality, or all of them, missing everywhere."""
    features: Mapping[tuple[str, str], Any] = {
        key: f.hidden() if gone in (key[1], "all") else f for key, f in split.train.features.items()
    }
    train = replace(split.train, features=features)
    mine = {m for (role, m) in features if role == "user" and gone in (m, "all")}

    def forget(held: Holdout) -> Holdout:
        known = {m: f.hidden() if m in mine else f for m, f in held.queries.features.items()}
        return replace(held, queries=replace(held.queries, features=known))

    tests = {name: forget(held) for name, held in split.tests.items()}
    return replace(split, train=train, valid=forget(split.valid), tests=tests)


def _social(view: Any) -> bool:
    return isinstance(view, Friends | FriendsRidge)


if __name__ == "__main__":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    main()
