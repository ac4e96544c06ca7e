"""One thing that is wrong with a folder: where, what, and the way out."""

from dataclasses import dataclass
from typing import Literal

import polars as pl

from cuvee.tables import first_not

__all__ = ["Finding", "Level", "at_rows"]

Level = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """An error keeps the folder from being used; a warning says what will be missing or look odd."""

    level: Level
    file: str
    message: str
    """What is wrong and the way out."""
    row: int | None = None
    """The first row it is wrong in, from 1; a header is not counted."""
    field: str = ""
    """The column; "" for the whole file."""
    count: int = 1
    """Rows it is wrong in."""

    def __str__(self) -> str:
        row = "" if self.row is None else f", row {self.row}"
        more = f" (and {self.count - 1} rows more)" if self.count > 1 else ""
        return f"{self.level}: {self.file}{row}{', ' + self.field if self.field else ''}: {self.message}{more}"


def at_rows(level: Level, file: str, field: str, bad: pl.Series, values: pl.Series, message: str) -> list[Finding]:
    """Return one finding for the rows where `bad` is true, none where it never is; `{}` becomes the first value."""
    if not bad.any():
        return []
    row = first_not(bad)
    value = repr(values[row - 1])
    shown = value if len(value) <= 60 else f"{value[:57]}..."
    return [Finding(level, file, message.replace("{}", shown), row, field, int(bad.sum()))]
