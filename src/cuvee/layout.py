"""A layout says in YAML which file holds what: the files of each table, how they are written, and what columns mean."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from cuvee import plain_yaml
from cuvee.errors import ConfigError, unknown
from cuvee.foreign import Form

__all__ = ["TABLES", "Column", "Layout", "Source", "Table", "read_layout"]

TABLES = ("interactions", "items", "users", "reviews", "social", "triples")

_TYPES = ("text", "number", "seconds", "milliseconds")


@dataclass(frozen=True)
class Column:
    """How one of our columns comes about from theirs."""

    column: str = ""
    """Theirs; `images.0.large` goes into records. "" with `put` is a constant."""
    type: str = "text"
    """text; number; seconds or milliseconds, which become whole unix seconds; or how a date is written, as in strptime
    (`%Y-%m-%d`): unix seconds in `timestamp`, a date elsewhere."""
    flags: tuple[str, ...] = ()
    """Columns of 0 and 1: the names of those that are 1 are joined."""
    split: str = ""
    """What parts the values in the file; lists of records need none."""
    join: str = "|"
    """What parts them in our column."""
    match: str = ""
    """A regular expression; its first group is taken, and what it does not match is empty."""
    put: str = ""
    """With `match`: what its match is replaced by, `${1}` the first group. Without a column: the constant."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Code in the file -> what it means; other values stay."""


@dataclass(frozen=True)
class Source:
    """Some files of one form, and what is taken from them."""

    files: tuple[str, ...]
    """Names or patterns (`reviews_*.json.gz`) below the folder of the data."""
    form: Form = field(default_factory=Form)
    take: Mapping[str, Column] = field(default_factory=dict)
    """Our column -> how it comes about."""
    rest: bool = False
    """Whether the other columns are kept under their own names."""
    unique: str = ""
    """Of rows that agree in this column of ours the first is kept."""


@dataclass(frozen=True)
class Table(Source):
    """A table, and further files whose columns are put beside it by id."""

    beside: tuple[Source, ...] = ()


@dataclass(frozen=True)
class Layout:
    """Table -> where it comes from."""

    tables: Mapping[str, Table]

    def __post_init__(self) -> None:
        for name in self.tables:
            if name not in TABLES:
                raise ConfigError(unknown("table", name, TABLES))
        if "interactions" not in self.tables:
            raise ConfigError("a layout needs the table interactions")


def read_layout(path: Path) -> Layout:
    """Read a layout.

    Raises:
        ConfigError: not YAML, an unknown key (the message suggests the nearest), a wrong value.
    """
    try:
        tree = plain_yaml.load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as YAML: {error}") from error
    try:
        return Layout({name: _table(spec, name) for name, spec in _mapping(tree, "a layout").items()})
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _table(spec: Any, where: str) -> Table:
    spec = dict(_mapping(spec, where))
    beside = [_source(s, f"{where}.beside.{n}") for n, s in enumerate(spec.pop("beside", ()))]
    plain = _source(spec, where, beside="")
    return Table(**{f.name: getattr(plain, f.name) for f in fields(Source)}, beside=tuple(beside))


def _source(spec: Any, where: str, **also: str) -> Source:
    """The keys of a form stand beside those of the source; `files` may be one name, a column just its name."""
    spec = _mapping(spec, where)
    own, form = {f.name for f in fields(Source)} - {"form"}, {f.name for f in fields(Form)}
    for key in spec:
        if key not in own | form:
            raise ConfigError(unknown(f"key of {where}:", key, own | form | set(also)))
    if "files" not in spec:
        raise ConfigError(f"{where} needs files")
    files = spec["files"]
    values = {key: value for key, value in spec.items() if key in own}
    values["files"] = [files] if isinstance(files, str) else files
    values["form"] = {key: value for key, value in spec.items() if key in form}
    take = _mapping(spec.get("take", {}), f"{where}.take")
    values["take"] = {ours: _column(theirs, f"{where}.take.{ours}") for ours, theirs in take.items()}
    return _checked(Source, values, where)


def _column(theirs: Any, where: str) -> Any:
    if isinstance(theirs, str):
        return {"column": theirs}
    known = {f.name for f in fields(Column)}
    for key in _mapping(theirs, where):
        if key not in known:
            raise ConfigError(unknown(f"key of {where}:", key, known))
    return theirs


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{where} must be a mapping, got {value!r}")
    return {str(key): v for key, v in value.items()}


def _checked(kind: type[Source], values: Any, where: str) -> Source:
    try:
        source = TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        problem = error.errors()[0]
        inside = "".join(f".{part}" for part in problem["loc"] if part != "form")
        raise ConfigError(f"{where}{inside}: {problem['msg']}, got {problem['input']!r}") from error
    if source.rest and source.form.format in ("jsonl", "python"):
        raise ConfigError(f"{where}.rest: records differ in their keys; name those to take")
    for ours, column in source.take.items():
        if column.type not in _TYPES and "%" not in column.type:
            raise ConfigError(f"{where}.take.{ours}.{unknown('type', column.type, [*_TYPES, '%Y-%m-%d'])}")
    return source
