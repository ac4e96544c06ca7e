"""By whether a wanted item has a sibling in training: another colour of the same product, say."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from cuvee.errors import UnknownNameError, unknown
from cuvee.truth import restrict
from cuvee.types import Bools, Dataset, Holdout

__all__ = ["Siblings"]


@dataclass(frozen=True)
class Siblings:
    """The truth cut into items "with siblings" and "without siblings".

    A sibling is another item with the same value in the column that somebody liked in training; an item without a
    value has none. Near copies of known items are easy: the second group tells what is learnt beyond them.
    """

    column: str = "product_code"
    """Column of the item table that siblings share."""

    def cut(self, holdout: Holdout, train: Dataset) -> Mapping[str, Holdout]:
        related = self._related(train)
        parts = {"with siblings": restrict(holdout, related), "without siblings": restrict(holdout, ~related)}
        return {name: part for name, part in parts.items() if len(part.users)}

    def _related(self, train: Dataset) -> Bools:
        """Return (i,) whether the item has a sibling."""
        if self.column not in train.item_table.columns:
            raise UnknownNameError(unknown("item column", self.column, train.item_table.columns))
        liked = pl.Series("liked", (train.popularity > 0).astype(np.int32))
        table = train.item_table.select(pl.col(self.column).alias("value"), liked)
        others = pl.col("liked").sum().over("value") - pl.col("liked")
        return table.select((others > 0) & pl.col("value").is_not_null()).to_series().to_numpy()
