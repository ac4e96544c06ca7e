"""How much of an item was watched: a share that is given, or seconds by the duration of the item.

Canonical columns: `watched_share` (0 to 1) or `watch_seconds` in the interactions; `duration` (seconds) in the items,
or beside each event. What was watched twice counts as once: a share is 1 at most.
"""

import logging

import polars as pl

from cuvee.errors import ConfigError, DataError
from cuvee.tables import first_not

__all__ = ["COLUMNS", "DURATION", "counting_part", "problems"]

logger = logging.getLogger(__name__)

_SHARE, _SECONDS = "watched_share", "watch_seconds"
COLUMNS = (_SHARE, _SECONDS)
"""Columns of interactions that tell of watching."""
DURATION = "duration"


def problems(column: pl.Series) -> list[tuple[pl.Series, str]]:
    """Return what is wrong with shares or seconds: the mask (n,) of rows, and the message, where `{}` is the value.

    Nothing, null or an empty text, is not wrong: it is unknown.
    """
    wanted = "a share from 0 to 1" if column.name == _SHARE else "seconds"
    number, known = _number(column), _known(column)
    found = [
        (known & (number.is_null() | ~number.is_finite()), f"{{}} is no number; write {wanted}, or leave it empty"),
        (known & (number < 0), f"{{}} is below 0; write {wanted}, or leave it empty"),
    ]
    if column.name == _SHARE:
        way_out = f"divide percentages by 100, and seconds belong in {_SECONDS}"
        found.append((known & (number > 1), f"{{}} is more than 1; {way_out}"))
    return [(mask, message) for bad, message in found if (mask := bad.fill_null(False)).any()]


def counting_part(
    events: pl.DataFrame, items: pl.DataFrame | None, low: float, names: tuple[str, str]
) -> pl.Series | None:
    """Return (n,) the part of its weight that each event keeps: the share watched, 0 below `low`, 1 where unknown.

    None where no column tells of watching. A share that is given counts before one by seconds.

    Args:
        events: the interactions.
        low: share from which on an event counts as more than seen.
        names: of the files of interactions and items, for messages.

    Raises:
        DataError: a share or a number of seconds that cannot be; the message names file, row and column.
        ConfigError: a lowest share below 0 or above 1.
    """
    if not 0 <= low <= 1:
        raise ConfigError(f"min_watched is a share from 0 to 1, got {low:g}")
    shares = [_checked(events[_SHARE], names[0])] if _SHARE in events.columns else []
    if _SECONDS in events.columns:
        seconds = _checked(events[_SECONDS], names[0])
        lengths = _lengths(events, items, names)
        if lengths is None:
            logger.warning(
                "%s: %s tells nothing without %s in the items; events count in full", names[0], _SECONDS, DURATION
            )
        else:
            known = lengths.set((lengths == 0).fill_null(False), None)
            shares.append((seconds / known).clip(0, 1))
    if not shares:
        return None
    share = pl.select(pl.coalesce(shares)).to_series()
    few = (share < low).fill_null(False)
    logger.info(
        "%s: %d of %d events are watched by less than %g and count as seen only", names[0], few.sum(), len(few), low
    )
    return share.set(few, 0.0).fill_null(1.0)


def _lengths(events: pl.DataFrame, items: pl.DataFrame | None, names: tuple[str, str]) -> pl.Series | None:
    """Return (n,) seconds that the item of each event takes, null where unknown; None where no table has them."""
    if DURATION in events.columns:
        return _checked(events[DURATION], names[0])
    if items is None or not {"item_id", DURATION} <= set(items.columns):
        return None
    known = pl.DataFrame([items["item_id"].cast(pl.String), _checked(items[DURATION], names[1])])
    wanted = events.select(pl.col("item_id").cast(pl.String))
    return wanted.join(known.unique("item_id", keep="first"), on="item_id", how="left", maintain_order="left")[DURATION]


def _checked(column: pl.Series, name: str) -> pl.Series:
    for bad, message in problems(column):
        row = first_not(bad)
        raise DataError(f"{name}: row {row}, {column.name}: {message.replace('{}', repr(column[row - 1]))}")
    return _number(column).set(~_known(column), None)


def _known(column: pl.Series) -> pl.Series:
    filled = column.is_not_null()
    return filled & (column.str.strip_chars() != "").fill_null(False) if column.dtype == pl.String else filled


def _number(column: pl.Series) -> pl.Series:
    """Return the column as numbers, null where it is none."""
    if column.dtype.is_nested() or column.dtype.is_temporal():
        return pl.Series(column.name, [None], pl.Float64).new_from_index(0, len(column))
    text = column.str.strip_chars() if column.dtype == pl.String else column
    return text.cast(pl.Float64, strict=False)
