"""What the service is measured on: made-up numbers of any size, as a bundle and as a log of events in SQLite.

    python benchmarks/serve_world.py FOLDER --items N --users N

Items belong to groups of 100 and have a vector of 64 numbers, a title, a price and a category; everybody keeps mostly
to one group. Two fifths of the events are in the bundle, the others came after it and are in the log only.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cuvee.bundle import Bundle, save_bundle
from cuvee.cache import VectorCache
from cuvee.encoders.precomputed import Precomputed
from cuvee.features import fit_channels
from cuvee.filters.unseen import Unseen
from cuvee.logs.sql import SqlLog
from cuvee.models.blend import Blend
from cuvee.models.content import Content
from cuvee.models.item_knn import ItemKnn
from cuvee.models.popular import Popular
from cuvee.projection import Projection
from cuvee.readers.folder import Folder
from cuvee.recipe import Recipe
from cuvee.splits.random import Random
from cuvee.stages.diversity import Diversity
from cuvee.types import Dataset, Events

__all__ = ["make_world"]

WIDTH, GROUP, CATEGORIES = 64, 100, 40
BEFORE, SINCE = 4, 6
"""Events of everybody in the bundle, and in the log since."""
LOYALTY = 0.8
START = 1_700_000_000
_CHUNK = 50_000

Rows = NDArray[np.int64]


def make_world(folder: Path, items: int, users: int, seed: int = 0) -> None:
    """Write `folder/bundle` and the log `folder/data/cuvee.db`."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    group = np.arange(items) // GROUP
    who = np.repeat(np.arange(users), BEFORE + SINCE)
    favourite = rng.integers(0, int(group[-1]) + 1, users)
    mine = favourite[who] * GROUP + (GROUP * rng.random(len(who)) ** 2).astype(np.int64)
    item = np.where(rng.random(len(who)) < LOYALTY, np.minimum(mine, items - 1), rng.integers(0, items, len(who)))
    turn = np.tile(np.arange(BEFORE + SINCE), users)
    when = START + 3600 * turn + rng.integers(0, 3600, len(who))
    early = turn < BEFORE
    _save(folder, group, (who[early], item[early], when[early]), users, rng)
    (folder / "data").mkdir(exist_ok=True)
    _fill(SqlLog(f"sqlite:///{folder / 'data' / 'cuvee.db'}"), who[~early], item[~early], when[~early])


def _save(folder: Path, group: Rows, events: tuple[Rows, Rows, Rows], users: int, rng: np.random.Generator) -> None:
    who, item, when = events
    order = np.argsort(when, kind="stable")
    count = len(group)
    middles = rng.normal(size=(int(group[-1]) + 1, WIDTH)).astype(np.float32)
    np.save(folder / "content.npy", middles[group] + rng.standard_normal((count, WIDTH), np.float32))
    names = tuple(f"i{n}" for n in range(count))
    table = pl.DataFrame(
        {
            "item_id": names,
            "title": [f"Thing {n} of group {g}" for n, g in enumerate(group)],
            "price": np.round(np.exp(rng.normal(3, 1, count)), 2),
            "category": [f"c{g % CATEGORIES}" for g in group],
        }
    )
    people = tuple(f"u{n}" for n in range(users))
    data = Dataset(
        people,
        names,
        Events(
            user=who[order].astype(np.int32),
            item=item[order].astype(np.int32),
            time=when[order],
            weight=np.ones(len(who), np.float32),
            kind=np.zeros(len(who), np.int8),
            kinds=("view",),
        ),
        table,
        pl.DataFrame({"user_id": people}),
    )
    content = Precomputed((folder / "content.npy").resolve())
    channels, data = fit_channels(data, {"content": content}, Projection(), VectorCache(folder / "vectors"))
    model = Blend((ItemKnn(), Content({"content": 1.0}), Popular()), weights=(0.6, 0.3, 0.1), newcomers=(0.0, 0.0, 1.0))
    recipe = Recipe(Folder(Path("/gone")), Random(), model, filters=(Unseen(),), stages=(Diversity(0.2, ("content",)),))
    fitted = model.fit(data, None, np.random.default_rng(0))
    save_bundle(Bundle(recipe, fitted, data, channels), folder / "bundle")


def _fill(log: SqlLog, who: Rows, item: Rows, when: Rows) -> None:
    for start in range(0, len(who), _CHUNK):
        part = slice(start, start + _CHUNK)
        rows = pl.DataFrame({"user": who[part], "item": item[part], "time": when[part]}).with_row_index("n", start)
        log.append(
            rows.select(
                ("e" + pl.col("n").cast(pl.String)).alias("event_id"),
                ("u" + pl.col("user").cast(pl.String)).alias("user_id"),
                ("i" + pl.col("item").cast(pl.String)).alias("item_id"),
                pl.lit("view").alias("kind"),
                "time",
            )
        )
    log.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--items", type=int, required=True)
    parser.add_argument("--users", type=int, required=True)
    given = parser.parse_args()
    start = time.perf_counter()
    make_world(given.folder, given.items, given.users)
    (given.folder / "made").write_text(f"{time.perf_counter() - start:.1f}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
