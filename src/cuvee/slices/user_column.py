"""By what the user table says of each user: gender, age, country ..."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from cuvee.errors import UnknownNameError, unknown
from cuvee.types import Bools, Dataset, Holdout

__all__ = ["UserColumn"]


@dataclass(frozen=True)
class UserColumn:
    """Groups of queries by a column of the user table; users without a value are the group "unknown".

    A numeric column is cut into ranges, any other into its values.
    """

    column: str
    """Column of the user table."""

    edges: tuple[float, ...] = ()
    """Where a new range of a numeric column begins, ascending; without any, the quartiles of the training users."""

    most: int = 20
    """At most this many values of a column that is not numeric, those of most queries; the rest is "other"."""

    def cut(self, holdout: Holdout, train: Dataset) -> Mapping[str, Holdout]:
        if self.column not in train.user_table.columns:
            raise UnknownNameError(unknown("user column", self.column, train.user_table.columns))
        column = train.user_table[self.column]
        mine = column.gather(holdout.users)
        labels = self._ranges(column, mine) if column.dtype.is_numeric() else self._frequent(mine.cast(pl.String))
        return {name: holdout.take(rows) for name, rows in labels.items()}

    def _ranges(self, column: pl.Series, mine: pl.Series) -> dict[str, Bools]:
        """Return name -> (q,) mask, ascending, those without a value last."""
        known = column.drop_nulls().cast(pl.Float64).drop_nans().to_numpy()
        quartiles = np.quantile(known, [0.25, 0.5, 0.75]) if len(known) else []
        edges = np.unique(self.edges or quartiles)
        values = mine.cast(pl.Float64).fill_null(np.nan).to_numpy()
        group = np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="right"))
        return {_range(edges.tolist(), g): group == g for g in np.unique(group).tolist()}

    def _frequent(self, mine: pl.Series) -> dict[str, Bools]:
        """Return name -> (q,) mask, the value of most queries first, then "other", then those without a value."""
        counts = mine.drop_nulls().value_counts(name="n").sort(["n", mine.name], descending=[True, False])
        kept = counts[mine.name].head(self.most)
        rest = pl.when(mine.is_null()).then(pl.lit("unknown")).otherwise(pl.lit("other"))
        labels = pl.select(pl.when(mine.is_in(kept.implode())).then(mine).otherwise(rest)).to_series()
        names = dict.fromkeys([*kept.to_list(), "other", "unknown"])
        groups = {name: (labels == name).to_numpy() for name in names}
        return {name: rows for name, rows in groups.items() if rows.any()}


def _range(edges: list[float], group: int) -> str:
    """Return "under 18", "18 to under 35", "35 and over", or "unknown" for the group after the last."""
    if group == len(edges) + 1:
        return "unknown"
    if not edges:
        return "all"
    if group == 0:
        return f"under {edges[0]:g}"
    if group == len(edges):
        return f"{edges[-1]:g} and over"
    return f"{edges[group - 1]:g} to under {edges[group]:g}"
