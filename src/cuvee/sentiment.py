"""How kind the words of a text are, from -1 to 1, by a lexicon for English or a classifier for Chinese.

Reference: C. Hutto, E. Gilbert, "VADER: a parsimonious rule-based model for sentiment analysis of social media text",
ICWSM 2014 (the compound score); SnowNLP's naive Bayes, whose probability p of a kind text counts as 2 p - 1.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Literal

import numpy as np

from cuvee.errors import ConfigError
from cuvee.types import Floats

__all__ = ["SentimentTool", "sentiment"]

SentimentTool = Literal["vader", "snownlp"]

_PACKAGES: dict[SentimentTool, tuple[str, str]] = {
    "vader": ("vaderSentiment", "vaderSentiment.vaderSentiment"),
    "snownlp": ("snownlp", "snownlp"),
}


def sentiment(texts: Sequence[str], tool: SentimentTool) -> Floats:
    """Return (n,) the sentiment of each text, NaN of an empty one.

    Raises:
        ConfigError: the tool is not installed.
    """
    score = _scorer(tool)
    return np.array([score(text) if text.strip() else np.nan for text in texts], np.float32)


def _scorer(tool: SentimentTool) -> Callable[[str], float]:
    package, module = _PACKAGES[tool]
    try:
        found: Any = import_module(module)
    except ModuleNotFoundError as error:
        raise ConfigError(f"sentiment by {tool} needs {package}: pip install 'cuvee[sentiment]'") from error
    if tool == "snownlp":
        return lambda text: 2 * float(found.SnowNLP(text).sentiments) - 1
    analyser = found.SentimentIntensityAnalyzer()
    return lambda text: float(analyser.polarity_scores(text)["compound"])
