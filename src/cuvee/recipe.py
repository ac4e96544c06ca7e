"""From YAML to one frozen Recipe: defaults < file < environment < command line, and back to YAML, fully resolved.

`${NAME}` and `${NAME:-default}` in a file's strings are filled from the environment. Relative paths are taken from the
recipe's folder. The environment sets single values by `CUVEE_SET__SPLIT__RANDOM__TEST=0.2`, the command line by
`--set split.random.test=0.2`; values are read as YAML.
"""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from math import isfinite
from pathlib import Path
from typing import Any, Literal

import yaml

from cuvee import plain_yaml
from cuvee.errors import ConfigError, unknown
from cuvee.filters.unseen import Unseen
from cuvee.imputation import Impute
from cuvee.projection import Projection
from cuvee.protocols import (
    Encoder,
    Estimator,
    Filter,
    Fusion,
    Index,
    RankerEstimator,
    Reader,
    Slice,
    Splitter,
    Stage,
    Tracker,
)
from cuvee.ranges import Range
from cuvee.registry import build, check, describe, section

__all__ = ["Evaluation", "Recipe", "dump_recipe", "load_recipe", "read_recipe"]

_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")
_ENVIRONMENT = "CUVEE_SET__"
_SECRET = re.compile(r"(?i)(?:^|[_-])(?:password|secret|token|(?:api|secret|access)[_-]?key)$")


@dataclass(frozen=True)
class Evaluation:
    """What is measured."""

    metrics: tuple[str, ...] = (
        "recall@20", "ndcg@20", "precision@20", "mrr@20", "map@20", "hit_rate@20",
        "coverage@20", "gini@20", "novelty@20", "intra_list_diversity@20", "popularity_lift@20",
    )  # fmt: skip
    """Metrics as `name@k`; the first NDCG is the one gains and verdicts are told in."""
    slices: tuple[Slice, ...] = ()
    """Groups of queries or items that are measured apart."""
    keep: int = 50
    """Recommendations a query written to recommendations.parquet."""
    verdict: bool = True
    """Whether every modality is left out once, to see what it is worth; costs one more fit a modality."""
    users: int | None = None
    """So many users at most are asked in validation, and in each test, drawn by the seed; null: all."""

    def __post_init__(self) -> None:
        if self.keep < 1:
            raise ConfigError(f"evaluate.keep must be at least 1, got {self.keep}")
        if self.users is not None and self.users < 1:
            raise ConfigError(f"evaluate.users must be at least 1, or null for all, got {self.users}")


@dataclass(frozen=True)
class Recipe:
    """Everything a run needs; two runs of one recipe on the same data give the same bytes."""

    reader: Reader
    """Where the data comes from."""
    split: Splitter
    """How it is cut into training, validation and test."""
    model: Estimator
    """What learns."""
    events: Mapping[str, float] | Literal["learn"] | None = None
    """Kind of event -> what it says about liking, negative for dislike; kinds that are not listed keep the reader's
    weight. `learn` finds all weights on validation. null: the reader's. What is held out does not depend on it."""
    encoders: Mapping[str, Encoder] = field(default_factory=dict)
    """Modality -> its encoder."""
    fusion: Fusion | None = None
    """Makes one modality of several, `fused`, which models may be `on` like any other; None: none."""
    ranker: RankerEstimator | None = None
    """Learns to judge pairs with everything in view; the stage `rerank` orders the model's candidates by it. Needs the
    split `last_judged`. None: none."""
    project: Projection = field(default_factory=Projection)
    """How raw vectors become the ones models see."""
    impute: Impute = "zero"
    """What an item gets where it misses a modality: `zero` leaves it missing; `mean`, that of the others; `neighbours`,
    that of items liked by the same users."""
    filters: tuple[Filter, ...] = (Unseen(),)
    """What may not be shown."""
    stages: tuple[Stage, ...] = ()
    """What changes a slate after ranking."""
    index: Index | None = None
    """How a bundle finds the best of very many items, for models whose score is an inner product; worth it above some
    50,000. Refused where it finds less than .98 of them. null: every item is scored. Figures are those without it."""
    evaluate: Evaluation = field(default_factory=Evaluation)
    """What is measured."""
    track: tuple[Tracker, ...] = ()
    """Where figures are sent beside the run's folder."""
    seed: int = 0
    """Seeds every random number of the run."""
    tune: Mapping[str, Range] = field(default_factory=dict)
    """Path in the recipe, such as `model.ease.l2` -> between which values `cuvee tune` looks; a run ignores it."""


_LISTS = {"filters": "filters", "stages": "stages", "track": "trackers"}
_SINGLES = {"reader": "readers", "split": "splits", "model": "models"}
_PLAIN = {"evaluate": Evaluation, "project": Projection}


def load_recipe(path: Path, changes: Iterable[str] = ()) -> Recipe:
    """Read a recipe file, apply the environment and then the changes (`key.key=value`).

    Raises:
        ConfigError: not YAML, an unknown key (the message suggests the nearest), a missing or a wrong value.
    """
    if not path.is_file():
        raise ConfigError(f"{path}: no such recipe; `cuvee init DIR` writes one from a folder of data")
    try:
        tree = plain_yaml.load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from error
    try:
        return read_recipe(tree, path.resolve().parent, [*_from_environment(), *changes])
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def read_recipe(tree: Any, base: Path, changes: Iterable[str] = ()) -> Recipe:
    """Return the recipe of a parsed tree; relative paths are taken from `base`."""
    if not isinstance(tree, dict):
        raise ConfigError("a recipe is a mapping with at least reader, split and model")
    tree = _filled(tree)
    for change in changes:
        _change(tree, change)
    _refuse_secrets(tree)
    known = [f.name for f in fields(Recipe)]
    for key in tree:
        if key not in known:
            raise ConfigError(unknown("key", str(key), known))
    missing = [key for key in _SINGLES if key not in tree]
    if missing:
        raise ConfigError(f"the recipe needs {', '.join(missing)}")
    values: dict[str, Any] = {key: build(kind, tree[key], base) for key, kind in _SINGLES.items()}
    for key, kind in _LISTS.items():
        if key in tree:
            values[key] = tuple(build(kind, spec, base) for spec in _list(key, tree[key]))
    values |= {key: section(owner, tree[key], key, base) for key, owner in _PLAIN.items() if key in tree}
    if "encoders" in tree:
        values["encoders"] = _encoders(tree["encoders"], base)
    if tree.get("fusion") is not None:
        values["fusion"] = build("fusion", tree["fusion"], base)
    if tree.get("index") is not None:
        values["index"] = build("indexes", tree["index"], base)
    if tree.get("ranker") is not None:
        values["ranker"] = build("rankers", tree["ranker"], base)
    if tree.get("events") is not None:
        values["events"] = _events(tree["events"])
    if "impute" in tree:
        values["impute"] = check(Impute, tree["impute"], "impute", base)
    if tree.get("tune") is not None:
        values["tune"] = _ranges(tree["tune"])
    if "seed" in tree:
        values["seed"] = _whole(tree["seed"])
    return Recipe(**values)


def dump_recipe(recipe: Recipe) -> str:
    """Return the recipe as YAML with every parameter written out; reading it back gives an equal recipe."""
    tree: dict[str, Any] = {key: describe(getattr(recipe, key)) for key in _SINGLES}
    if recipe.events is not None:
        tree["events"] = recipe.events if recipe.events == "learn" else dict(recipe.events)
    tree["encoders"] = {name: describe(encoder) for name, encoder in recipe.encoders.items()}
    tree["fusion"] = None if recipe.fusion is None else describe(recipe.fusion)
    tree["ranker"] = None if recipe.ranker is None else describe(recipe.ranker)
    tree["project"] = describe(recipe.project)
    tree["impute"] = recipe.impute
    tree |= {key: [describe(c) for c in getattr(recipe, key)] for key in _LISTS}
    tree["index"] = None if recipe.index is None else describe(recipe.index)
    tree["evaluate"] = describe(recipe.evaluate)
    tree["seed"] = recipe.seed
    if recipe.tune:
        tree["tune"] = {path: describe(found) for path, found in recipe.tune.items()}
    return plain_yaml.dump(tree)


def _events(value: Any) -> Mapping[str, float] | Literal["learn"]:
    """Return what kinds weigh: a mapping of finite numbers, or that they are to be learned."""
    if value == "learn":
        return "learn"
    if not isinstance(value, dict) or not value:
        raise ConfigError(
            f"events is `learn` or a mapping of kinds to weights, e.g. {{view: 0.2, buy: 1}}; got {value!r}"
        )
    found: dict[str, float] = {}
    for kind, weight in value.items():
        number = check(float, weight, f"events.{kind}", None)
        if isinstance(weight, bool) or not isfinite(number):
            raise ConfigError(f"events.{kind} must be a number, negative for dislike; got {weight!r}")
        found[str(kind)] = number
    return found


def _ranges(value: Any) -> dict[str, Range]:
    if not isinstance(value, dict):
        raise ConfigError(
            f"tune is a mapping of paths to ranges, e.g. model.ease.l2: {{low: 10, high: 1000}}; got {value!r}"
        )
    found = {}
    for path, given in value.items():
        try:
            found[str(path)] = section(Range, given, "its range")
        except ConfigError as error:
            raise ConfigError(f"tune: {path}: {error}") from error
    return found


def _encoders(value: Any, base: Path) -> dict[str, Encoder]:
    """A mapping names the modalities; in a list each is named after its component."""
    if isinstance(value, dict):
        return {str(name): build("encoders", spec, base) for name, spec in value.items()}
    found: dict[str, Encoder] = {}
    for spec in _list("encoders", value):
        encoder = build("encoders", spec, base)
        described = describe(encoder)
        name = described if isinstance(described, str) else next(iter(described))
        if name in found:
            raise ConfigError(f"two encoders are called {name!r}; name them: `encoders: {{title: {{{name}: ...}}}}`")
        found[name] = encoder
    return found


def _whole(value: Any) -> int:
    if isinstance(value, str) and value.isdecimal():  # a variable that was filled
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ConfigError(f"seed must be a whole number of 0 or more, got {value!r}")
    return value


def _list(key: str, value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise ConfigError(f"{key} must be a list, got {value!r}")
    return value


def _filled(node: Any) -> Any:
    """Return the tree with `${NAME:-default}` filled."""
    if isinstance(node, dict):
        return {key: _filled(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value) for value in node]
    return _VARIABLE.sub(_variable, node) if isinstance(node, str) else node


def _variable(match: re.Match[str]) -> str:
    name, default = match.group(1), match.group(2)
    value = os.environ.get(name) or default
    if value is None:
        raise ConfigError(f"${{{name}}} is not set in the environment; set it, or write ${{{name}:-default}}")
    # a relative folder in the environment is meant from where the command runs, not from the recipe's folder
    relative = bool(os.environ.get(name)) and Path(value).is_dir()
    return str(Path(value).absolute()) if relative else value


def _refuse_secrets(node: Any) -> None:
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        if _SECRET.search(str(key)):
            raise ConfigError(f"{key!r}: secrets are read from the environment only, never from a recipe")
        if isinstance(value, (dict, list)):
            _refuse_secrets(value)


def _from_environment() -> list[str]:
    """Return the changes the environment asks for, in the order of their names."""
    found = sorted((k, v) for k, v in os.environ.items() if k.startswith(_ENVIRONMENT))
    return [f"{key.removeprefix(_ENVIRONMENT).lower().replace('__', '.')}={value}" for key, value in found]


def _change(tree: dict[str, Any], change: str) -> None:
    path, equals, text = change.partition("=")
    if not equals or not path:
        raise ConfigError(f"a change is written key.key=value, got {change!r}")
    keys = path.split(".")
    node: Any = tree
    for depth, key in enumerate(keys[:-1]):
        node = _descend(node, key, ".".join(keys[: depth + 1]))
    try:
        value = plain_yaml.load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{change}: not valid YAML: {error}") from error
    if isinstance(node, list):
        node[_position(node, keys[-1], path)] = value
    else:
        node[keys[-1]] = value


def _descend(node: Any, key: str, where: str) -> Any:
    """Step into a mapping or a list; a bare component name opens into `{name: {}}`."""
    slot: Any = _position(node, key, where) if isinstance(node, list) else key
    child = node[slot] if isinstance(node, list) else node.get(key)
    if child is None:
        child = node[slot] = {}
    if isinstance(child, str):
        child = node[slot] = {child: {}}
    if not isinstance(child, (dict, list)):
        raise ConfigError(f"{where} is {child!r} and has no keys of its own")
    return child


def _position(node: list[Any], key: str, where: str) -> int:
    if not key.isdecimal() or int(key) >= len(node):
        raise ConfigError(f"{where}: a position from 0 to {len(node) - 1} is needed, got {key!r}")
    return int(key)
