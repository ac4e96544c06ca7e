"""Columns of a table as one text a row."""

import math
import re
from collections.abc import Sequence

import polars as pl

__all__ = ["joined_texts"]

_BARS = re.compile(r"\s*\|\s*")


def joined_texts(table: pl.DataFrame, columns: Sequence[str]) -> list[str]:
    """Return "title. description" of each row; empty cells, and columns the table does not have, are left out."""
    cells = [[_words(value) for value in table[name].to_list()] for name in columns if name in table.columns]
    return [". ".join(filter(None, parts)) for parts in zip(*cells, strict=True)] or [""] * len(table)


def _words(value: object) -> str:
    """Return a cell as words, "" where there is nothing."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, list):
        return ", ".join(filter(None, map(_words, value)))
    if isinstance(value, float):
        return f"{value:.6g}"
    return _BARS.sub(", ", str(value).strip())
