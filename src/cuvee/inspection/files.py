"""The media that items name: which are there, which can be opened, which are the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from tqdm import tqdm

from cuvee.inspection.findings import Finding, at_rows
from cuvee.media import MEDIA, inside
from cuvee.pictures import content_hash, problem

__all__ = ["Media", "media"]

_TOLD = 20
"""Broken images that are named one by one; the others are counted."""


@dataclass(frozen=True)
class Media:
    """One column of paths."""

    share: float
    """Of items with a file that is there, and for images can be opened."""
    named: int
    """Items with a path."""
    there: int
    readable: int | None
    """Images that can be opened; None for other media, which are not opened here."""
    same: int
    """Files whose bytes are those of a file named before; the same path counts once."""


def media(items: pl.DataFrame, folder: Path, file: str) -> tuple[list[Finding], Mapping[str, Media]]:
    """Look at every file that the items name."""
    found: list[Finding] = []
    told: dict[str, Media] = {}
    root = folder.resolve()
    for column in MEDIA:
        if column not in items.columns:
            continue
        names = items[column].cast(pl.String)
        paths = [inside(root, name) for name in names]
        named = names.is_not_null() & (names != "").fill_null(False)
        lost = named & pl.Series([path is None for path in paths], dtype=pl.Boolean)
        message = "{} is not there, or not below the folder; it counts as missing: add the file or empty the field"
        found += at_rows("warning", file, column, lost, names, message)
        there = [(row, path) for row, path in enumerate(paths, 1) if path]
        broken = _broken(there, file) if column == "image" else None
        if broken:
            found += _few(broken, file)
        usable = len(there) - len(broken or ())
        told[column] = Media(
            share=usable / len(items) if len(items) else 0.0,
            named=int(named.sum()),
            there=len(there),
            readable=None if broken is None else usable,
            same=_same({path for _, path in there}),
        )
    return found, told


def _broken(there: list[tuple[int, str]], file: str) -> list[Finding]:
    found = []
    reasons: dict[str, str] = {}
    for row, path in tqdm(there, desc="images", unit="file", delay=2):
        if path not in reasons:
            reasons[path] = problem(path)
        if reasons[path]:
            message = f"{path} cannot be used ({reasons[path]}); it counts as missing: replace it or empty the field"
            found.append(Finding("warning", file, message, row, "image"))
    return found


def _few(broken: list[Finding], file: str) -> list[Finding]:
    rest = len(broken) - _TOLD
    if rest <= 0:
        return broken
    message = f"{rest} further images cannot be used; they count as missing"
    return [*broken[:_TOLD], Finding("warning", file, message, broken[_TOLD].row, "image", rest)]


def _same(paths: set[str]) -> int:
    hashes = [content for content in map(content_hash, sorted(paths)) if content]
    return len(hashes) - len(set(hashes))
