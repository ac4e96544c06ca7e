"""What a language model makes of the text of an item: a short description and some attributes, offline.

Attributes are extracted: one that the text does not hold is left out. Answers are kept by content (model, task, text)
as they come, one line each, so that a run that is killed goes on where it was, and a text is never read twice.
"""

import hashlib
import json
import logging
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from tqdm import tqdm

from cuvee.cache import default_cache
from cuvee.errors import LanguageModelError
from cuvee.protocols import LanguageModel
from cuvee.types import Message

__all__ = ["ATTRIBUTES", "DESCRIPTION", "enrich"]

logger = logging.getLogger(__name__)

DESCRIPTION, ATTRIBUTES = "llm_description", "llm_attributes"
"""Columns that enrichment adds."""

_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "description": {"type": "string", "minLength": 10, "maxLength": 80},
        "attributes": {"type": "array", "items": {"type": "string", "minLength": 3, "maxLength": 20}, "maxItems": 4},
    },
    "required": ["description", "attributes"],
    "additionalProperties": False,
}
_TASK = 'Describe the item in a few words and list its attributes, as JSON: {"description": ..., "attributes": [...]}.'
_EXAMPLES = (
    (
        "Wool coat. A long coat of dark blue wool with horn buttons, lined, for cold and windy days in the city.",
        '{"description": "a long dark blue coat that keeps warm", "attributes": ["wool", "dark blue", "city"]}',
    ),
    (
        "The Long Road (2003). Drama. Two brothers walk through the desert to find the father who left them.",
        '{"description": "two brothers look for their father", "attributes": ["drama", "brothers", "desert"]}',
    ),
)
_CHARACTERS = 400
"""Read of each text: what an item is stands at its beginning."""
_BATCH = 32
"""Texts asked for together; a run that is killed loses so many at most."""


def enrich(texts: Sequence[str], model: LanguageModel, folder: Path | None = None) -> pl.DataFrame:
    """Return columns DESCRIPTION (text) and ATTRIBUTES (list of texts), a row for each text.

    Both are null where a text is "" or the model's answer was not to be used; that it was not is kept as well, since
    the same question would get the same answer.

    Args:
        folder: of the answers; None: beside the cached vectors.
    """
    path = (folder or default_cache().folder / "answers") / f"{_fingerprint(model)}.jsonl"
    known = _read(path)
    todo = sorted({text[:_CHARACTERS] for text in texts if text and _key(text) not in known})
    for start in tqdm(range(0, len(todo), _BATCH), desc="enrich", unit="batch", delay=2):
        found = _asked(todo[start : start + _BATCH], model)
        _append(path, found)
        known |= found
    answers = [known[_key(text)] if text else None for text in texts]
    logger.info("enriched %d texts, %d of them now", sum(a is not None for a in answers), len(todo))
    return pl.DataFrame(
        {
            DESCRIPTION: pl.Series([a["description"] if a else None for a in answers], dtype=pl.String),
            ATTRIBUTES: pl.Series([a["attributes"] if a else None for a in answers], dtype=pl.List(pl.String)),
        }
    )


def _asked(texts: Sequence[str], model: LanguageModel) -> dict[str, dict[str, Any] | None]:
    """Return key -> answer, None where there is none that can be used."""
    beginning = [Message("system", _TASK)]
    for question, example in _EXAMPLES:
        beginning += [Message("user", question), Message("assistant", example)]
    found: dict[str, dict[str, Any] | None] = {}
    answers = model.complete_many([[*beginning, Message("user", text)] for text in texts], schema=_SCHEMA)
    for text, answer in zip(texts, answers, strict=True):
        try:
            told = json.loads(answer.text)
        except (LanguageModelError, ValueError) as error:
            logger.info("no use of an answer: %s", error)
            found[_key(text)] = None
            continue
        found[_key(text)] = {
            "description": str(told["description"]).strip(),
            "attributes": _found_in(text, told["attributes"]),
        }
    return found


def _found_in(text: str, attributes: Sequence[str]) -> list[str]:
    """Return the attributes of which every word, or its beginning, stands in the text; each once, in small letters."""
    words = re.findall(r"\w+", text.lower())
    kept = [a.strip().lower() for a in attributes]
    kept = [a for a in kept if (own := re.findall(r"\w+", a)) and all(any(w[:5] == o[:5] for w in words) for o in own)]
    return list(dict.fromkeys(kept))


def _fingerprint(model: LanguageModel) -> str:
    task = json.dumps([model.fingerprint, _TASK, _EXAMPLES, _SCHEMA, _CHARACTERS], sort_keys=True)
    return hashlib.sha256(task.encode()).hexdigest()


def _key(text: str) -> str:
    return hashlib.blake2b(text[:_CHARACTERS].encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _read(path: Path) -> dict[str, dict[str, Any] | None]:
    """Return the answers of a file; a last line that was cut short is none."""
    known: dict[str, dict[str, Any] | None] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        known[row["key"]] = row["answer"]
    return known


def _append(path: Path, found: Mapping[str, dict[str, Any] | None]) -> None:
    """Add one line an answer, all in one write; after a line that was cut short a new one is begun."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps({"key": k, "answer": a}, ensure_ascii=False) + "\n" for k, a in found.items())
    with path.open("ab") as file:
        begun = file.tell() and not path.read_bytes().endswith(b"\n")
        file.write((b"\n" if begun else b"") + lines.encode("utf-8"))
        file.flush()
        os.fsync(file.fileno())
