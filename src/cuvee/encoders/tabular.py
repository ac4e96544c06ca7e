"""The columns of the item or user table as vectors: numbers, categories, tags and dates."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from cuvee.columns import ColumnCodes, ColumnKind, kind_of, learn_columns
from cuvee.errors import ConfigError, DataError, UnknownNameError, unknown
from cuvee.roles import Role, need_column, table_of, trained_rows
from cuvee.types import Dataset

__all__ = ["Tabular"]

logger = logging.getLogger(__name__)

_FOR_OTHERS = ("title", "description", "image", "video", "audio")
"""Columns of the canonical layout that other encoders read."""


@dataclass(frozen=True)
class Tabular:
    """Numbers by their distance from the mean, categories and tags one by one, dates as year and month.

    Means and vocabularies are learned from training rows: those with a liked pair. Cost: linear in rows and columns.
    """

    role: Role = "item"
    """Whose table: item or user."""
    columns: tuple[str, ...] = ()
    """Columns; empty for all but ids, titles, descriptions, media, and those where most rows have their own words."""
    kinds: Mapping[str, ColumnKind] = field(default_factory=dict)
    """Column -> number, band (which fifth a number is in), category, tags or date, where the guess is wrong."""
    limit: int = 50
    """Categories or tags of a column that get a place of their own: the most frequent ones of training."""
    buckets: int = 8
    """Places that all other categories or tags of a column share, also those that first appear later."""
    separator: str = "|"
    """Between the tags of one cell, as in `Action|Comedy`."""

    def __post_init__(self) -> None:
        if self.limit < 0 or self.buckets < 1:
            raise ConfigError(f"limit must be 0 or more and buckets 1 or more, got {self.limit}, {self.buckets}")
        if not self.separator:
            raise ConfigError("separator must not be empty")
        for column in self.kinds:
            if self.columns and column not in self.columns:
                raise UnknownNameError(unknown("column in kinds:", column, self.columns))

    def fit(self, train: Dataset, role: str) -> ColumnCodes:
        """Learn from the training rows.

        Raises:
            UnknownNameError: the table has none of a column's name.
            DataError: no column is left to encode.
        """
        return self.learn(train, role)

    def learn(self, train: Dataset, role: str) -> ColumnCodes:
        """Return all that is learned, which is the fitted encoder itself."""
        for column in (*self.columns, *self.kinds):
            need_column(train, role, column)
        rows = trained_rows(train, role)
        table = table_of(train, role)
        table = table.filter(rows) if rows.any() else table
        names = self.columns or self._suitable(table)
        if not names:
            raise DataError(f"the {role} table has no column that tabular can use; name some in `columns`")
        kinds = {name: self.kinds.get(name) or kind_of(table[name], self.separator) for name in names}
        logger.info("tabular: %s", ", ".join(f"{name} ({kind})" for name, kind in kinds.items()))
        return learn_columns(table, kinds, limit=self.limit, buckets=self.buckets, separator=self.separator)

    def restore(self, learned: ColumnCodes, data: Dataset, role: str) -> ColumnCodes:  # noqa: ARG002 - rows say it all
        return learned

    def _suitable(self, table: pl.DataFrame) -> tuple[str, ...]:
        """Return the columns to encode when none are named; what is left out is logged."""
        names = [name for name in table.columns if name in self.kinds or self._suits(table[name])]
        logger.info("tabular: leaves out %s", ", ".join(sorted(set(table.columns) - set(names))))
        return tuple(names)

    def _suits(self, column: pl.Series) -> bool:
        cells = column.drop_nulls()
        if not len(cells) or column.name.endswith("_id") or column.name in _FOR_OTHERS:
            return False
        return not _own_words(cells, self.separator)


def _own_words(cells: pl.Series, separator: str) -> bool:
    """Return whether most of the cells are texts that no other row has."""
    if cells.dtype != pl.String or kind_of(cells, separator) != "category":
        return False
    return bool(np.mean(cells.is_unique().to_numpy()) > 0.5)
