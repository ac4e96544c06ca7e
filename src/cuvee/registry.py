"""From a name in a recipe to a component and back. A component's name is its file's name; nothing is imported before
it is asked for, and no list anywhere needs editing.

Other packages add components by entry points: group `cuvee.models` (or another kind), the name, and the class.
"""

import ast
import dataclasses
import importlib
import inspect
import pkgutil
import textwrap
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import entry_points
from itertools import pairwise
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from cuvee import protocols
from cuvee.errors import ConfigError, UnknownNameError, unknown

__all__ = ["KINDS", "build", "check", "describe", "find", "meaning", "names", "parameters", "section", "type_name"]

KINDS: dict[str, tuple[Any, ...]] = {
    "readers": (protocols.Reader,),
    "splits": (protocols.Splitter,),
    "encoders": (protocols.Encoder,),
    "tuning": (protocols.Tuning,),
    "fusion": (protocols.Fusion, protocols.JointFusion),
    "models": (protocols.Estimator,),
    "metrics": (protocols.QueryMetric, protocols.ListMetric, protocols.SystemMetric),
    "slices": (protocols.Slice,),
    "filters": (protocols.Filter,),
    "stages": (protocols.Stage,),
    "explainers": (protocols.Explainer,),
    "logs": (protocols.EventLog,),
    "streams": (protocols.Stream,),
    "trackers": (protocols.Tracker,),
    "llms": (protocols.LanguageModel,),
    "rankers": (protocols.RankerEstimator,),
    "indexes": (protocols.Index,),
}
"""Kind (a folder, and what entry points are grouped by) -> the protocols its components keep."""

_KIND_OF = {protocol: kind for kind, found in KINDS.items() for protocol in found}


def names(kind: str) -> list[str]:
    """Return the names of every component of a kind, without importing any."""
    _check(kind)
    package = importlib.import_module(f"cuvee.{kind}")
    own = [m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_")]
    return sorted({*own, *(e.name for e in entry_points(group=f"cuvee.{kind}"))})


@cache
def find(kind: str, name: str) -> type[Any]:
    """Return the class of a component: the first entry of `__all__` in the file of that name.

    Raises:
        UnknownNameError: no such component; the message suggests the nearest name.
    """
    if name not in names(kind):
        raise UnknownNameError(unknown(f"component of {kind}", name, names(kind)))
    for entry in entry_points(group=f"cuvee.{kind}"):
        if entry.name == name:
            loaded: type[Any] = entry.load()
            return loaded
    module = importlib.import_module(f"cuvee.{kind}.{name}")
    component: type[Any] = getattr(module, module.__all__[0])
    return component


def parameters(component: type[Any]) -> dict[str, tuple[Any, dataclasses.Field[Any]]]:
    """Return field name -> (type, field) for everything that can be configured."""
    if not dataclasses.is_dataclass(component):
        return {}
    hints = get_type_hints(component)
    return {f.name: (hints[f.name], f) for f in dataclasses.fields(component) if f.init}


def build(kind: str, spec: Any, base: Path | None = None) -> Any:
    """Make a component from `name` or `{name: {parameter: value}}`; one that is made already passes through.

    Relative paths among the parameters are taken from `base`, the folder of the recipe, where it is given.

    Raises:
        ConfigError: an unknown parameter, a missing one, or a value of the wrong type.
        UnknownNameError: no such component.
    """
    name, given = _named(kind, spec)
    if name is None:
        return spec
    component = find(kind, name)
    fields = parameters(component)
    for key in given:
        if key not in fields:
            raise ConfigError(unknown(f"parameter of {kind} {name!r}:", key, fields))
    values = {key: check(fields[key][0], value, f"{name}.{key}", base) for key, value in given.items()}
    missing = [key for key, (_, f) in fields.items() if key not in values and _required(f)]
    if missing:
        raise ConfigError(f"{kind} {name!r} needs a value for {', '.join(missing)}")
    try:
        return component(**values)
    except ValueError as error:
        raise ConfigError(f"{kind} {name!r}: {error}") from error


def section(owner: Any, value: Any, where: str, base: Path | None = None) -> Any:
    """Make a dataclass that is no component, such as a training's settings, from a mapping checked field by field.

    Raises:
        ConfigError: no mapping, an unknown key, or a value of the wrong type.
    """
    if isinstance(value, owner):
        return value
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} must be a mapping, got {value!r}")
    known = parameters(owner)
    for name in value:
        if name not in known:
            raise ConfigError(unknown(f"key of {where}:", str(name), known))
    return owner(**{name: check(known[name][0], v, f"{where}.{name}", base) for name, v in value.items()})


def describe(component: Any) -> Any:
    """Return the fully resolved spec of a component, plain enough for YAML and JSON; `build` reverses it.

    Of a dataclass that is no component it is the mapping of its fields; `section` reverses that.
    """
    values = {key: _plain(getattr(component, key)) for key in parameters(type(component))}
    named = _origin(type(component))
    if named is None:
        return values
    return {named: values} if values else named


def meaning(component: type[Any], parameter: str) -> str:
    """Return the docstring that follows the declaration of a parameter, "" where there is none."""
    body = ast.parse(textwrap.dedent(inspect.getsource(component))).body[0]
    assert isinstance(body, ast.ClassDef)
    for declared, after in pairwise(body.body):
        named = isinstance(declared, ast.AnnAssign) and getattr(declared.target, "id", None) == parameter
        if named and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            return inspect.cleandoc(str(after.value.value))
    return ""


def type_name(annotation: Any) -> str:
    """Return a parameter's type as people write it: `int`, `tuple[str, ...]`, `Estimator`, `float | None`."""
    if annotation is type(None):
        return "None"
    if get_origin(annotation) in (Union, UnionType):
        return " | ".join(type_name(a) for a in get_args(annotation))
    if get_args(annotation):
        inner = ", ".join("..." if a is Ellipsis else type_name(a) for a in get_args(annotation))
        return f"{type_name(get_origin(annotation))}[{inner}]"
    return str(getattr(annotation, "__name__", annotation))


def _check(kind: str) -> None:
    if kind not in KINDS:
        raise UnknownNameError(unknown("kind of component", kind, KINDS))


def _named(kind: str, spec: Any) -> tuple[str | None, Mapping[str, Any]]:
    if isinstance(spec, str):
        return spec, {}
    if isinstance(spec, Mapping):
        if len(spec) != 1:
            raise ConfigError(f"one of {kind} is written `name` or `{{name: {{parameters}}}}`, got {dict(spec)!r}")
        name, given = next(iter(spec.items()))
        if given is None:
            given = {}
        if not isinstance(given, Mapping):
            raise ConfigError(f"the parameters of {kind} {name!r} must be a mapping, got {given!r}")
        return str(name), given
    if dataclasses.is_dataclass(spec) and not isinstance(spec, type):
        return None, {}
    raise ConfigError(f"one of {kind} is written `name` or `{{name: {{parameters}}}}`, got {spec!r}")


def check(annotation: Any, value: Any, where: str, base: Path | None) -> Any:
    """Return one value checked against its declared type; protocols are filled from the registry."""
    if annotation in _KIND_OF:
        return build(_KIND_OF[annotation], value, base)
    if dataclasses.is_dataclass(annotation):
        return section(annotation, value, where, base)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType) and any(a in _KIND_OF for a in arguments):
        return None if value is None else check(next(a for a in arguments if a in _KIND_OF), value, where, base)
    if origin is tuple and arguments and arguments[0] in _KIND_OF:
        if isinstance(value, (str, Mapping)) or not isinstance(value, Sequence):
            raise ConfigError(f"{where} must be a list, got {value!r}")
        return tuple(check(arguments[0], v, where, base) for v in value)
    if origin is Mapping and arguments and arguments[1] in _KIND_OF:
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where} must be a mapping, got {value!r}")
        return {str(k): check(arguments[1], v, where, base) for k, v in value.items()}
    if origin is Mapping and arguments and dataclasses.is_dataclass(arguments[1]) and isinstance(value, Mapping):
        return {str(k): section(arguments[1], v, f"{where}.{k}", base) for k, v in value.items()}
    try:
        checked = TypeAdapter(annotation).validate_python(value)
    except ValidationError as error:
        problem = error.errors()[0]
        inside = "".join(f".{part}" for part in problem["loc"])
        raise ConfigError(f"{where}{inside}: {problem['msg']}, got {problem['input']!r}") from error
    return base / checked if isinstance(checked, Path) and base is not None else checked


def _required(f: dataclasses.Field[Any]) -> bool:
    return f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING


def _origin(component: type[Any]) -> str | None:
    """Return the name of a component's class, None for one of Cuvee's own that is no component.

    Raises:
        UnknownNameError: a class of another package that is not registered.
    """
    parts = component.__module__.split(".")
    if parts[0] == "cuvee":
        return parts[2] if len(parts) == 3 and parts[1] in KINDS else None
    for kind in KINDS:
        for entry in entry_points(group=f"cuvee.{kind}"):
            if entry.value.partition(":")[0] == component.__module__:
                return entry.name
    raise UnknownNameError(f"{component.__qualname__} is not a registered component")


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return describe(value)
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return str(value) if isinstance(value, Path) else value
