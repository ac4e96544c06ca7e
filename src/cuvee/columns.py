"""Table columns as numbers. What is learned from training rows (means, vocabularies) codes rows that arrive later.

Every code gives its column about the same length, so that no column outweighs the others by its units. A cell that is
empty, or that cannot be read as what its column is, is a zero row.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from cuvee.types import Bools, Embeddings, Floats

__all__ = ["BandCode", "ColumnCodes", "ColumnKind", "DateCode", "NumberCode", "WordCode", "kind_of", "learn_columns"]

logger = logging.getLogger(__name__)

ColumnKind = Literal["number", "band", "category", "tags", "date"]
"""What a column holds: a quantity, a quantity told by its fifth (price), one word, several words, or a day."""

_BANDS = 5
_LIMIT = 4.0
"""Standard deviations beyond which a number counts as this far out."""
_HUGE = 1e100
"""Numbers beyond are taken for errors: their squares would overflow."""
_MOST = 0.95
"""Share of the cells that must read as a number or a date for the column to be taken as one."""
_BLOCK = 65_536


@dataclass(frozen=True)
class NumberCode:
    """Distance from the mean in standard deviations, and whether there is a number."""

    column: str
    mean: float
    spread: float

    @property
    def width(self) -> int:
        return 2

    def encode(self, column: pl.Series) -> Floats:
        values, known = _known(_numbers(column))
        z = np.clip((values - self.mean) / self.spread, -_LIMIT, _LIMIT)
        return np.stack([np.where(known, z, 0), known], axis=1).astype(np.float32)


@dataclass(frozen=True)
class BandCode:
    """Which band between the quantiles of training a number lies in."""

    column: str
    edges: tuple[float, ...]
    """Ascending inner edges; a number on an edge belongs to the band above."""

    @property
    def width(self) -> int:
        return len(self.edges) + 1

    def encode(self, column: pl.Series) -> Floats:
        values, known = _known(_numbers(column))
        band = np.searchsorted(self.edges, values, side="right")
        return np.asarray(np.eye(self.width)[band] * known[:, None], np.float32)


@dataclass(frozen=True)
class WordCode:
    """The frequent words of training one by one, all others in shared buckets by their hash; of unit length."""

    column: str
    separator: str | None
    """Between the words of a cell; None where a cell is one word."""
    vocabulary: tuple[str, ...]
    buckets: int

    @property
    def width(self) -> int:
        return len(self.vocabulary) + self.buckets

    def encode(self, column: pl.Series) -> Floats:
        out = np.zeros((len(column), self.width), np.float32)
        places = {word: place for place, word in enumerate(self.vocabulary)}
        for row, words in enumerate(_words(column, self.separator)):
            for word in words:
                place = places.get(word)
                if place is None:
                    place = places[word] = len(self.vocabulary) + _bucket(word, self.buckets)
                out[row, place] = 1
        return np.asarray(out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1), np.float32)


@dataclass(frozen=True)
class DateCode:
    """The year as a number, and the month on a circle, so that December is next to January."""

    column: str
    mean: float
    """Years."""
    spread: float
    """Years."""

    @property
    def width(self) -> int:
        return 3

    def encode(self, column: pl.Series) -> Floats:
        days = _days(column)
        known = days.is_not_null().to_numpy()
        z = np.clip((_years(days) - self.mean) / self.spread, -_LIMIT, _LIMIT)
        angle = 2 * np.pi * days.dt.month().fill_null(1).to_numpy() / 12
        return np.asarray(np.stack([z, np.sin(angle), np.cos(angle)], axis=1) * known[:, None], np.float32)


Code = NumberCode | BandCode | WordCode | DateCode


@dataclass(frozen=True)
class ColumnCodes:
    """The codes of several columns side by side: a fitted encoder that holds all it has learned."""

    codes: tuple[Code, ...]

    @property
    def fingerprint(self) -> str:
        """Hash of everything learned."""
        return hashlib.sha256(repr(self.codes).encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def width(self) -> int:
        return sum(code.width for code in self.codes)

    def contents(self, table: pl.DataFrame) -> list[str]:
        """Return the cells of each row, "" where all are empty; a column the table does not have counts as empty."""
        names = [code.column for code in self.codes if code.column in table.columns]
        rows = table.select(names).iter_rows() if names else ((),) * len(table)
        return [json.dumps(row, default=str) if any(map(_filled, row)) else "" for row in rows]

    def encode(self, table: pl.DataFrame) -> Iterator[Embeddings]:
        """Yield the vectors block after block; a row is present if any of its cells could be read."""
        for start in range(0, len(table), _BLOCK):
            yield self.of(table[start : start + _BLOCK])

    def of(self, table: pl.DataFrame) -> Embeddings:
        """Return the vectors (n, width) of all rows."""
        parts = [
            code.encode(table[code.column])
            if code.column in table.columns
            else np.zeros((len(table), code.width), np.float32)
            for code in self.codes
        ]
        vectors = np.concatenate([np.zeros((len(table), 0), np.float32), *parts], axis=1)
        return Embeddings(vectors, (vectors != 0).any(axis=1))


def learn_columns(
    table: pl.DataFrame, kinds: Mapping[str, ColumnKind], *, limit: int = 50, buckets: int = 8, separator: str = "|"
) -> ColumnCodes:
    """Learn the codes of columns from training rows.

    Args:
        table: training rows only.
        kinds: column -> what it holds.
        limit: words of a column that get a place of their own, the most frequent ones.
        buckets: places that the other words share.
        separator: between the words of one cell of `tags`.
    """
    learn: dict[ColumnKind, Callable[[pl.Series], Code]] = {
        "number": _learn_number,
        "band": _learn_bands,
        "date": _learn_date,
        "category": lambda column: _learn_words(column, None, limit, buckets),
        "tags": lambda column: _learn_words(column, separator, limit, buckets),
    }
    return ColumnCodes(tuple(learn[kind](table[name]) for name, kind in kinds.items()))


def kind_of(column: pl.Series, separator: str = "|") -> ColumnKind:
    """Return what a column seems to hold, by its type, then by its cells."""
    if column.dtype in (pl.Date, pl.Datetime):
        return "date"
    if column.dtype.is_numeric():
        named = column.name.rsplit("_", 1)[-1] in ("date", "time", "timestamp", "at")
        return "date" if named and (column.drop_nulls() >= 10**8).all() else "number"
    if isinstance(column.dtype, pl.List):
        return "tags"
    cells = column.cast(pl.String).str.strip_chars().drop_nulls()
    cells = cells.filter(cells != "")
    if len(cells) and column.dtype == pl.String:
        if _share(_numbers(cells)) >= _MOST:
            return "number"
        if _share(_days(cells)) >= _MOST:
            return "date"
        if cells.str.contains(separator, literal=True).any():
            return "tags"
    return "category"


def _learn_number(column: pl.Series) -> NumberCode:
    return NumberCode(column.name, *_moments(_numbers(column).drop_nulls()))


def _learn_bands(column: pl.Series) -> BandCode:
    values = _numbers(column).drop_nulls().to_numpy()
    edges = np.unique(np.quantile(values, np.arange(1, _BANDS) / _BANDS)) if len(values) else np.zeros(0)
    return BandCode(column.name, tuple(float(edge) for edge in edges))


def _learn_date(column: pl.Series) -> DateCode:
    return DateCode(column.name, *_moments(pl.Series(_years(_days(column).drop_nulls()))))


def _learn_words(column: pl.Series, separator: str | None, limit: int, buckets: int) -> WordCode:
    counts: dict[str, int] = {}
    for words in _words(column, separator):
        for word in set(words):
            counts[word] = counts.get(word, 0) + 1
    frequent = sorted(counts, key=lambda word: (-counts[word], word))[:limit]
    return WordCode(column.name, separator, tuple(sorted(frequent)), buckets)


def _moments(values: pl.Series) -> tuple[float, float]:
    """Return mean and standard deviation; 0 and 1 of nothing, and a deviation of 1 where all are equal."""
    found = values.to_numpy().astype(np.float64)
    spread = float(found.std()) if len(found) else 0.0
    return (float(found.mean()) if len(found) else 0.0), spread if spread > 1 / _HUGE else 1.0


def _numbers(column: pl.Series) -> pl.Series:
    """Return the column as float64, null where it is not a number or beyond any quantity."""
    text = column.dtype == pl.String
    values = (column.str.strip_chars() if text else column).cast(pl.Float64, strict=False)
    return values.set(~(values.abs() <= _HUGE).fill_null(value=False) | values.is_nan().fill_null(value=True), None)


def _days(column: pl.Series) -> pl.Series:
    """Return the column as dates: unix seconds, or text that begins like 2024-05-31; null where it is neither."""
    if column.dtype == pl.String:
        return column.str.strip_chars().str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
    if column.dtype in (pl.Date, pl.Datetime):
        return column.cast(pl.Date)
    seconds = column.cast(pl.Int64, strict=False)
    return pl.from_epoch(seconds.set((seconds.abs() > 2 * 10**11).fill_null(value=False), None)).cast(pl.Date)


def _years(days: pl.Series) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return (days.dt.year() + (days.dt.ordinal_day() - 1) / 365.25).fill_null(0).to_numpy().astype(np.float64)


def _known(values: pl.Series) -> "tuple[np.ndarray[tuple[int], np.dtype[np.float64]], Bools]":
    return values.fill_null(0).to_numpy(), values.is_not_null().to_numpy()


def _words(column: pl.Series, separator: str | None) -> Iterator[list[str]]:
    """Yield the words of each cell."""
    for cell in column.to_list():
        if isinstance(cell, list):
            words = [str(word) for word in cell if word is not None]
        else:
            text = "" if cell is None else str(cell)
            words = text.split(separator) if separator else [text]
        yield [word for word in map(str.strip, words) if word]


def _share(parsed: pl.Series) -> float:
    return float(np.mean(parsed.is_not_null().to_numpy()))


def _bucket(word: str, buckets: int) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest()) % buckets


def _filled(cell: object) -> bool:
    return cell is not None and cell not in ("", [])
