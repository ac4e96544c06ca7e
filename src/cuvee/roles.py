"""What differs between items and users: their table, their ids, and which of them training knows."""

from typing import Literal

import numpy as np
import polars as pl

from cuvee.errors import UnknownNameError, unknown
from cuvee.types import Bools, Dataset

__all__ = ["Role", "ids_of", "key_of", "need_column", "role_of", "table_of", "trained_rows"]

Role = Literal["item", "user"]


def role_of(encoder: object) -> str:
    """Return what an encoder describes: its field `role`, items if it has none."""
    return str(getattr(encoder, "role", "item"))


def table_of(data: Dataset, role: str) -> pl.DataFrame:
    return data.item_table if role == "item" else data.user_table


def key_of(role: str) -> str:
    """Return the column of the ids."""
    return f"{role}_id"


def ids_of(data: Dataset, role: str) -> tuple[str, ...]:
    return data.items if role == "item" else data.users


def trained_rows(data: Dataset, role: str) -> Bools:
    """Return (n,): whether the row has a pair that is liked."""
    return data.popularity > 0 if role == "item" else np.diff(data.liked.indptr) > 0


def need_column(data: Dataset, role: str, column: str) -> None:
    """Raise an UnknownNameError unless the role's table has the column."""
    table = table_of(data, role)
    if column not in table.columns:
        raise UnknownNameError(unknown(f"column of the {role} table", column, table.columns))
