"""Free text against the catalogue: by words, Chinese ones too, and by meaning in the space of the text channel."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np
import polars as pl

from cuvee import weights as weight_store
from cuvee.bundle import Bundle
from cuvee.dialogue.facts import Facts
from cuvee.dialogue.tokens import clean, is_chinese, phrase
from cuvee.encoders.text import Text
from cuvee.errors import ConfigError, UnknownNameError
from cuvee.features import Channel
from cuvee.lexical import WordIndex, index_words
from cuvee.text_cells import joined_texts
from cuvee.torch_runtime import read_json
from cuvee.types import Dataset, Floats

__all__ = ["Space", "build_word_index", "open_space", "unit"]

logger = logging.getLogger(__name__)

_KEPT = 256
"""Texts whose vectors are kept."""


def build_word_index(table: pl.DataFrame, facts: Facts) -> WordIndex:
    """Return the index of title, description and values of all items."""
    columns = [c for c in ("title", "description", *facts.tags) if c in table.columns]
    return index_words(joined_texts(table, columns), _words)


def _words(text: str) -> list[str]:
    """Return words, and pairs of neighbouring Chinese characters, marked as such."""
    words = phrase(text)
    pairs = [a + b for a, b in pairwise(words) if is_chinese(a) and is_chinese(b)]
    return [f"={w}" for w in words if not is_chinese(w)] + [f"={pair}" for pair in pairs]


@dataclass(frozen=True)
class Space:
    """The space of a text channel, into which any text can be brought."""

    channel: Channel
    vectors: Floats
    """(i, d) unit rows, zero where an item has no text."""
    data: Dataset

    def encode(self, text: str) -> Floats:
        """Return (d,) unit vector of a text."""
        return self._encoded(clean(text))

    def score(self, text: str) -> Floats:
        """Return (i,) cosines of a text."""
        return np.asarray(self.vectors @ self.encode(text), np.float32)

    @cached_property
    def _encoded(self) -> Callable[[str], Floats]:
        encoder = self.channel.encoder
        assert isinstance(encoder, Text)
        folder = weight_store.resolve(encoder.weights)
        prompts = read_json(folder / "config_sentence_transformers.json").get("prompts") or {}
        asked = replace(encoder, prefix=prompts.get("query")) if encoder.prefix is None else encoder
        fitted = asked.fit(self.data, "item")

        @lru_cache(maxsize=_KEPT)
        def encoded(text: str) -> Floats:
            found = next(iter(fitted.encode(pl.DataFrame({encoder.columns[0]: [text]}))))
            vectors = unit(self.channel.projection.apply(found).vectors)
            return np.asarray(vectors[0], np.float32)

        return encoded


def unit(vectors: Floats) -> Floats:
    """Return the rows with length 1; a zero row stays zero."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), np.float32)


def open_space(bundle: Bundle) -> Space | None:
    """Return the space of the first text channel of items; None where there is none, or its weights are not here."""
    for channel in bundle.channels:
        if channel.role == "item" and isinstance(channel.encoder, Text):
            try:
                weight_store.resolve(channel.encoder.weights)
            except (ConfigError, UnknownNameError, OSError) as error:
                logger.warning("free text is matched by words alone: %s", error)
                return None
            vectors = unit(bundle.data.feature("item", channel.modality).vectors)
            return Space(channel, vectors, bundle.data)
    return None
