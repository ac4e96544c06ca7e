"""Files of other formats as frames of text: separated values, JSON lines, Python literals, atomic files, parquet.

Every column is text, None where nothing stands; the parts of a list are parted by `PART`. What a column means is said
elsewhere. Files that end in .gz are unpacked on the way.
"""

import ast
import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl

from cuvee.errors import DataError
from cuvee.tables import numbered_lines

__all__ = ["PART", "Form", "read_foreign"]

PART = "\x1f"
"""Stands between the parts of a list; no text of people holds it."""

Format = Literal["csv", "separated", "jsonl", "python", "atomic", "parquet"]

_SEPARATOR: dict[str, str] = {"csv": ",", "separated": "\t", "atomic": "\t"}


@dataclass(frozen=True)
class Form:
    """How a file is written."""

    format: Format = "csv"
    """csv (quotes), separated (no quotes), jsonl and python (a record a line), atomic (RecBole), parquet."""
    separator: str = ""
    """Of csv and separated; "" is a comma in csv and a tab in separated."""
    columns: tuple[str, ...] = ()
    """Names of the columns where the file has no header."""
    encoding: str = "utf-8"


def read_foreign(paths: Iterable[Path], form: Form, wanted: Iterable[str]) -> pl.DataFrame:
    """Return the files one below the other; of records only the `wanted` keys (`images.0.large` goes into them).

    Raises:
        DataError: a file that is not what the form says; the message names it, and the line or the row.
    """
    if form.format in ("jsonl", "python"):
        keys = sorted(set(wanted))
        parts = [_records(path, form, keys) for path in paths]
    elif form.format == "parquet":
        parts = [_parquet(path) for path in paths]
    else:
        parts = [_separated(path, form) for path in paths]
    return pl.concat(parts, how="diagonal")


def _separated(path: Path, form: Form) -> pl.DataFrame:
    separator = form.separator or _SEPARATOR[form.format]
    plain = form.encoding == "utf-8" and len(separator) == 1
    try:
        table = pl.read_csv(
            path if plain else io.BytesIO(_recoded(path, form.encoding, separator)),
            separator=separator if len(separator) == 1 else PART,
            quote_char='"' if form.format == "csv" else None,
            has_header=not form.columns,
            infer_schema=False,
        )
    except pl.exceptions.NoDataError as error:
        raise DataError(f"{path}: the file is empty") from error
    except (pl.exceptions.PolarsError, OSError) as error:
        for _ in numbered_lines(path, form.encoding):  # a line that is not text is named
            pass
        raise DataError(f"{path}: cannot be read with the separator {separator!r}: {error}") from error
    if form.columns:
        if table.width != len(form.columns):
            raise DataError(f"{path}: row 1 has {table.width} fields, {len(form.columns)} are named; check separator")
        table.columns = list(form.columns)
    return _untyped(table) if form.format == "atomic" else table


def _recoded(path: Path, encoding: str, separator: str) -> bytes:
    """Return the file in UTF-8; a separator of several characters becomes `PART`."""
    text = "\n".join(line for _, line in numbered_lines(path, encoding))
    return (text.replace(separator, PART) if len(separator) > 1 else text).encode()


def _untyped(table: pl.DataFrame) -> pl.DataFrame:
    """Return the table of an atomic file without the types in its header; sequences become lists."""
    sequences = [c for c in table.columns if c.endswith("_seq") and not c.endswith("token_seq")]
    table = table.with_columns(pl.col(c).str.replace_all(" ", PART, literal=True) for c in sequences)
    return table.rename({c: c.partition(":")[0] for c in table.columns})


def _parquet(path: Path) -> pl.DataFrame:
    try:
        table = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DataError(f"{path}: cannot be read as parquet: {error}") from error
    lists = [c for c, dtype in table.schema.items() if isinstance(dtype, pl.List)]
    nested = [c for c, dtype in table.schema.items() if dtype.is_nested() and c not in lists]
    table = table.drop(nested)
    return table.with_columns(pl.col(lists).cast(pl.List(pl.String)).list.join(PART)).cast(pl.String)


def _records(path: Path, form: Form, keys: list[str]) -> pl.DataFrame:
    parse = _parser(form.format)
    steps = [[int(s) if s.isdecimal() else s for s in key.split(".")] for key in keys]
    rows: list[list[str | None]] = []
    seen: set[str] = set()
    for number, line in numbered_lines(path, form.encoding):
        if not line.strip():
            continue
        try:
            record = parse(line)
        except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
            reason = f"is not {'JSON' if form.format == 'jsonl' else 'a Python literal'} ({type(error).__name__})"
            raise DataError(f"{path}: line {number} {reason}; repair or remove it") from error
        if not isinstance(record, dict):
            raise DataError(f"{path}: line {number} is no record of keys and values; repair or remove it")
        seen.update(record)
        rows.append([_text(_at(record, step)) for step in steps])
    if not rows:
        raise DataError(f"{path}: the file is empty")
    known = [key for key in keys if key.partition(".")[0] in seen]
    table = pl.DataFrame(rows, schema=dict.fromkeys(keys, pl.String), orient="row")
    return table.select(known)


def _parser(form: str) -> Callable[[str], Any]:
    return json.loads if form == "jsonl" else ast.literal_eval


def _at(value: Any, steps: list[int | str]) -> Any:
    """Return what stands at the end of the steps, None where there is nothing."""
    for step in steps:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list):
        parts = [_text(v) for v in value]
        return PART.join(p for p in parts if p) or None
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str(value)
