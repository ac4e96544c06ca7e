"""Vectors that were made elsewhere, read from a file: `.npy`, or parquet with a column of lists."""

import hashlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from cuvee.errors import ConfigError, DataError, UnknownNameError, unknown
from cuvee.matrices import Matrix, as_embeddings, list_column, open_matrix
from cuvee.roles import Role, ids_of, key_of, table_of
from cuvee.tables import first_not, read_table
from cuvee.types import Dataset, Embeddings, Longs

__all__ = ["Precomputed", "FittedPrecomputed"]  # noqa: RUF022 - the component comes first

logger = logging.getLogger(__name__)

_BLOCK = 4096
"""Rows of one yield."""


@dataclass(frozen=True)
class Precomputed:
    """Ready vectors. A row of zeros, one that is not finite, and an id without a row are a missing modality.

    Cost: one pass over the file for its hash; `.npy` is mapped into memory, so that only the rows in use are read.
    """

    path: Path
    """The file: `.npy` of numbers (n, d), or `.parquet` where one column holds lists of numbers."""
    rows: str = "order"
    """Which row is whose. order: row r is row r of the item (or user) table, whose further rows are missing; with
    `.npy` a column of that table that holds the row, from 0; with `.parquet` the column of the file that holds the
    ids."""
    role: Role = "item"
    """Whose vectors: of items or users."""

    def __post_init__(self) -> None:
        if self.path.suffix not in (".npy", ".parquet"):
            raise ConfigError(f"path must end in .npy or .parquet, got {self.path}")

    def fit(self, train: Dataset, role: str) -> "FittedPrecomputed":
        """Open the file and find the rows; nothing is learnt from them.

        Raises:
            DataError: a file or a column that cannot be used, more rows than the table has, a row that is not there.
            UnknownNameError: no column of the name in `rows`.
        """
        ids = ids_of(train, role)
        file = read_table(self.path) if self.path.suffix == ".parquet" else None
        matrix = open_matrix(self.path) if file is None else list_column(file, self.path)
        known: dict[str, int] | None = None
        if self.rows == "order":
            known = _by_order(ids, matrix, self, role)
        elif file is not None:
            known = _by_id(file, self)
        fitted = FittedPrecomputed(self, role, matrix, known)
        absent = np.flatnonzero(fitted.rows_of(table_of(train, role)) < 0)
        if len(absent):
            told = (self.path, len(absent), len(ids), role, ids[absent[0]])
            logger.warning("%s: no row for %d of %d %ss, e.g. %r; they count as missing", *told)
        return fitted


@dataclass(frozen=True)
class FittedPrecomputed:
    """An open file of vectors."""

    parameters: Precomputed
    role: str
    matrix: Matrix
    """(n, d)."""
    known: Mapping[str, int] | None
    """Id -> row of the file; None where the table says it."""

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the file's bytes."""
        with self.parameters.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return hashlib.sha256(f"precomputed {digest}".encode()).hexdigest()

    def contents(self, table: pl.DataFrame) -> list[str]:
        """Return the row of the file, all that a vector depends on once the file is known; "" where there is none."""
        return [str(row) if row >= 0 else "" for row in self.rows_of(table)]

    def encode(self, table: pl.DataFrame) -> Iterator[Embeddings]:
        """Yield the vectors block after block, as they are."""
        rows = self.rows_of(table)
        for start in range(0, len(rows), _BLOCK):
            block = rows[start : start + _BLOCK]
            there = block >= 0
            vectors = np.zeros((len(block), self.matrix.shape[1]), self.matrix.dtype)
            vectors[there] = self.matrix[block[there]]
            yield as_embeddings(vectors)

    def rows_of(self, table: pl.DataFrame) -> Longs:
        """Return (n,): the row of the file for each row of the table, -1 where there is none."""
        if self.known is None:
            return _by_column(table, self.parameters, self.role, len(self.matrix))
        return np.array([self.known.get(name, -1) for name in table[key_of(self.role)]], np.int64)


def _by_order(ids: tuple[str, ...], matrix: Matrix, asked: Precomputed, role: str) -> dict[str, int]:
    if len(matrix) > len(ids):
        raise DataError(
            f"{asked.path}: has {len(matrix)} rows, the {role} table {len(ids)}; name in `rows` the column that tells "
            f"which row is whose"
        )
    return {name: row for row, name in enumerate(ids[: len(matrix)])}


def _by_id(table: pl.DataFrame, asked: Precomputed) -> dict[str, int]:
    if asked.rows not in table.columns:
        raise UnknownNameError(f"{asked.path}: {unknown('column', asked.rows, table.columns)}; `rows` names the ids'")
    ids = table[asked.rows]
    if ids.dtype.is_nested() or ids.dtype.is_float():
        raise DataError(f"{asked.path}: column {asked.rows!r} must hold ids, got {ids.dtype}")
    ids = ids.cast(pl.String)
    for bad, told in ((ids.is_null(), "has no id"), (ids.is_duplicated(), "has an id that occurs more than once")):
        if bad.any():
            row = first_not(bad)
            raise DataError(f"{asked.path}: row {row} {told} in column {asked.rows!r}: {ids[row - 1]!r}")
    return {name: row for row, name in enumerate(ids)}


def _by_column(table: pl.DataFrame, asked: Precomputed, role: str, n: int) -> Longs:
    """Return the file's row that the table's column tells; an empty cell tells none.

    Raises:
        UnknownNameError: no such column.
        DataError: not a whole number, or one that is no row of the file.
    """
    if asked.rows not in table.columns:
        what = unknown(f"column of the {role} table", asked.rows, table.columns)
        raise UnknownNameError(f"{asked.path}: {what}; `rows` is order, or the column that tells which row is whose")
    told = table[asked.rows]
    whole = told.cast(pl.Int64, strict=False)
    bad = told.is_not_null() & (whole.is_null() | (whole < 0) | (whole >= n))
    if told.dtype.is_float():
        bad |= (told != whole).fill_null(False)
    if bad.any():
        row = first_not(bad)
        name = table[key_of(role)][row - 1]
        raise DataError(
            f"{asked.path}: {role} {name!r}, row {row} of its table, has {told[row - 1]!r} as {asked.rows}; the file "
            f"has rows 0..{n - 1}"
        )
    return whole.fill_null(-1).to_numpy().astype(np.int64)
