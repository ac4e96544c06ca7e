"""Vectors that somebody made already: a plain `.npy` array, or a parquet column of lists; a row a thing."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cuvee.errors import DataError
from cuvee.tables import first_not
from cuvee.types import Embeddings

__all__ = ["Matrix", "as_embeddings", "list_column", "open_matrix"]

Matrix = NDArray[Any]
"""(n, d) numbers of any width, perhaps still on disk."""


def open_matrix(path: Path) -> Matrix:
    """Return a `.npy` file as (n, d), mapped into memory: rows are read when they are asked for.

    Raises:
        DataError: no plain array (objects would be unpickled, which runs code), not two axes, or no numbers.
    """
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: cannot be read as a plain array: {error}") from error
    if not isinstance(found, np.ndarray):
        raise DataError(f"{path}: cannot be read as a plain array: it is an archive; save one array with numpy.save")
    if found.ndim != 2 or not found.shape[1] or found.dtype.kind not in "fiu":
        raise DataError(f"{path}: needs one row of numbers an item, got {found.dtype} of shape {found.shape}")
    return found


def list_column(table: pl.DataFrame, path: Path) -> Matrix:
    """Return the one column of lists as (n, d); where the cell is empty, and for numbers in it that are, NaN stands.

    Raises:
        DataError: no such column or several, lists that differ in length or do not hold numbers.
    """
    names = [name for name, dtype in table.schema.items() if isinstance(dtype, pl.List | pl.Array)]
    if len(names) != 1:
        told = f"{', '.join(names)} are" if names else f"among {', '.join(table.columns)} there is none"
        raise DataError(f"{path}: exactly one column must hold the vectors, as lists; {told}")
    column = table[names[0]]
    inner = getattr(column.dtype, "inner", None)
    if inner is None or not inner.is_numeric() or getattr(column.dtype, "shape", (0,))[1:]:
        raise DataError(f"{path}: column {names[0]!r} must hold lists of numbers, got {column.dtype}")
    lists = column.cast(pl.List(pl.Float32))
    lengths = lists.list.len()
    if not len(lengths.drop_nulls()):
        raise DataError(f"{path}: column {names[0]!r} holds no vector")
    width = int(lengths.drop_nulls()[0])
    bad = (lengths != width).fill_null(False) if width else lengths == 0
    if bad.any() or not width:
        row = first_not(bad)
        raise DataError(
            f"{path}: row {row} of {names[0]!r} has {lengths[row - 1]} numbers, the first {width or 'none'}"
        )
    rows = np.full((len(table), width), np.nan, np.float32)
    rows[lists.is_not_null().to_numpy()] = lists.drop_nulls().explode().to_numpy().reshape(-1, width)
    return rows


def as_embeddings(rows: Matrix) -> Embeddings:
    """Return rows of a matrix in float32; one of zeros, or with a number that is not finite, is missing."""
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and so missing
        vectors = np.array(rows, np.float32)
    present = np.isfinite(vectors).all(1) & (vectors != 0).any(1)
    vectors[~present] = 0
    return Embeddings(vectors, present)
