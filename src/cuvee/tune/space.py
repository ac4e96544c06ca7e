"""The ranges of a recipe, checked against it, and the recipes that lie in them."""

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cuvee import plain_yaml
from cuvee.errors import ConfigError, unknown
from cuvee.ranges import Range
from cuvee.recipe import Recipe, dump_recipe, read_recipe

__all__ = ["TUNED", "Space", "space_of"]

TUNED = ("model", "fusion", "encoders", "project", "impute")
"""Keys of a recipe that can be tuned; the others say what is asked and how it is measured."""


@dataclass(frozen=True)
class Space:
    """The recipes among which one is looked for."""

    recipe: Recipe
    """As it stands, without ranges."""
    ranges: Mapping[str, Range]
    """Path -> range: whole numbers where the parameter is one, and choices as the resolved recipe writes them."""
    start: Mapping[str, Any]
    """Path -> the recipe's own value, which lies in the range."""

    def at(self, values: Mapping[str, Any]) -> Recipe:
        """Return the recipe with these values: path -> number or choice."""
        return _with(self.recipe, values)


def space_of(recipe: Recipe) -> Space:
    """Return the space that the recipe's `tune` declares; every end and every choice has been tried on the recipe.

    Raises:
        ConfigError: no ranges, an unknown path, two that overlap, values that the parameter does not take, or a range
            without the recipe's own value.
    """
    if not recipe.tune:
        raise ConfigError(
            "the recipe has no ranges to tune; add e.g. `tune: {model.ease.l2: {low: 10, high: 1000, log: true}}`"
        )
    plain = replace(recipe, tune={})
    tree = _tree(plain)
    known = dict(_paths(tree))
    for path in recipe.tune:
        if path.partition(".")[0] not in TUNED and path.partition(".")[0] in tree:
            raise ConfigError(f"tune: {path}: only {', '.join(TUNED)} can be tuned; the rest says what is measured")
        if path not in known:
            raise ConfigError(unknown("path in tune:", path, (p for p in known if p.partition(".")[0] in TUNED)))
        above = next((p for p in recipe.tune if path.startswith(f"{p}.")), None)
        if above:
            raise ConfigError(f"tune: {path} lies inside {above}, which has choices of its own; keep one of the two")
    ranges = {path: _fitting(plain, path, found, known[path]) for path, found in recipe.tune.items()}
    return Space(plain, ranges, {path: known[path] for path in ranges})


def _fitting(recipe: Recipe, path: str, found: Range, own: Any) -> Range:
    """Return the range in the units of the parameter."""
    if found.choices:
        choices = tuple(_at(_tree(_tried(recipe, path, choice)), path) for choice in found.choices)
        written = [json.dumps(c) for c in choices]
        if len({*written}) < len(written):
            raise ConfigError(f"tune: {path}: two of its choices are the same: {list(found.choices)!r}")
        if json.dumps(own) not in written:
            raise ConfigError(f"tune: {path}: its choices lack the recipe's own value {own!r}; add it, or change that")
        return Range(choices=choices)
    if isinstance(own, bool) or not isinstance(own, (int, float)):
        raise ConfigError(f"tune: {path} is {own!r} and no number; write choices, the recipe's own value among them")
    low, high = found.low, found.high
    assert low is not None
    assert high is not None
    if isinstance(own, int) and (low != int(low) or high != int(high)):
        raise ConfigError(f"tune: {path} is a whole number; so must low and high be, got {low!r} and {high!r}")
    ends = (type(own)(low), type(own)(high))
    if not ends[0] <= own <= ends[1]:
        raise ConfigError(f"tune: {path}: {low!r} to {high!r} lacks the recipe's own value {own!r}; widen the range")
    for end in ends:
        _tried(recipe, path, end)
    return Range(*ends, log=found.log)


def _tried(recipe: Recipe, path: str, value: Any) -> Recipe:
    try:
        return _with(recipe, {path: value})
    except (ConfigError, LookupError) as error:
        raise ConfigError(f"tune: {path}: {value!r} cannot stand there: {error}") from error


def _with(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    tree = _tree(recipe)
    for path, value in values.items():
        *above, last = path.split(".")
        node = _at(tree, ".".join(above)) if above else tree
        node[int(last) if isinstance(node, list) else last] = copy.deepcopy(value)
    return read_recipe(tree, Path.cwd())


def _tree(recipe: Recipe) -> Any:
    """Return the fully resolved recipe, in which every parameter has a place."""
    return plain_yaml.load(dump_recipe(recipe))


def _at(tree: Any, path: str) -> Any:
    for key in path.split("."):
        tree = tree[int(key) if isinstance(tree, list) else key]
    return tree


def _paths(tree: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        yield f"{prefix}{key}", value
        if isinstance(value, (dict, list)):
            yield from _paths(value, f"{prefix}{key}.")
