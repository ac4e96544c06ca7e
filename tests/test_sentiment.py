"""Sentiment through stand-ins for the packages, and what is said without them."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from cuvee.errors import ConfigError
from cuvee.sentiment import sentiment


class Analyser:
    def polarity_scores(self, text: str) -> dict[str, float]:
        return {"compound": 0.5 if "good" in text else -0.25, "pos": 9.0}


def test_scores_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    vader = SimpleNamespace(SentimentIntensityAnalyzer=Analyser)
    monkeypatch.setitem(sys.modules, "vaderSentiment", SimpleNamespace(vaderSentiment=vader))
    monkeypatch.setitem(sys.modules, "vaderSentiment.vaderSentiment", vader)
    np.testing.assert_array_equal(sentiment(["bad", " ", "a good one", ""], "vader"), [-0.25, np.nan, 0.5, np.nan])
    chinese = SimpleNamespace(SnowNLP=lambda text: SimpleNamespace(sentiments=len(text) / 4))
    monkeypatch.setitem(sys.modules, "snownlp", chinese)
    np.testing.assert_array_equal(sentiment(["a", "abcd"], "snownlp"), [-0.5, 1])
    assert sentiment([], "snownlp").shape == (0,)


def test_the_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "vaderSentiment", None)
    monkeypatch.setitem(sys.modules, "vaderSentiment.vaderSentiment", None)
    with pytest.raises(ConfigError, match=r"vaderSentiment: pip install 'cuvee\[sentiment\]'"):
        sentiment(["x"], "vader")
