"""Whatever is drawn, also from random weights, parses and is valid by an independent validator."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuvee.errors import ConfigError, LanguageModelError
from cuvee.llms.local import Local
from cuvee.types import Message
from tests.tiny_language_models import TEMPLATE, save_tiny

pytest.importorskip("llguidance", reason="pip install 'cuvee[llm]'")
from cuvee.generation.json_guides import bounded

WORD = {"type": "string", "maxLength": 12}
SCHEMAS: dict[str, dict[str, Any]] = {
    "enum": {"enum": ["dry", "sweet", 3, None, "naïve"]},
    "array with bounds": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 4},
    "nested": {
        "type": "object",
        "properties": {
            "title": WORD,
            "mood": {"enum": ["light", "dark"]},
            "cast": {"type": "array", "maxItems": 2, "items": {"$ref": "#/$defs/person"}},
        },
        "required": ["title", "mood", "cast"],
        "$defs": {
            "person": {
                "type": "object",
                "properties": {"name": WORD, "age": {"type": "integer", "minimum": 0, "maximum": 120}},
                "required": ["name", "age"],
                "additionalProperties": False,
            }
        },
    },
    "either": {"anyOf": [{"type": "boolean"}, {"type": ["string", "null"], "minLength": 2, "maxLength": 5}]},
    "optional keys": {"type": "object", "properties": {"a": {"type": "boolean"}, "b": {"const": 7}, "c": WORD}},
    "pattern": {"type": "string", "pattern": "^[a-c]{2}-[0-9]{3}$"},
    "number": {"type": "number", "minimum": 0.5, "maximum": 2},
    "tuple": {"type": "array", "prefixItems": [{"type": "boolean"}, WORD], "items": False, "minItems": 2},
    "unbounded": {"type": "object", "properties": {"words": {"type": "array", "items": {"type": "string"}}}},
}


def ask(n: int) -> list[Message]:
    return [Message("user", f"wine number {n}?")]


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Local:
    template = TEMPLATE if request.param == "llama" else None
    folder = save_tiny(tmp_path_factory.mktemp(request.param), request.param, template=template, room=8192)
    return Local(str(folder), precision="float32", max_tokens=6000, temperature=1.5)


@pytest.mark.parametrize("name", SCHEMAS)
def test_answers_parse_and_are_valid(model: Local, name: str) -> None:
    answers = model.complete_many([ask(n) for n in range(5)], schema=SCHEMAS[name])
    texts = [a.text for a in answers]
    for text in texts:
        jsonschema.validate(json.loads(text), SCHEMAS[name])
    assert model.complete(ask(0), schema=SCHEMAS[name]).text == texts[0]


@pytest.mark.weights
def test_of_real_weights() -> None:
    model, schema = Local(max_tokens=200), SCHEMAS["nested"]
    text = model.complete([Message("user", "Describe the film Alien as JSON.")], schema=schema).text
    jsonschema.validate(json.loads(text), schema)


def test_one_that_is_cut_is_an_error(model: Local) -> None:
    short = Local(model.weights, precision="float32", max_tokens=3)
    schema = SCHEMAS["nested"]
    for answer in (short.complete(ask(0), schema=schema), short.complete_many([ask(0)], schema=schema)[0]):
        with pytest.raises(LanguageModelError, match=r"max_tokens \(3\) cut the answer before its JSON was complete"):
            answer.text  # noqa: B018
    late = Local(model.weights, precision="float32", deadline=1e-9)
    with pytest.raises(LanguageModelError, match="the deadline cut"):
        late.complete(ask(0), schema=schema).usage  # noqa: B018


def test_no_schema_at_all(model: Local) -> None:
    with pytest.raises(ConfigError, match=r"the schema cannot be kept to: .*nonsense"):
        model.complete(ask(0), schema={"type": "nonsense"})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 10**10) | st.text("ab", max_size=300),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=8,
)


@given(VALUES, st.sampled_from(sorted(SCHEMAS)))
def test_the_bounded_schema_is_only_stricter(value: object, name: str) -> None:
    validator = jsonschema.Draft202012Validator
    if validator(bounded(SCHEMAS[name])).is_valid(value):
        assert validator(SCHEMAS[name]).is_valid(value)


def test_bounds_by_hand() -> None:
    assert bounded({"type": "string"}) == {"type": "string", "maxLength": 200}
    assert bounded({"type": "string", "minLength": 300})["maxLength"] == 300
    assert bounded({"type": "array", "items": {"type": "string"}, "minItems": 20}) == {
        "type": "array",
        "items": {"type": "string", "maxLength": 200},
        "minItems": 20,
        "maxItems": 20,
    }
    assert bounded({"type": "integer", "minimum": 5}) == {"type": "integer", "minimum": 5, "maximum": 10**9}
    assert bounded({"type": "integer", "maximum": -(10**10)})["minimum"] == -(10**10)
    assert bounded({"type": "string", "pattern": "a+"}) == {"type": "string", "pattern": "a+"}
    assert bounded({"type": "object", "properties": {}})["additionalProperties"] is False
    assert bounded({"type": "object", "properties": {}, "additionalProperties": True})["additionalProperties"] is True
