"""Reads a data set as MMRec lays it out: one `.inter` file, and ready features as `.npy`, a row an item number.

Reference: Zhou, "MMRec: simplifying multimodal recommendation", MMAsia Workshops 2023.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from cuvee.errors import DataError
from cuvee.foreign import Form, read_foreign
from cuvee.frames import KIND_WEIGHTS, Frames, dataset
from cuvee.matrices import as_embeddings, open_matrix
from cuvee.tables import first_not
from cuvee.types import Dataset, Embeddings
from cuvee.watched import COLUMNS

__all__ = ["Mmrec"]

logger = logging.getLogger(__name__)

_OURS = {"userID": "user_id", "itemID": "item_id"}
_SUFFIX = "_feat.npy"


@dataclass(frozen=True)
class Mmrec:
    """A folder with NAME.inter (userID, itemID, and where known rating, timestamp) and MODALITY_feat.npy.

    The items are numbered 0, 1 ... as the rows of the features are; a row of zeros, or one that is not finite, is a
    missing modality. Features come as they are, so models use them without encoders. The split of the published
    tables stands in the column x_label: `split: {given: {path: NAME.inter}}` takes it.
    """

    path: Path
    """The folder."""
    kinds: Mapping[str, float] = field(default_factory=lambda: dict(KIND_WEIGHTS))
    """Kind of event -> what it says about liking; MMRec has one kind only, `event`, which weighs 1 if not listed."""
    min_rating: float | None = None
    """Events rated below this count as seen, not as liked; None: ratings play no role."""

    def read(self) -> Dataset:
        """Read the folder.

        Raises:
            DataError: not exactly one .inter file, a damaged file, an item number without a row in the features.
        """
        path = _only(self.path)
        raw = read_foreign([path], Form("separated"), ())
        raw = raw.rename({c: _OURS.get(c, c) for c in raw.columns})
        events = raw.with_columns(_number(raw, c, path) for c in ("rating", "timestamp", *COLUMNS) if c in raw.columns)
        features = {f.name.removesuffix(_SUFFIX): _features(f) for f in sorted(self.path.glob(f"*{_SUFFIX}"))}
        rows = _rows(features, self.path)
        data = dataset(
            Frames(events, items=_items(events, rows, path), source={"interactions": str(path), "items": str(path)}),
            self.kinds,
            self.min_rating,
        )
        return replace(data, features={("item", name): found for name, found in features.items()})


def _only(folder: Path) -> Path:
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    found = sorted(folder.glob("*.inter"))
    if len(found) != 1:
        names = ", ".join(f.name for f in found) or "none"
        raise DataError(f"{folder}: exactly one .inter file is needed, there is {names}")
    return found[0]


def _number(raw: pl.DataFrame, column: str, path: Path) -> pl.Series:
    found = raw[column].cast(pl.Float64, strict=False)
    bad = found.is_null() & raw[column].is_not_null()
    if bad.any():
        row = first_not(bad)
        raise DataError(f"{path}: row {row} has {raw[column][row - 1]!r} as {column}, which is not a number")
    return found


def _items(events: pl.DataFrame, rows: int | None, path: Path) -> pl.DataFrame | None:
    """Return an item for every row of the features; None where there are none: the events name the items then."""
    if rows is None or "item_id" not in events.columns:
        return None
    numbers = events["item_id"].cast(pl.Int64, strict=False)
    bad = (numbers.is_null() | (numbers < 0) | (numbers >= rows)).fill_null(True)
    if bad.any():
        row = first_not(bad)
        raise DataError(
            f"{path}: row {row} has the itemID {events['item_id'][row - 1]!r}; features have rows 0..{rows - 1}"
        )
    return pl.DataFrame({"item_id": [str(n) for n in range(rows)]})


def _features(path: Path) -> Embeddings:
    found = as_embeddings(open_matrix(path))
    if not found.present.all():
        logger.warning("%s: %d rows are zero or not finite; they count as missing", path, int((~found.present).sum()))
    return found


def _rows(features: Mapping[str, Embeddings], folder: Path) -> int | None:
    sizes = {name: len(found) for name, found in features.items()}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{name}{_SUFFIX} {n}" for name, n in sizes.items())
        raise DataError(f"{folder}: the features differ in the number of rows: {told}; each needs one an item")
    return next(iter(sizes.values()), None)
