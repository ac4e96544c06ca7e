"""Reads the canonical folder: interactions, items, users, reviews, social, kg, each a parquet, csv or jsonl file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from cuvee.errors import DataError
from cuvee.frames import KIND_WEIGHTS, Frames, dataset, require
from cuvee.media import absolute_media
from cuvee.tables import read_table
from cuvee.types import Dataset

__all__ = ["Folder", "find_tables", "find_vectors"]

_TABLES = {
    "interactions": "interactions",
    "items": "items",
    "users": "users",
    "reviews": "reviews",
    "social": "social",
    "triples": "kg",
    "links": "kg_item_link",
}


@dataclass(frozen=True)
class Folder:
    """A folder with `interactions` and, where there are any, `items`, `users`, `reviews`, `social` and `kg`.

    `kg_item_link` (item_id, entity_id) says under which names the items go in `kg`: the items get a column entity_id.
    Paths in the columns image, video and audio are relative to the folder; a file that is not there is a missing
    modality, and how many are is logged.
    """

    path: Path
    """The folder."""
    kinds: Mapping[str, float] = field(default_factory=lambda: dict(KIND_WEIGHTS))
    """Kind of event -> what it says about liking, negative for dislike; kinds that are not listed weigh 1."""
    min_rating: float | None = None
    """Events rated below this count as seen, not as liked; None: ratings play no role."""
    min_watched: float = 0.1
    """Share below which what was watched counts as seen, not as liked; above it the share multiplies the weight."""

    def read(self) -> Dataset:
        """Read the folder.

        Raises:
            DataError: no folder, no interactions, or a table that cannot be used; the message names file and row.
        """
        files = find_tables(self.path)
        if "interactions" not in files:
            raise DataError(f"{self.path}: no interactions.parquet, .csv or .jsonl here; it needs user_id and item_id")
        frames = {table: read_table(path) for table, path in files.items()}
        links = frames.pop("links", None)
        if "items" in frames:
            frames["items"] = absolute_media(frames["items"], self.path)
            if links is not None and "item_id" in frames["items"].columns:
                frames["items"] = _linked(frames["items"], links, str(files["links"]))
        names = {table: str(path) for table, path in files.items()}
        return dataset(Frames(source=names, **frames), self.kinds, self.min_rating, self.min_watched)


def _linked(items: pl.DataFrame, links: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return the items with the names they have in the knowledge graph; of several the first counts."""
    require(links, ("item_id", "entity_id"), name)
    if "entity_id" in items.columns:
        return items
    links = links.select(pl.col("item_id", "entity_id").cast(pl.String)).unique("item_id", keep="first")
    items = items.with_columns(pl.col("item_id").cast(pl.String))
    return items.join(links, on="item_id", how="left", maintain_order="left")


def find_tables(folder: Path) -> dict[str, Path]:
    """Return table -> file for the tables of a canonical folder.

    Raises:
        DataError: the folder does not exist, or a table is there twice.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    found = {}
    for table, stem in _TABLES.items():
        files = [folder / f"{stem}{suffix}" for suffix in (".parquet", ".csv", ".jsonl")]
        there = [f for f in files if f.is_file()]
        if len(there) > 1:
            raise DataError(f"{folder}: both {there[0].name} and {there[1].name}; keep one of them")
        if there:
            found[table] = there[0]
    return found


def find_vectors(folder: Path) -> dict[str, str]:
    """Return modality -> name of the file of ready vectors, `MODALITY_feat.npy`, for those in the folder."""
    return {path.name.removesuffix("_feat.npy"): path.name for path in sorted(folder.glob("*_feat.npy"))}
