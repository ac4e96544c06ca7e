"""Reads the canonical folder: interactions, items, users, reviews, social, kg, each a parquet, csv or jsonl file."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from cuvee.errors import DataError
from cuvee.frames import KIND_WEIGHTS, Frames, dataset
from cuvee.types import Dataset

__all__ = ["Folder", "find_tables", "read_table"]

logger = logging.getLogger(__name__)

_TABLES = {
    "interactions": "interactions",
    "items": "items",
    "users": "users",
    "reviews": "reviews",
    "social": "social",
    "triples": "kg",
}
_MEDIA = ("image", "video", "audio")


@dataclass(frozen=True)
class Folder:
    """A folder with `interactions` and, where there are any, `items`, `users`, `reviews`, `social` and `kg`.

    Paths in the columns image, video and audio are relative to the folder; a file that is not there is a missing
    modality, and how many are is logged.
    """

    path: Path
    """The folder."""
    kinds: Mapping[str, float] = field(default_factory=lambda: dict(KIND_WEIGHTS))
    """Kind of event -> what it says about liking, negative for dislike; kinds that are not listed weigh 1."""
    min_rating: float | None = None
    """Leave out events rated below this; None keeps all."""

    def read(self) -> Dataset:
        """Read the folder.

        Raises:
            DataError: no folder, no interactions, or a table that cannot be used; the message names file and row.
        """
        files = find_tables(self.path)
        if "interactions" not in files:
            raise DataError(f"{self.path}: no interactions.parquet, .csv or .jsonl here; it needs user_id and item_id")
        frames = {table: read_table(path) for table, path in files.items()}
        if "items" in frames:
            frames["items"] = _absolute_media(frames["items"], self.path)
        names = {table: str(path) for table, path in files.items()}
        return dataset(Frames(source=names, **frames), self.kinds, self.min_rating)


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


def read_table(path: Path) -> pl.DataFrame:
    """Read one table; columns of ids stay text whatever they look like.

    Raises:
        DataError: not readable as what its ending says.
    """
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        if path.suffix == ".jsonl":
            return pl.read_ndjson(path, infer_schema_length=10_000)
        header = pl.read_csv(path, n_rows=0).columns
        ids = {c: pl.String for c in header if c.endswith("_id") or c in ("src", "dst", "head", "relation", "tail")}
        return pl.read_csv(path, schema_overrides=ids, infer_schema_length=10_000)
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as {path.suffix[1:]}: {error}") from error


def _absolute_media(items: pl.DataFrame, folder: Path) -> pl.DataFrame:
    root = folder.resolve()
    for column in _MEDIA:
        if column not in items.columns:
            continue
        there = [_inside(root, name) for name in items[column].cast(pl.String).to_list()]
        gone = sum(a is None and bool(b) for a, b in zip(there, items[column].to_list(), strict=True))
        if gone:
            logger.warning("%s: %d files of column %r are not there; they count as missing", folder, gone, column)
        items = items.with_columns(pl.Series(column, there, dtype=pl.String))
    return items


def _inside(root: Path, name: str | None) -> str | None:
    """Return the absolute path of a file below the folder, or None."""
    if not name:
        return None
    try:
        path = (root / name).resolve()
        return str(path) if path.is_relative_to(root) and path.is_file() else None
    except (OSError, ValueError):  # no file can have this name
        return None
