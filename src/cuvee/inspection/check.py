"""Looks at a canonical folder: what it holds, what is wrong with it, and which recipe fits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from cuvee.errors import DataError
from cuvee.inspection.complaints import orphans, table_findings, watching
from cuvee.inspection.figures import Figures, figures, same_texts, text_shares, texts
from cuvee.inspection.files import Media, media
from cuvee.inspection.findings import Finding
from cuvee.inspection.language import language_shares
from cuvee.layout import read_layout
from cuvee.readers.folder import Folder, find_tables, find_vectors
from cuvee.readers.mapping import find_files, find_layout, known_layouts
from cuvee.suggest import liked_above, suggest
from cuvee.tables import read_table

__all__ = ["Inspection", "inspect_folder"]

_SAMPLE = 2_000
"""Rows whose language is looked at, evenly spaced."""


@dataclass(frozen=True)
class Inspection:
    """What a folder holds and what is wrong with it."""

    folder: str
    rows: Mapping[str, int] = field(default_factory=dict)
    """Table -> rows."""
    figures: Figures | None = None
    """None without usable interactions."""
    columns: Mapping[str, float] = field(default_factory=dict)
    """Column of items -> share of items that hold something."""
    media: Mapping[str, Media] = field(default_factory=dict)
    languages: Mapping[str, float] = field(default_factory=dict)
    """en, zh, other, short (too short to tell) -> share of item texts, of reviews where items have none."""
    same_texts: Mapping[str, int] = field(default_factory=dict)
    """Table -> rows that say what a row before them says."""
    orphans: Mapping[str, int] = field(default_factory=dict)
    """Table and column -> rows whose id leads nowhere."""
    findings: tuple[Finding, ...] = ()
    """Errors first."""
    recipe: str | None = None
    """The recipe that fits; None where there are errors."""

    @property
    def usable(self) -> bool:
        return all(finding.level != "error" for finding in self.findings)


def inspect_folder(folder: Path) -> Inspection:
    """Look at everything in the folder; what is wrong is a finding, never an exception."""
    try:
        paths = find_tables(folder)
    except DataError as error:
        return Inspection(str(folder), findings=(Finding("error", str(folder), _without(folder, error)),))
    frames, found = _read(paths)
    files = {table: str(path) for table, path in paths.items()}
    if "interactions" not in paths:
        found.append(Finding("error", str(folder), f"no interactions.parquet, .csv or .jsonl here; {_hint(folder)}"))
    for table, frame in frames.items():
        found += table_findings(table, frame, files[table])
    lost, counts = orphans(frames, files)
    broken, told = media(frames["items"], folder, files["items"]) if "items" in frames else ([], {})
    found += lost + broken + watching(frames, files)
    recipe = None
    if all(finding.level != "error" for finding in found):
        recipe = _fitting(folder, frames["interactions"], found)
    events = frames.get("interactions", pl.DataFrame())
    return Inspection(
        folder=str(folder),
        rows={table: len(frame) for table, frame in frames.items()},
        figures=figures(events) if {"user_id", "item_id"} <= set(events.columns) else None,
        columns=text_shares(frames["items"]) if "items" in frames else {},
        media=told,
        languages=_languages(frames),
        same_texts={t: same_texts(frames[t]) for t in ("items", "reviews") if t in frames},
        orphans=counts,
        findings=tuple(sorted(found, key=lambda f: f.level)),
        recipe=recipe,
    )


def _read(paths: Mapping[str, Path]) -> tuple[dict[str, pl.DataFrame], list[Finding]]:
    frames: dict[str, pl.DataFrame] = {}
    found: list[Finding] = []
    for table, path in paths.items():
        try:
            frames[table] = read_table(path)
        except DataError as error:
            found.append(Finding("error", str(path), _without(path, error)))
    return frames, found


def _fitting(folder: Path, events: pl.DataFrame, found: list[Finding]) -> str | None:
    """Return the recipe; what the reader still complains about joins the findings."""
    try:
        data = Folder(folder).read()
    except DataError as error:
        found.append(Finding("error", str(folder), str(error)))
        return None
    return suggest(data, folder, min_rating=liked_above(data, events), vectors=find_vectors(folder))


def _languages(frames: Mapping[str, pl.DataFrame]) -> Mapping[str, float]:
    for table in ("items", "reviews"):
        said = [text for text in texts(frames[table]) if text] if table in frames else []
        if said:
            return language_shares(said[:: max(1, len(said) // _SAMPLE)])
    return {}


def _hint(folder: Path) -> str:
    """Return the way out where there are no interactions."""
    like = []
    for name in known_layouts():
        table = read_layout(find_layout(name, folder)).tables["interactions"]
        if any(folder.glob(pattern) for pattern in table.files) and find_files(folder, table):
            like.append(name)
    if like:
        reader = f"reader: {{mapping: {{path: {folder}, layout: {like[0]}}}}}"
        return f"the files look like {' or '.join(like)}: a recipe reads them by `{reader}`"
    return "it needs user_id and item_id; other files can be read by `mapping`, see docs/data.md"


def _without(path: Path, error: DataError) -> str:
    return str(error).removeprefix(f"{path}: ")
