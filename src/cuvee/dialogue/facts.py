"""What the columns of a catalogue say of its items: values that they have, and numbers."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from cuvee.dialogue.state import Constraint
from cuvee.types import Bools, Dataset

__all__ = ["Facts", "NumberColumn", "TagColumn", "facts_of"]

_APART = frozenset({"item_id", "title", "description", "image", "video", "audio", "text", "url", "link"})
_CODE = re.compile(r"(?:^|_)(?:id|code|sku|ean|isbn|url|path|source)$")
_NUMBER = re.compile(r"^\s*(-?\d+(?:\.\d+)?)\s*([^\W\d]{0,12})\s*$")
_LONGEST = 40
"""Mean characters of a value; longer ones are prose."""
_REPEATED = 0.9
"""Different values a filled row, at most: more are names of single items."""
_SURE = 0.95
"""Part of the filled rows that must be numbers."""
_MEASURES = {
    "price": ("price", "cost", "价格", "售价", "preis"),
    "year": ("year", "release_year", "published", "年份", "上映年份"),
    "duration": ("runtime", "duration", "length", "minutes", "时长", "片长"),
}


@dataclass(frozen=True)
class TagColumn:
    """A column of values, of which an item has none, one or several."""

    name: str
    values: tuple[str, ...]
    matrix: "sparse.csr_matrix[np.float32]"
    """(i, v) 1 where the item has the value."""
    single: bool
    """No item has two."""

    @cached_property
    def number(self) -> dict[str, int]:
        """Value -> its column in the matrix."""
        return {value: n for n, value in enumerate(self.values)}

    def has(self, value: str) -> Bools:
        """Return (i,) which items have the value."""
        found = np.zeros(self.matrix.shape[0], bool)
        if value in self.number:
            column = self._by_value
            number = self.number[value]
            found[column.indices[column.indptr[number] : column.indptr[number + 1]]] = True
        return found

    @cached_property
    def _by_value(self) -> "sparse.csc_matrix[np.float32]":
        return self.matrix.tocsc()

    @cached_property
    def counts(self) -> NDArray[np.float64]:
        """(v,) items that have the value."""
        return np.asarray(self.matrix.sum(axis=0), np.float64).ravel()


@dataclass(frozen=True)
class NumberColumn:
    """A column of numbers."""

    name: str
    numbers: NDArray[np.float64]
    """(i,) NaN where there is none."""
    measure: str = ""
    """price, year, duration; "" for another."""


@dataclass(frozen=True)
class Facts:
    """A catalogue as a conversation sees it."""

    items: tuple[str, ...]
    titles: tuple[str, ...]
    """(i,) the id where an item has no title."""
    tags: Mapping[str, TagColumn]
    numbers: Mapping[str, NumberColumn]

    @cached_property
    def rows(self) -> dict[str, int]:
        """Item id -> row."""
        return {name: row for row, name in enumerate(self.items)}

    def measured(self, measure: str) -> str | None:
        """Return the column of a measure, None where there is none."""
        return next((c.name for c in self.numbers.values() if c.measure == measure), None)

    def fulfilled(self, constraint: Constraint) -> Bools:
        """Return (i,) which items fulfil a constraint; of columns and values that are not there none has any."""
        if constraint.test in (">=", "<="):
            if constraint.column not in self.numbers:
                return np.zeros(len(self.items), bool)
            numbers = self.numbers[constraint.column].numbers
            with np.errstate(invalid="ignore"):
                return numbers >= constraint.bound if constraint.test == ">=" else numbers <= constraint.bound
        having = self.having(constraint.pairs)
        return having if constraint.test == "any" else ~having

    def having(self, pairs: Sequence[tuple[str, str]]) -> Bools:
        """Return (i,) which items have one of the pairs at least."""
        found = np.zeros(len(self.items), bool)
        for column, value in pairs:
            tags = self.tags.get(column)
            if tags is not None:
                found |= tags.has(value)
        return found

    def allowed(self, constraints: Sequence[Constraint]) -> Bools:
        """Return (i,) which items fulfil all of them."""
        found = np.ones(len(self.items), bool)
        for constraint in constraints:
            found &= self.fulfilled(constraint)
        return found


def facts_of(data: Dataset) -> Facts:
    """Return what the item table says. Columns of ids, codes, files and prose say nothing that is asked for."""
    table, tags, numbers = data.item_table, {}, {}
    for name in table.columns:
        if (
            name in _APART
            or _CODE.search(name)
            or (table[name].dtype not in _READ and not table[name].dtype.is_numeric())
        ):
            continue
        number = _numbers(table[name])
        if number is not None:
            numbers[name] = NumberColumn(name, number, _measure(name))
        elif not table[name].dtype.is_numeric() and (column := _tags(table[name])) is not None:
            tags[name] = column
    titles = table["title"].to_list() if "title" in table.columns else [None] * len(table)
    shown = tuple(str(title or item) for title, item in zip(titles, data.items, strict=True))
    return Facts(data.items, shown, tags, numbers)


_READ = (pl.String, pl.List(pl.String), pl.Boolean)


def _numbers(column: pl.Series) -> NDArray[np.float64] | None:
    """Return the numbers of a column of numbers, or of texts such as "81 min" in one unit; None for another."""
    if column.dtype.is_numeric():
        found = column.cast(pl.Float64).fill_null(np.nan).to_numpy()
        return np.where(np.isfinite(found), found, np.nan) if np.isfinite(found).any() else None
    if column.dtype != pl.String:
        return None
    parsed = [_NUMBER.match(text or "") for text in column]
    filled = sum(bool(text) for text in column)
    units = {match[2] for match in parsed if match}
    if not filled or sum(match is not None for match in parsed) < _SURE * filled or len(units) > 3:
        return None
    return np.array([float(match[1]) if match else np.nan for match in parsed])


def _tags(column: pl.Series) -> TagColumn | None:
    """Return the values of a column; None where they are prose or names of single items."""
    lists = _split(column)
    filled = sum(bool(values) for values in lists)
    counted: dict[str, int] = {}
    for values in lists:
        for value in values:
            counted[value] = counted.get(value, 0) + 1
    total = sum(counted.values())
    if not filled or sum(len(v) * n for v, n in counted.items()) > _LONGEST * total:
        return None
    if len(counted) > max(_REPEATED * total, 20):
        return None
    names = tuple(sorted(counted))
    number = {name: n for n, name in enumerate(names)}
    cells = [(row, number[value]) for row, found in enumerate(lists) for value in dict.fromkeys(found)]
    rows, numbers = np.array(cells).T
    shape = (len(lists), len(names))
    matrix = sparse.csr_matrix((np.ones(len(cells), np.float32), (rows, numbers)), shape=shape)
    return TagColumn(column.name, names, matrix, bool(np.diff(matrix.indptr).max(initial=0) <= 1))


def _split(column: pl.Series) -> list[list[str]]:
    """Return the values of each row: entries of lists, parts between bars, or between commas where those repeat."""
    if column.dtype == pl.List(pl.String):
        return [[v.strip() for v in values or [] if v and v.strip()] for values in column.to_list()]
    texts = [str(value).strip() if value is not None else "" for value in column.to_list()]
    filled = [text for text in texts if text]
    if any("|" in text for text in filled):
        return [[part.strip() for part in text.split("|") if part.strip()] for text in texts]
    commas = re.compile(r"\s*[,，、;；]\s*")
    parts = [part for text in filled for part in commas.split(text) if part]
    if len(parts) > 1.05 * len(filled) and len(set(parts)) < 0.9 * len(set(filled)):
        return [[part for part in commas.split(text) if part] for text in texts]
    return [[text] if text else [] for text in texts]


def _measure(name: str) -> str:
    return next((measure for measure, names in _MEASURES.items() if name.lower() in names), "")
