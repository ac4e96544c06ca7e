"""How kind the words of a text are, from -1 to 1: by a lexicon (English), naive Bayes (Chinese) or a Transformer.

Reference: C. Hutto, E. Gilbert, "VADER: a parsimonious rule-based model for sentiment analysis of social media text",
ICWSM 2014 (the compound score); SnowNLP's naive Bayes, whose probability p of a kind text counts as 2 p - 1.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from cuvee.errors import ConfigError, UnknownNameError
from cuvee.reviewing.lexicon import PRODUCT_WORDS
from cuvee.reviewing.words import chinese
from cuvee.types import Floats

__all__ = ["NAMED", "SentimentTool", "installed", "sentiment"]

SentimentTool = str
"""vader, products (VADER that knows words about products), snownlp, auto (products for English texts, snownlp for
Chinese ones), or a Transformer classifier: a name of `cuvee weights list`, a local folder or a hub id."""

Scorer = Callable[[Sequence[str]], Floats]
"""Texts with something in them -> (n,) from -1 to 1."""


def sentiment(texts: Sequence[str], tool: SentimentTool) -> Floats:
    """Return (n,) the sentiment of each text, NaN of an empty one; equal texts are read once.

    Raises:
        ConfigError: the tool is not installed, or a classifier does not say which of its classes is kind.
        UnknownNameError: neither a tool nor weights.
    """
    places: dict[str, int] = {}
    rows = [places.setdefault(text, len(places)) if text.strip() else -1 for text in texts]
    score = NAMED[tool] if tool in NAMED else partial(_classified, tool=tool)
    found = np.append(score(list(places)) if places else np.zeros(0), np.nan)
    return np.asarray(found[rows], np.float32)


def installed(tool: SentimentTool) -> bool:
    """Return whether the packages that a named tool needs are there; a classifier needs none."""
    wanted = {"vader": ("vaderSentiment",), "products": ("vaderSentiment",), "snownlp": ("snownlp",)}
    return all(find_spec(name) is not None for name in wanted.get(tool, ()))


def _vader(texts: Sequence[str], words: Mapping[str, float] | None = None) -> Floats:
    analyser = _package("vader", "vaderSentiment", "vaderSentiment.vaderSentiment").SentimentIntensityAnalyzer()
    if words:
        analyser.lexicon.update(words)
    return np.array([analyser.polarity_scores(text)["compound"] for text in texts], np.float32)


def _snownlp(texts: Sequence[str]) -> Floats:
    read = _package("snownlp", "snownlp", "snownlp").SnowNLP
    return np.array([2 * float(read(text).sentiments) - 1 for text in texts], np.float32)


def _auto(texts: Sequence[str]) -> Floats:
    """Read each text by the tool of its language."""
    han = np.array([chinese(text) for text in texts], bool)
    found = np.zeros(len(texts), np.float32)
    for rows, score in ((np.flatnonzero(~han), NAMED["products"]), (np.flatnonzero(han), NAMED["snownlp"])):
        if len(rows):
            found[rows] = score([texts[row] for row in rows.tolist()])
    return found


def _classified(texts: Sequence[str], tool: str) -> Floats:
    from cuvee.reviewing.classifier import classify

    try:
        return classify(texts, tool)
    except UnknownNameError as error:
        raise UnknownNameError(f"{error}; without weights: {', '.join(NAMED)}") from error


NAMED: Mapping[str, Scorer] = {
    "auto": _auto,
    "vader": _vader,
    "products": partial(_vader, words=PRODUCT_WORDS),
    "snownlp": _snownlp,
}
"""Tools that need no weights."""


def _package(tool: str, package: str, module: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigError(f"sentiment by {tool} needs {package}: pip install 'cuvee[sentiment]'") from error
