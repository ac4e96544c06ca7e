"""Reads files as other people write them; a layout in YAML says which file, which column, which meaning."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from cuvee.errors import DataError, UnknownNameError, unknown
from cuvee.foreign import PART, Form, read_foreign
from cuvee.frames import KIND_WEIGHTS, Frames, dataset
from cuvee.layout import Column, Layout, Source, Table, read_layout
from cuvee.media import absolute_media
from cuvee.tables import first_not
from cuvee.types import Dataset

__all__ = ["Mapped", "find_files", "find_layout", "known_layouts"]

logger = logging.getLogger(__name__)

_LAYOUTS = Path(__file__).parent / "layouts"
_KEYS = {
    "interactions": ("user_id", "item_id"),
    "items": ("item_id",),
    "users": ("user_id",),
    "reviews": ("user_id", "item_id", "text"),
    "social": ("src", "dst"),
    "triples": ("head", "relation", "tail"),
}
"""What a table cannot do without."""


@dataclass(frozen=True)
class Mapped:
    """A folder of files in a layout of their own: MovieLens, Amazon reviews, H&M, RecBole, or one you describe.

    Only the interactions must be there; other tables that are not are logged and left out. Everything is read into
    memory. Paths of images are relative to the folder, as in `folder`.
    """

    path: Path
    """The folder with the files."""
    layout: str
    """movielens-100k, movielens-1m, movielens-latest, amazon-2014, amazon-2018, amazon-2023, hm, lastfm-hetrec,
    recbole; or a YAML file of your own, relative to the folder."""
    kinds: Mapping[str, float] = field(default_factory=lambda: dict(KIND_WEIGHTS))
    """Kind of event -> what it says about liking, negative for dislike; kinds that are not listed weigh 1."""
    min_rating: float | None = None
    """Events rated below this count as seen, not as liked; None: ratings play no role."""
    min_watched: float = 0.1
    """Share below which what was watched counts as seen, not as liked; above it the share multiplies the weight."""

    def read(self) -> Dataset:
        """Read the folder.

        Raises:
            DataError: no folder, no interactions, or a file that cannot be used; the message names file and row.
            UnknownNameError: no such layout.
            ConfigError: a layout that is not valid.
        """
        if not self.path.is_dir():
            raise DataError(f"{self.path}: no such folder")
        layout = read_layout(find_layout(self.layout, self.path))
        raw = _Raw(layout, self.path)
        frames: dict[str, pl.DataFrame] = {}
        names: dict[str, str] = {}
        for name, table in layout.tables.items():
            files = find_files(self.path, table)
            if not files:
                _missing(name, table, self.path, self.layout)
                continue
            names[name] = ", ".join(str(f) for f in files)
            frames[name] = _table(name, table, raw)
        if "items" in frames:
            frames["items"] = absolute_media(frames["items"], self.path)
        return dataset(Frames(source=names, **frames), self.kinds, self.min_rating, self.min_watched)


def known_layouts() -> list[str]:
    """Return the names of the layouts that come with Cuvee."""
    return sorted(path.stem for path in _LAYOUTS.glob("*.yaml"))


def find_files(folder: Path, source: Source) -> list[Path]:
    """Return the files of a source in the order of their names.

    Raises:
        DataError: a file is there both packed and unpacked.
    """
    found = sorted({file for pattern in source.files for file in folder.glob(pattern) if file.is_file()})
    for file in found:
        if file.suffix == ".gz" and file.with_suffix("") in found:
            raise DataError(f"{folder}: both {file.name} and {file.with_suffix('').name}; keep one of them")
    return found


def find_layout(name: str, folder: Path) -> Path:
    """Return the file of a layout: one that comes with Cuvee, or one in the folder of the data.

    Raises:
        UnknownNameError: no such name; the message suggests the nearest.
        DataError: no such file.
    """
    if name in known_layouts():
        return _LAYOUTS / f"{name}.yaml"
    own = folder / name
    if own.is_file():
        return own
    if own.suffix in (".yaml", ".yml"):
        raise DataError(f"{own}: no such layout; a path is relative to the folder of the data")
    raise UnknownNameError(unknown("layout", name, known_layouts()))


def _missing(name: str, table: Table, folder: Path, layout: str) -> None:
    wanted = " or ".join(table.files)
    if name == "interactions":
        raise DataError(f"{folder}: no {wanted} here, and the layout {layout!r} has the interactions there")
    logger.warning("%s: no %s, so there is no table of %s", folder, wanted, name)


class _Raw:
    """Reads every file once, whatever tables take from it."""

    def __init__(self, layout: Layout, folder: Path) -> None:
        self.folder = folder
        self.read: dict[tuple[tuple[str, ...], Form], pl.DataFrame] = {}
        self.wanted: dict[tuple[tuple[str, ...], Form], set[str]] = {}
        for table in layout.tables.values():
            for source in (table, *table.beside):
                self.wanted.setdefault((source.files, source.form), set()).update(_theirs(source))

    def __call__(self, source: Source) -> pl.DataFrame:
        key = (source.files, source.form)
        if key not in self.read:
            self.read[key] = read_foreign(find_files(self.folder, source), source.form, self.wanted[key])
        return self.read[key]


def _theirs(source: Source) -> set[str]:
    return {name for c in source.take.values() for name in (c.column, *c.flags) if name}


def _table(name: str, table: Table, raw: _Raw) -> pl.DataFrame:
    frame = _taken(table, raw, _KEYS[name])
    for source in table.beside:
        key = _KEYS[name][0]
        if not find_files(raw.folder, source):
            logger.warning("%s: no %s to put beside the %s", raw.folder, " or ".join(source.files), name)
            continue
        more = _taken(source, raw, (key,)).unique(key, keep="first", maintain_order=True)
        new = [c for c in more.columns if c == key or c not in frame.columns]
        frame = frame.join(more.select(new), on=key, how="left", maintain_order="left")
    return frame


def _taken(source: Source, raw: _Raw, needed: tuple[str, ...]) -> pl.DataFrame:
    """Return our columns of one source."""
    frame = raw(source)
    where = ", ".join(str(f) for f in find_files(raw.folder, source))
    taken = [
        _column(ours, column, frame, where)
        for ours, column in source.take.items()
        if _present(
            ours, column, frame, where, needed=ours in needed, records=source.form.format in ("jsonl", "python")
        )
    ]
    if source.rest:
        used = _theirs(source) | set(source.take)
        taken += [_typed(frame[c]) for c in frame.columns if c not in used]
    table = pl.DataFrame(taken)
    for key in needed:
        if key not in table.columns:
            raise DataError(f"{where}: the layout takes no {key} from it; it has {', '.join(frame.columns)}")
    if not source.unique:
        return table
    first = table.unique(source.unique, keep="first", maintain_order=True)
    if len(first) < len(table):
        logger.warning("%s: %d rows repeat a %s; the first is kept", where, len(table) - len(first), source.unique)
    return first


def _present(ours: str, column: Column, frame: pl.DataFrame, where: str, *, needed: bool, records: bool) -> bool:
    """Return whether the column can be made; a key that no record has is only an empty column."""
    gone = [c for c in (column.column, *column.flags) if c and c not in frame.columns]
    if not gone:
        return True
    if records and not needed:
        logger.warning("%s: no record has %r, so there is no column %r", where, gone[0], ours)
        return False
    raise DataError(f"{where}: no column {gone[0]!r} for {ours!r}; it has {', '.join(frame.columns)}")


def _column(ours: str, column: Column, frame: pl.DataFrame, where: str) -> pl.Series:
    """Return one of our columns: flags, split, match, values, join, type, in this order."""
    if not column.column and not column.flags:
        return pl.Series(ours, [column.put]).new_from_index(0, len(frame))
    if column.flags:
        told = [pl.when(pl.col(f).str.strip_chars() == "1").then(pl.lit(f)) for f in column.flags]
        text = pl.concat_str(told, separator=PART, ignore_nulls=True)
    else:
        text = pl.col(column.column)
    if column.split:
        text = text.str.replace_all(column.split, PART, literal=True)
    if column.match and column.put:
        text = pl.when(text.str.contains(column.match)).then(text.str.replace(column.match, column.put))
    elif column.match:
        text = text.str.extract(column.match, 1)
    if column.values:
        text = text.replace(dict(column.values))
    text = text.str.replace_all(PART, column.join, literal=True)
    text = pl.when(text != "").then(text)
    try:
        found = frame.select(text.alias(ours))[ours]
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{where}: column {ours!r} of the layout cannot be made: {error}") from error
    return _converted(found, column.type, where)


def _converted(text: pl.Series, kind: str, where: str) -> pl.Series:
    """Return the series in its type; every value that is there must have it."""
    if kind == "text":
        return text
    if kind in ("number", "seconds", "milliseconds"):
        number = text.cast(pl.Float64, strict=False)
        whole = (number / (1000 if kind == "milliseconds" else 1)).floor()
        found = number if kind == "number" else whole.cast(pl.Int64, strict=False)
    else:
        found = _dates(text, kind)
    bad = text.is_not_null() & found.is_null()
    if bad.any():
        row = first_not(bad)
        what = kind if "%" in kind else f"a number ({kind})"
        raise DataError(f"{where}: row {row} has {text[row - 1]!r} as {text.name}, which is not {what}")
    return found


def _dates(text: pl.Series, form: str) -> pl.Series:
    """Return unix seconds for `timestamp`, dates elsewhere."""
    try:
        time = text.str.to_datetime(form, strict=False)
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{form!r} is no form of a date for {text.name}: {error}") from error
    return time.dt.epoch("s") if text.name == "timestamp" else time.dt.date()


def _typed(text: pl.Series) -> pl.Series:
    """Return a column the layout does not mention: numbers where all are numbers, unless it holds ids."""
    if text.name.endswith("_id"):
        return text
    number = text.cast(pl.Float64, strict=False)
    return number if number.is_null().sum() == text.is_null().sum() else text.str.replace_all(PART, "|", literal=True)
