"""One file as one table; where it cannot be read, the message names the row and the way out."""

import csv
import gzip
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from cuvee.errors import DataError

__all__ = ["first_not", "numbered_lines", "read_table"]

LONGEST_LINE = 64 * 2**20
"""Bytes; a longer line is refused before it is unpacked further."""

_TEXT_COLUMNS = ("src", "dst", "head", "relation", "tail")
_INFER = 10_000
"""Rows from which the types of columns are taken."""


def read_table(path: Path) -> pl.DataFrame:
    """Read a parquet, csv or jsonl file with the types it suggests; columns of ids stay text whatever they look like.

    Raises:
        DataError: not readable as what its ending says.
    """
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        if path.suffix == ".jsonl":
            return pl.read_ndjson(path, infer_schema_length=_INFER)
        header = pl.read_csv(path, n_rows=0).columns
        ids = {c: pl.String for c in header if c.endswith("_id") or c in _TEXT_COLUMNS}
        return pl.read_csv(path, schema_overrides=ids, infer_schema_length=_INFER)
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        reason = _reason(path) or str(error)
        raise DataError(f"{path}: cannot be read as {path.suffix[1:]}: {reason}") from error


def numbered_lines(path: Path, encoding: str = "utf-8") -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end); a file that ends in .gz is unpacked on the way.

    Raises:
        DataError: no such file, a damaged one, a line in another encoding or longer than `LONGEST_LINE`.
    """
    number = 0
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            while line := file.readline(LONGEST_LINE):
                number += 1
                if len(line) == LONGEST_LINE:
                    raise DataError(f"{path}: line {number} is longer than {LONGEST_LINE} bytes; is this a text file?")
                text = line.decode(encoding).rstrip("\r\n")
                yield number, text.removeprefix("\ufeff") if number == 1 else text
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: cannot be read after line {number}: {error}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: line {number} is not {encoding}: {error.reason}; {_other(encoding)}") from error


def first_not(mask: pl.Series) -> int:
    """Return the number, from 1, of the first row where the mask is true."""
    return int(mask.arg_max() or 0) + 1


def _other(encoding: str) -> str:
    return "save the file as UTF-8" if encoding == "utf-8" else "name the encoding it has"


def _reason(path: Path) -> str:
    """Return what is wrong with a text file, as exactly as can be told; "" where nothing is found."""
    if not path.is_file() or path.suffix == ".parquet":
        return ""
    if path.stat().st_size == 0:
        return "the file is empty; it needs at least a header"
    try:
        for _ in numbered_lines(path):
            pass
    except DataError as error:
        return str(error).removeprefix(f"{path}: ")
    return _ragged(path) or _wrong_type(path) if path.suffix == ".csv" else ""


def _ragged(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as file:
        try:
            rows = csv.reader(file)
            width = len(next(rows))
            for number, row in enumerate(rows, 1):
                if len(row) > width:
                    return f"row {number} has {len(row)} fields, the header {width}; quote fields that hold a comma"
        except csv.Error:  # a field longer than the module takes is none of this function's business
            return ""
    return ""


def _wrong_type(path: Path) -> str:
    """Return the first value that is no number although all of the first rows are."""
    try:
        table = pl.read_csv(path, infer_schema=False)
    except pl.exceptions.PolarsError:
        return ""
    for column in table.get_columns():
        for dtype, name in ((pl.Int64, "whole numbers"), (pl.Float64, "numbers")):
            bad = column.is_not_null() & column.cast(dtype, strict=False).is_null()
            if bad.any() and not bad.head(_INFER).any():
                row = first_not(bad)
                value = str(column[row - 1])[:60]
                return f"row {row}, column {column.name!r} holds {value!r}, the rows before {name}; make them alike"
    return ""
