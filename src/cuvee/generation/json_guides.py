"""JSON by schema: which tokens may come next, so that what a language model writes parses and is valid.

Reference: Willard and Louf, "Efficient Guided Generation for Large Language Models", 2023; the masks are llguidance's.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

try:
    from llguidance import LLMatcher, LLTokenizer
except ImportError as error:
    raise ImportError("JSON by schema needs llguidance; pip install 'cuvee[llm]'") from error

from cuvee.errors import ConfigError, DataError, LanguageModelError
from cuvee.generation.causal_models import CausalModel
from cuvee.types import Bools

__all__ = ["JsonGuide", "JsonGuides", "bounded"]

_LONGEST = 200
"""Characters of a string that the schema does not bound; a small model may otherwise never end it."""

_MOST = 16
"""Entries of an array that it does not bound."""

_LARGEST = 10**9
"""Magnitude of a whole number that it does not bound."""

_SPACING = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


class JsonGuides:
    """Makes guides for one model; the tables of its vocabulary are built once, in a second or so."""

    def __init__(self, model: CausalModel) -> None:
        backend = getattr(model.tokeniser, "backend_tokenizer", None)
        if backend is None:
            raise DataError("JSON by schema needs a fast tokeniser, and this model has a slow one")
        width = model.network.get_output_embeddings().weight.shape[0]
        self._tokens = LLTokenizer(backend.to_str(), n_vocab=width, eos_token=sorted(model.ends))

    def guide(self, schema: Mapping[str, Any]) -> "JsonGuide":
        """Return a guide for one answer.

        Raises:
            ConfigError: no schema, or one with a part that cannot be kept to.
        """
        text = json.dumps({**bounded(schema), "x-guidance": _SPACING})
        matcher = LLMatcher(self._tokens, LLMatcher.grammar_from_json_schema(text), log_level=0)
        if matcher.is_error():
            raise ConfigError(f"the schema cannot be kept to: {matcher.get_error().strip()}")
        return JsonGuide(matcher)


class JsonGuide:
    """Follows one answer through the schema."""

    def __init__(self, matcher: LLMatcher) -> None:
        self._matcher = matcher

    def allowed(self) -> Bools:
        bits = np.unpackbits(np.frombuffer(self._matcher.compute_bitmask(), np.uint8), bitorder="little")
        return bits.astype(bool)

    def take(self, token: int) -> bool:
        if not self._matcher.consume_token(token):
            raise LanguageModelError(f"token {token} does not keep to the schema: {self._matcher.get_error()}")
        complete: bool = self._matcher.is_stopped()
        return complete


def bounded(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stricter schema whose answers end: what it leaves without a bound gets one, and no keys are made up.

    Whatever keeps to it keeps to `schema`. What stands under `not`, `if` and the like is left as it is.
    """
    out = dict(schema)
    for key in ("properties", "$defs", "definitions"):
        if isinstance(out.get(key), Mapping):
            out[key] = {name: _inside(part) for name, part in out[key].items()}
    for key in ("anyOf", "oneOf", "allOf", "prefixItems"):
        if isinstance(out.get(key), list):
            out[key] = [_inside(part) for part in out[key]]
    if "items" in out:
        out["items"] = _inside(out["items"])
    kinds = out.get("type", ())
    kinds = {kinds} if isinstance(kinds, str) else set(kinds)
    if "string" in kinds and not {"maxLength", "enum", "const", "pattern", "format"} & out.keys():
        out["maxLength"] = max(_LONGEST, out.get("minLength", 0))
    if "array" in kinds and "maxItems" not in out:
        out["maxItems"] = max(_MOST, out.get("minItems", 0))
    if "object" in kinds and "properties" in out:
        out.setdefault("additionalProperties", False)
    if kinds & {"integer", "number"} and not {"enum", "const"} & out.keys():
        if not {"minimum", "exclusiveMinimum"} & out.keys():
            out["minimum"] = min(-_LARGEST, out.get("maximum", 0), out.get("exclusiveMaximum", 0) - 1)
        if not {"maximum", "exclusiveMaximum"} & out.keys():
            out["maximum"] = max(_LARGEST, out["minimum"] if "minimum" in out else out["exclusiveMinimum"] + 1)
    return out


def _inside(part: Any) -> Any:
    return bounded(part) if isinstance(part, Mapping) else part
