"""Files that tables name: pictures, films and sounds below one folder."""

import logging
from pathlib import Path

import polars as pl

__all__ = ["MEDIA", "absolute_media", "inside"]

logger = logging.getLogger(__name__)

MEDIA = ("image", "video", "audio")
"""Columns of items that hold paths relative to the folder of the data."""


def absolute_media(items: pl.DataFrame, folder: Path) -> pl.DataFrame:
    """Return the table with absolute paths; a file that is not there is missing, and how many are is logged."""
    root = folder.resolve()
    for column in MEDIA:
        if column not in items.columns:
            continue
        there = [inside(root, name) for name in items[column].cast(pl.String).to_list()]
        gone = sum(a is None and bool(b) for a, b in zip(there, items[column].to_list(), strict=True))
        if gone:
            logger.warning("%s: %d files of column %r are not there; they count as missing", folder, gone, column)
        items = items.with_columns(pl.Series(column, there, dtype=pl.String))
    return items


def inside(root: Path, name: str | None) -> str | None:
    """Return the absolute path of a file below the resolved folder, or None."""
    if not name:
        return None
    try:
        path = (root / name).resolve()
        return str(path) if path.is_relative_to(root) and path.is_file() else None
    except (OSError, ValueError):  # no file can have this name
        return None
