"""An OpenAPI description as what a page shows: requests by resource, fields with their types and bounds in words."""

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape
from pydantic import TypeAdapter

from cuvee.serve.bodies import Id

__all__ = ["Field", "Group", "Manual", "Operation", "Shape", "explain"]

_TYPES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "null"}
_ID = {k: v for k, v in TypeAdapter(Id).json_schema().items() if k != "title"}
_LIKE: Mapping[str, Any] = {
    "user_id": "anna", "item_id": "lamp-7", "item": "lamp-7", "candidate": "lamp-7", "event_id": "1", "kind": "view",
    "text": "reading lamp", "review_id": "1", "experiment": "warmth", "rule": "no-hats", "k": 10, "control": "plain",
    "arms": [{"arm": "plain", "share": 0.5}, {"arm": "varied", "share": 0.5, "settings": {"diversity": 0.3}}],
}  # fmt: skip
"""Names of fields -> what stands for them in an example."""


@dataclass(frozen=True)
class Field:
    """A parameter, or a field of a body."""

    name: str
    type: Markup
    """In words, with links to other shapes."""
    required: bool
    default: str
    """As JSON; "" where there is none, or it says nothing."""
    told: str


@dataclass(frozen=True)
class Shape:
    """A body that has a name."""

    name: str
    told: str
    fields: tuple[Field, ...]
    type: Markup
    """In words, where it has no fields."""


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    anchor: str
    told: str
    scope: str
    """Of the key that is needed; "" for none."""
    parameters: tuple[Field, ...]
    body: Shape | None
    answer: Markup
    curl: str


@dataclass(frozen=True)
class Group:
    name: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True)
class Manual:
    version: str
    told: str
    groups: tuple[Group, ...]
    shapes: tuple[Shape, ...]


def explain(described: Mapping[str, Any]) -> Manual:
    """Return what an OpenAPI description says, resources and shapes by name."""
    schemas = described["components"]["schemas"]
    groups: dict[str, list[Operation]] = {}
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            group = groups.setdefault(operation.get("tags", ["other"])[0], [])
            group.append(_operation(method.upper(), path, operation, schemas))
    return Manual(
        version=described["info"]["version"],
        told=described["info"].get("description", ""),
        groups=tuple(Group(name, tuple(groups[name])) for name in sorted(groups)),
        shapes=tuple(_shape(name, schemas[name]) for name in sorted(schemas)),
    )


def _operation(method: str, path: str, told: Mapping[str, Any], schemas: Mapping[str, Any]) -> Operation:
    security = [scope for option in told.get("security", []) for scopes in option.values() for scope in scopes]
    schema, kind = _content(told.get("requestBody", {}))
    answers = [_content(answer)[0] for status, answer in told["responses"].items() if status.startswith("2")]
    parameters = told.get("parameters", [])
    return Operation(
        method=method,
        path=path,
        anchor=told["operationId"],
        told=told.get("description", ""),
        scope=", ".join(security),
        parameters=tuple(_field(p["name"], p["schema"] | _said(p), p.get("required", False)) for p in parameters),
        body=None if schema is None else _shape("", _resolved(schema, schemas) if kind == "application/json" else {}),
        answer=next((words(schema) for schema in answers if schema), Markup()),
        curl=_curl(method, path, told, schemas),
    )


def _said(parameter: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": parameter["description"]} if "description" in parameter else {}


def _content(part: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, str]:
    """Return the schema of a request or an answer, and its media type."""
    for kind, content in part.get("content", {}).items():
        return content.get("schema", {}), kind
    return None, ""


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = schemas[_name(schema)] if "$ref" in schema else schema
    return found


def _name(schema: Mapping[str, Any]) -> str:
    return str(schema["$ref"]).rsplit("/", 1)[-1]


def _shape(name: str, schema: Mapping[str, Any]) -> Shape:
    required = schema.get("required", ())
    fields = tuple(_field(n, s, n in required) for n, s in schema.get("properties", {}).items())
    return Shape(name, schema.get("description", ""), fields, words(schema) if not fields else Markup())


def _field(name: str, schema: Mapping[str, Any], required: bool) -> Field:
    default = schema.get("default")
    shown = "" if default is None or default in ("", [], {}) else json.dumps(default)
    return Field(name, words(schema), required, shown, schema.get("description", ""))


def words(schema: Mapping[str, Any]) -> Markup:
    """Return the type of a value and its bounds in words."""
    if "$ref" in schema:
        return Markup('<a href="#{0}">{0}</a>').format(_name(schema))
    if "const" in schema or "enum" in schema:
        return escape(" or ".join(json.dumps(v) for v in schema.get("enum", [schema.get("const")])))
    for together in ("anyOf", "oneOf"):
        if together in schema:
            either = Markup(" or ").join(dict.fromkeys(words(s) for s in schema[together] if s.get("type") != "null"))
            return either + "; or null" if {"type": "null"} in schema[together] else either
    if schema.items() >= _ID.items():
        return Markup("id")
    if schema.get("type") == "array":
        of = words(schema["items"]) if schema.get("items") else Markup("anything")
        return Markup("list of {}{}").format("ids" if of == "id" else of, _bounds(schema, "Items"))
    if schema.get("type") == "object":
        return _mapping(schema)
    return escape(_TYPES.get(schema.get("type", ""), "anything") + _bounds(schema, "Length", "characters"))


def _mapping(schema: Mapping[str, Any]) -> Markup:
    inner = next(iter(schema.get("patternProperties", {}).values()), schema.get("additionalProperties"))
    of = words(inner) if isinstance(inner, Mapping) else "anything"
    return Markup("object of names to values{} ({})").format(_bounds(schema, "Properties"), of)


def _bounds(schema: Mapping[str, Any], what: str, unit: str = "") -> str:
    """Return ", 1 to 200", ", at least 0" ..., or nothing."""
    low, high = schema.get(f"min{what}", schema.get("minimum")), schema.get(f"max{what}", schema.get("maximum"))
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    after = f" {unit}" if unit and schema.get("type") == "string" else ""
    if low is not None and high is not None:
        return f", {_number(low)} to {_number(high)}{after}"
    told = [f"{word} {_number(v)}" for word, v in _worded(low, high, above, below)]
    return f", {', '.join(told)}{after}" if told else ""


def _worded(low: Any, high: Any, above: Any, below: Any) -> Iterator[tuple[str, Any]]:
    for word, value in (("at least", low), ("above", above), ("at most", high), ("below", below)):
        if value is not None:
            yield word, value


def _number(value: float) -> str:
    return f"{int(value):,}" if float(value).is_integer() else f"{value:g}"


def _curl(method: str, path: str, told: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """Return a command line that asks this, with what it must have, or the first that it may have."""
    address = path
    for parameter in told.get("parameters", []):
        name = parameter["name"]
        if parameter["in"] == "path":
            address = address.replace(f"{{{name}}}", str(_example(name, parameter["schema"], schemas)))
    said = ["curl -s" if method == "GET" else f"curl -s -X {method}", f'"$URL{address}"']
    if told.get("security"):
        said.append('-H "Authorization: Bearer $KEY"')
    schema, kind = _content(told.get("requestBody", {}))
    if schema is not None and kind == "application/json":
        body = json.dumps(_example("", schema, schemas), ensure_ascii=False)
        said += ["-H 'Content-Type: application/json'", f"-d {shlex.quote(body)}"]
    elif schema is not None:
        said.append("--data-binary @FILE")
    return " \\\n  ".join((" ".join(said[:2]), *said[2:]))


def _example(name: str, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """Return a value that the schema allows."""
    schema = _resolved(schema, schemas)
    if "const" in schema or "enum" in schema:
        return schema.get("const", next(iter(schema.get("enum", [None]))))
    if name in _LIKE and schema.get("type") != "object" and "oneOf" not in schema:
        return _LIKE[name]
    for together in ("anyOf", "oneOf"):
        if together in schema:
            return _example(name, schema[together][0], schemas)
    if schema.get("default") not in (None, "", [], {}):
        return schema["default"]
    match schema.get("type"):
        case "object":
            return _object(schema, schemas)
        case "array":
            return [_example(name.removesuffix("s"), schema.get("items", {}), schemas)]
        case "integer" | "number":
            return schema.get("minimum", schema.get("maximum", 1))
        case "boolean":
            return True
    return name or "..."


def _object(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object with the fields that it must have, or else two or one of those that it may have."""
    fields = schema.get("properties", {})
    if not fields:
        return {"title": "A reading lamp"}
    chosen = schema.get("required") or [name for name in fields if name in _LIKE][:2] or list(fields)[:1]
    return {name: _example(name, fields[name], schemas) for name in chosen}
