"""Never shows what cannot be had."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from cuvee.errors import ConfigError
from cuvee.types import Bools, Dataset, Queries

__all__ = ["Available"]


@dataclass(frozen=True)
class Available:
    """Allows only items whose column is true or positive; an empty value counts as available."""

    column: str = "available"
    """Column of the item table: true/false, or a number such as the stock."""

    def prepare(self, data: Dataset) -> Callable[[Queries], Bools]:
        """Return the mask (1, i), the same for every query.

        Raises:
            ConfigError: no such column, or one that holds neither booleans nor numbers.
        """
        if self.column not in data.item_table.columns:
            raise ConfigError(f"filter 'available': no column {self.column!r}; there are {data.item_table.columns}")
        values = data.item_table[self.column]
        known = values.null_count() < len(values)
        if known and values.dtype != pl.Boolean and not values.dtype.is_numeric():
            raise ConfigError(
                f"filter 'available': column {self.column!r} holds {values.dtype}, not booleans or numbers"
            )
        mask = np.asarray((values.cast(pl.Float64).fill_null(1.0) > 0).to_numpy(), bool)[None, :]
        return lambda queries: mask  # noqa: ARG005
