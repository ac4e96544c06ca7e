"""What is wrong inside the tables: columns, ids, times, types, overlong fields, and ids that lead nowhere."""

from collections.abc import Mapping

import polars as pl

from cuvee.frames import dated
from cuvee.inspection.findings import Finding, Level, at_rows
from cuvee.watched import COLUMNS, DURATION, problems

__all__ = ["orphans", "table_findings", "watching"]

_NEEDED = {
    "interactions": ("user_id", "item_id"),
    "items": ("item_id",),
    "users": ("user_id",),
    "reviews": ("user_id", "item_id", "text"),
    "social": ("src", "dst"),
    "triples": ("head", "relation", "tail"),
    "links": ("item_id", "entity_id"),
}
_UNIQUE = {"items": "item_id", "users": "user_id"}
_NUMBERS = ("rating", "price", "stock")
_MILLISECONDS = 100_000_000_000
"""Seconds that no shop lives to see, and milliseconds since March 1973."""
_LONG = 100_000
"""Characters beyond which a field is more likely a slip than a description."""


def table_findings(table: str, frame: pl.DataFrame, file: str) -> list[Finding]:
    """Return what is wrong with one table by itself."""
    gone = [c for c in _NEEDED[table] if c not in frame.columns]
    if gone:
        has = ", ".join(frame.columns)
        return [Finding("error", file, f"the column is missing; rename one of {has}, or add it", field=c) for c in gone]
    if not len(frame):
        return [
            Finding("error" if table == "interactions" else "warning", file, "there are no rows; fill or remove it")
        ]
    found = [f for c in _NEEDED[table] if c != "text" for f in _empty(frame[c], file)]
    if table in _UNIQUE:
        ids = frame[_UNIQUE[table]]
        again = ids.is_duplicated() & ~ids.is_first_distinct() & ids.is_not_null()
        found += at_rows("error", file, ids.name, again, ids, "{} occurs more than once; keep one row an id")
    if "timestamp" in frame.columns:
        found += _times(frame["timestamp"], file, "error" if table == "interactions" else "warning")
    for column in _NUMBERS:
        if column in frame.columns:
            found += _numbers(frame[column], file)
    if table == "interactions":
        found += _watched(frame, COLUMNS, file)
    for column in frame.columns:
        if frame[column].dtype == pl.String:
            found += _long(frame[column], file)
    return found


def orphans(frames: Mapping[str, pl.DataFrame], files: Mapping[str, str]) -> tuple[list[Finding], Mapping[str, int]]:
    """Return the ids that lead nowhere, and how many rows of each table and column have them."""
    users, items = _known(frames, "users", "user_id"), _known(frames, "items", "item_id")
    found: list[Finding] = []
    counts: dict[str, int] = {}

    def look(table: str, column: str, known: pl.Series, message: str) -> None:
        if not _has(frames, table, column) or not len(known):
            return
        ids = frames[table][column].cast(pl.String)
        lost = ~ids.is_in(known.implode()) & ids.is_not_null()
        counts[f"{table}.{column}"] = int(lost.sum())
        found.extend(at_rows("warning", files[table], column, lost, ids, message))

    in_table = {t: frames[t][k].cast(pl.String) for t, k in _UNIQUE.items() if _has(frames, t, k)}
    for table, column in _UNIQUE.items():
        if table in in_table:
            message = f"{{}} has no row in {files[table]} and so no content; add one"
            look("interactions", column, in_table[table], message)
    for column, known in (("user_id", users), ("item_id", items)):
        look("reviews", column, known, "{} occurs nowhere else; the review is of no use")
    look("links", "item_id", items, "{} is no item; the link is of no use")
    for column in ("src", "dst"):
        look("social", column, users, "{} is no user; the edge is of no use")
    found += _facts_about_nothing(frames, files, items, counts)
    return found, counts


def watching(frames: Mapping[str, pl.DataFrame], files: Mapping[str, str]) -> list[Finding]:
    """Return what is wrong with the durations that seconds of watching are divided by."""
    if not _has(frames, "interactions", COLUMNS[1]):
        return []
    own = [table for table in ("interactions", "items") if _has(frames, table, DURATION)]
    if own:
        return _watched(frames[own[0]], (DURATION,), files[own[0]])
    message = f"it tells nothing without the column {DURATION} (seconds) in the items; add it, or write {COLUMNS[0]}"
    return [Finding("warning", files["interactions"], message, field=COLUMNS[1])]


def _watched(frame: pl.DataFrame, columns: tuple[str, ...], file: str) -> list[Finding]:
    return [
        finding
        for column in columns
        if column in frame.columns
        for bad, message in problems(frame[column])
        for finding in at_rows("error", file, column, bad, frame[column], message)
    ]


def _facts_about_nothing(
    frames: Mapping[str, pl.DataFrame], files: Mapping[str, str], items: pl.Series, counts: dict[str, int]
) -> list[Finding]:
    """Triples may lead from item to item over entities; if none names an item, none can be reached."""
    if "triples" not in frames or not {"head", "tail"} <= set(frames["triples"].columns):
        return []
    named = [frames[t]["entity_id"].cast(pl.String) for t in ("items", "links") if _has(frames, t, "entity_id")]
    names = pl.concat([items, *named]).drop_nulls().implode()
    heads, tails = (frames["triples"][c].cast(pl.String).is_in(names) for c in ("head", "tail"))
    counts["triples"] = int((~(heads | tails)).sum())
    if len(heads) and not (heads | tails).any():
        message = "no triple names an item, so none can be used; give items the column entity_id, or write item ids"
        return [Finding("warning", files["triples"], message, 1, "head", len(heads))]
    return []


def _has(frames: Mapping[str, pl.DataFrame], table: str, column: str) -> bool:
    return table in frames and column in frames[table].columns


def _known(frames: Mapping[str, pl.DataFrame], table: str, key: str) -> pl.Series:
    """Return every id that the table or the events name."""
    parts = [
        frames[t][key].cast(pl.String) for t in (table, "interactions") if t in frames and key in frames[t].columns
    ]
    return pl.concat(parts).unique() if parts else pl.Series([], dtype=pl.String)


def _empty(ids: pl.Series, file: str) -> list[Finding]:
    bad = ids.is_null() | (ids.cast(pl.String) == "").fill_null(False)
    return at_rows("error", file, ids.name, bad, ids, "it is empty; give it a value or remove the row")


def _times(time: pl.Series, file: str, level: Level) -> list[Finding]:
    given = dated(time)
    is_date = given.dtype in (pl.Date, pl.Datetime)
    seconds = given.dt.epoch("s") if is_date else given.cast(pl.Int64, strict=False)
    bad = (time.is_not_null() & seconds.is_null()).fill_null(False)
    found = at_rows(level, file, time.name, bad, time, "{} is no time; write whole unix seconds, or dates")
    negative = (seconds < 0).fill_null(False)
    found += at_rows(level, file, time.name, negative, time, "{} is a negative time; write unix seconds, 0 for unknown")
    future = (seconds > _MILLISECONDS).fill_null(False)
    message = "{} looks like milliseconds; divide by 1000"
    return found + at_rows(level, file, time.name, future, time, message)


def _numbers(values: pl.Series, file: str) -> list[Finding]:
    if values.dtype != pl.String:
        return []
    bad = values.is_not_null() & (values != "") & values.cast(pl.Float64, strict=False).is_null()
    message = "{} is no number, so the whole column counts as text; write it without units, or leave it empty"
    return at_rows("warning", file, values.name, bad.fill_null(False), values, message)


def _long(values: pl.Series, file: str) -> list[Finding]:
    lengths = values.str.len_chars().fill_null(0)
    message = f"{{}} characters, more than {_LONG:,}; encoders read the first few hundred words: cut it"
    return at_rows("warning", file, values.name, lengths > _LONG, lengths, message)
