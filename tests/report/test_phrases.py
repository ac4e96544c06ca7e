"""Figures in words: claims must follow the interval, and nothing else."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuvee.registry import names
from cuvee.report.phrases import gain_in_words, is_quality, judge, meaning, number, spaced, spread, title
from cuvee.statistics import Estimate, Paired
from cuvee.verdict import Verdict

values = st.floats(0, 1, allow_nan=False).map(lambda v: round(v, 3))


def mean(value: float | None, n: int = 601) -> Estimate:
    return Estimate(value, None, None, n)


def gain(difference: float, low: float, high: float, n: int = 601) -> Paired:
    return Paired(difference, low, high, 0.5, n)


def verdict(loss: Paired, weight: float = 0.4) -> Verdict:
    return Verdict("text", weight, {"test": loss})


@pytest.mark.parametrize(
    ("value", "digits", "signed", "told"),
    [
        (0.2114, 3, False, "0.211"),
        (-0.5, 2, False, "−0.50"),
        (0.0119, 3, True, "+0.012"),
        (-0.0004, 3, True, "0.000"),
        (0.0, 1, True, "0.0"),
        (None, 3, False, "–"),
    ],
)
def test_numbers(value: float | None, digits: int, signed: bool, told: str) -> None:
    """A true minus sign, no sign before a zero, a dash for what is not known."""
    assert number(value, digits, signed=signed) == told


def test_spread() -> None:
    assert spread(Estimate(0.2, 0.1, 0.35, 9), 2) == "0.10 to 0.35"
    assert spread(Estimate(0.2, None, None, 9)) == ""


def test_names() -> None:
    assert title("ndcg@20") == "NDCG@20"
    assert title("hit_rate@5") == "Hit rate@5"
    assert title("test_cold_among_all") == "Test cold among all"
    assert title("user_column(age)") == "User column (age)"
    assert spaced("content_ease(text, image)") == "content ease (text, image)"


def test_meanings_come_from_the_components() -> None:
    """Every metric and slice says in one sentence what it is, with its k filled in."""
    assert meaning("metrics", "hit_rate@7") == "1 when a wanted item is among the first 7, 0 otherwise"
    for kind in ("metrics", "slices"):
        for name in names(kind):
            told = meaning(kind, f"{name}@20" if kind == "metrics" else f"{name}(column)")
            assert 10 < len(told) < 200, name
            assert not re.search(r"\bk\b", told), name


def test_what_more_is_better_for() -> None:
    assert is_quality("ndcg@20")
    assert not is_quality("coverage@20")
    assert not is_quality("novelty@20")


@pytest.mark.parametrize(
    ("ours", "theirs", "difference", "claim", "sign"),
    [
        (0.211, 0.094, (0.117, 0.104, 0.13), "Recommendations are 2.2 times as good as a popularity list", 1),
        (0.2, 0.1, (0.1, 0.09, 0.11), "Recommendations are 2 times as good as a popularity list", 1),
        (0.6, 0.05, (0.55, 0.5, 0.6), "Recommendations are 12 times as good as a popularity list", 1),
        (0.112, 0.1, (0.012, 0.001, 0.03), "Recommendations are 12 % better than a popularity list", 1),
        (0.1003, 0.1, (0.0003, 0.0001, 0.0005), "Recommendations are slightly better than a popularity list", 1),
        (0.1, 0.0, (0.1, 0.08, 0.12), "Recommendations find what a popularity list does not find at all", 1),
        (0.12, 0.1, (0.02, -0.01, 0.05), "Recommendations are no better than a popularity list", 0),
        (0.1, 0.1, (0.0, 0.0, 0.0), "Recommendations are no better than a popularity list", 0),
        (0.08, 0.1, (-0.02, -0.03, -0.01), "Recommendations are worse than a popularity list", -1),
    ],
)
def test_claims(ours: float, theirs: float, difference: tuple[float, float, float], claim: str, sign: int) -> None:
    told = gain_in_words("ndcg@20", mean(ours), mean(theirs), gain(*difference))
    assert told.claim.partition(", as far")[0] == claim
    assert told.sign == sign


def test_figures_of_a_claim() -> None:
    told = gain_in_words("ndcg@20", mean(0.211), mean(0.094), gain(0.117, 0.104, 0.13, 1601))
    assert told.figures == "NDCG@20 0.211 against 0.094; +0.117, 95 % interval 0.104 to 0.130, 1,601 users"


def test_small_figures_get_a_fourth_digit() -> None:
    told = gain_in_words("ndcg@20", mean(0.0061), mean(0.0023), gain(0.0038, 0.003, 0.0046))
    assert "NDCG@20 0.0061 against 0.0023; +0.0038, 95 % interval 0.0030 to 0.0046" in told.figures


def test_nobody_to_ask() -> None:
    told = gain_in_words("ndcg@20", mean(None, 0), mean(None, 0), Paired(None, None, None, None, 0))
    assert "could not be compared" in told.claim
    assert told.sign == 0


@given(values, values, st.tuples(*[st.floats(-1, 1)] * 3).map(sorted))
def test_a_claim_follows_the_interval(ours: float, theirs: float, interval: list[float]) -> None:
    """Better only above zero, worse only below it, and otherwise no better."""
    low, difference, high = interval
    told = gain_in_words("ndcg@20", mean(ours), mean(theirs), gain(difference, low, high))
    assert ("no better than" in told.claim) == (low <= 0 <= high) == (told.sign == 0)
    assert ("worse than" in told.claim) == (high < 0) == (told.sign < 0)


@pytest.mark.parametrize(
    ("loss", "sentence", "sign"),
    [
        (gain(0.012, 0.008, 0.016), "Without text, NDCG@20 falls by 0.012 (0.008 to 0.016): text earns its keep.", 1),
        (gain(-0.012, -0.02, -0.008), "Without text, NDCG@20 rises by 0.012 (0.008 to 0.020): text hurts here.", -1),
        (gain(0.02, -0.01, 0.05), "text: no measurable effect (loss without it +0.020, −0.010 to 0.050).", 0),
        (gain(0.0, 0.0, 0.0), "text: no effect at all.", 0),
        (Paired(None, None, None, None, 0), "text: could not be measured.", 0),
    ],
)
def test_verdicts(loss: Paired, sentence: str, sign: int) -> None:
    told = judge(verdict(loss), "test", "ndcg@20")
    assert told.sentence == sentence
    assert told.sign == sign


def test_what_is_not_used_is_said_to_be_not_used() -> None:
    told = judge(verdict(gain(0, 0, 0), weight=0.0), "test", "ndcg@20")
    assert told.sentence == "text: no effect at all; the chosen model does without it."
