"""Sentiment through stand-ins for the packages, through the packages, and what is said without them."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from cuvee.errors import ConfigError, UnknownNameError
from cuvee.reviewing.sentiment import sentiment


class Analyser:
    def __init__(self) -> None:
        self.lexicon: dict[str, float] = {"good": 1.9}

    def polarity_scores(self, text: str) -> dict[str, float]:
        return {"compound": sum(self.lexicon.get(word, 0) for word in text.split()) / 4, "pos": 9.0}


@pytest.fixture
def stand_ins(monkeypatch: pytest.MonkeyPatch) -> None:
    vader = SimpleNamespace(SentimentIntensityAnalyzer=Analyser)
    monkeypatch.setitem(sys.modules, "vaderSentiment", SimpleNamespace(vaderSentiment=vader))
    monkeypatch.setitem(sys.modules, "vaderSentiment.vaderSentiment", vader)
    chinese = SimpleNamespace(SnowNLP=lambda text: SimpleNamespace(sentiments=len(text) / 4))
    monkeypatch.setitem(sys.modules, "snownlp", chinese)


@pytest.mark.usefixtures("stand_ins")
def test_scores_in_order() -> None:
    told = ["flimsy", " ", "a good one", "", "flimsy"]
    np.testing.assert_allclose(sentiment(told, "vader"), [0, np.nan, 0.475, np.nan, 0])
    np.testing.assert_allclose(sentiment(told, "products"), [-0.5, np.nan, 0.475, np.nan, -0.5])
    np.testing.assert_array_equal(sentiment(["a", "abcd"], "snownlp"), [-0.5, 1])
    assert sentiment([], "snownlp").shape == (0,)


@pytest.mark.usefixtures("stand_ins")
def test_each_language_by_its_tool() -> None:
    np.testing.assert_array_equal(sentiment(["手感好", "flimsy", "好"], "auto"), [0.5, -0.5, -0.5])


def test_the_real_packages() -> None:
    """The first text is the example of VADER's own page, 0.8316; kind words of either language are above 0."""
    found = sentiment(["VADER is smart, handsome, and funny.", "It is terrible."], "vader")
    np.testing.assert_allclose(found, [0.8316, -0.4767], atol=1e-4)
    one, other = sentiment(["质量很好，非常满意", "太差了，后悔买了"], "snownlp")
    assert one > 0 > other


@pytest.mark.parametrize(("tool", "package"), [("vader", "vaderSentiment"), ("snownlp", "snownlp")])
def test_the_missing_package_is_named(tool: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (package, f"{package}.{package}"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError, match=rf"{package}: pip install 'cuvee\[sentiment\]'"):
        sentiment(["x"], tool)


def test_neither_a_tool_nor_weights() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown weights 'vadr'.*without weights: auto, vader"):
        sentiment(["x"], "vadr")
    assert np.isnan(sentiment([""], "vadr")).all()
