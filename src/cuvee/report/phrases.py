"""How figures are told in words: numbers, names of metrics, gains over popularity, and verdicts on modalities."""

import inspect
import re
from dataclasses import dataclass

from cuvee import registry
from cuvee.protocols import QueryMetric
from cuvee.statistics import Estimate, Paired
from cuvee.verdict import Verdict

__all__ = [
    "Gain",
    "Judgement",
    "gain_in_words",
    "is_quality",
    "judge",
    "meaning",
    "number",
    "spaced",
    "spread",
    "title",
]

_ACRONYMS = {"ndcg": "NDCG", "mrr": "MRR", "map": "MAP", "auc": "AUC"}
_RIVAL = "a popularity list"


@dataclass(frozen=True)
class Gain:
    """What was gained over popularity."""

    claim: str
    """One sentence without figures, but for the factor."""
    figures: str
    """Both means, their difference and its interval."""
    sign: int
    """1 better, -1 worse, 0 when the interval includes no difference at all."""


@dataclass(frozen=True)
class Judgement:
    """What one modality is worth on one test set."""

    modality: str
    weight: float
    """Share of the weight in the chosen model."""
    loss: Paired
    sentence: str
    sign: int
    """1 it helps, -1 it hurts, 0 nothing can be said."""


def number(value: float | None, digits: int = 3, *, signed: bool = False) -> str:
    """Return a figure with a true minus sign; None is a dash."""
    if value is None:
        return "–"
    value = round(value, digits)
    return f"{value or 0.0:{'+' if signed and value else ''}.{digits}f}".replace("-", "−")


def spread(estimate: Estimate | Paired, digits: int = 3) -> str:
    """Return "0.104 to 0.130", or nothing where there is no interval."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f"{number(estimate.low, digits)} to {number(estimate.high, digits)}"


def spaced(name: str) -> str:
    """Return a name with blanks for underscores, and one before a bracket: content ease (text)."""
    return re.sub(r"(?<=\w)\(", " (", name.replace("_", " "))


def title(name: str) -> str:
    """Return a name in the form people read: "ndcg@20" is NDCG@20, "test_cold" is Test cold."""
    stem, at, k = name.partition("@")
    words = _ACRONYMS.get(stem) or spaced(stem)
    return words[:1].upper() + words[1:] + at + k


def meaning(kind: str, label: str) -> str:
    """Return the first sentence of a component's docstring; in that of `ndcg@20`, k is 20."""
    stem, _, k = label.partition("@")
    words = " ".join((inspect.getdoc(registry.find(kind, stem.partition("(")[0])) or "").partition("\n\n")[0].split())
    first = words.partition(". ")[0].removesuffix(".")
    return re.sub(r"\bk\b", k, first) if k else first


def is_quality(label: str) -> bool:
    """Return whether a metric compares lists with what was wanted, so that more is better and 1 is perfect."""
    return issubclass(registry.find("metrics", label.partition("@")[0]), QueryMetric)


def gain_in_words(metric: str, ours: Estimate, theirs: Estimate, gain: Paired) -> Gain:
    """Say how much better than popularity the recommendations are, and say so when they are not."""
    if ours.mean is None or theirs.mean is None or gain.difference is None or gain.low is None or gain.high is None:
        return Gain(f"Recommendations could not be compared with {_RIVAL}", "no user had anything to find", 0)
    digits = _digits(ours.mean, theirs.mean)
    figures = (
        f"{title(metric)} {number(ours.mean, digits)} against {number(theirs.mean, digits)}; "
        f"{number(gain.difference, digits, signed=True)}, 95 % interval {spread(gain, digits)}, {_users(gain.n)}"
    )
    if gain.low <= 0 <= gain.high:
        who = "this one user" if gain.n == 1 else f"these {gain.n:,} users"
        return Gain(f"Recommendations are no better than {_RIVAL}, as far as {who} can tell", figures, 0)
    if gain.high < 0:
        return Gain(f"Recommendations are worse than {_RIVAL}", figures, -1)
    return Gain(f"Recommendations {_better(ours.mean, theirs.mean)}", figures, 1)


def judge(verdict: Verdict, name: str, metric: str) -> Judgement:
    """Say whether a modality earns its keep on one test set."""
    loss, what, of = verdict.loss[name], verdict.modality, title(metric)
    if loss.difference is None or loss.low is None or loss.high is None:
        return Judgement(what, verdict.weight, loss, f"{what}: could not be measured.", 0)
    digits = _digits(loss.difference, loss.low, loss.high)
    size = number(abs(loss.difference), digits)
    if loss.low > 0:
        sentence, sign = f"Without {what}, {of} falls by {size} ({spread(loss, digits)}): {what} earns its keep.", 1
    elif loss.high < 0:
        turned = Paired(-loss.difference, -loss.high, -loss.low, loss.p_value, loss.n)
        sentence, sign = f"Without {what}, {of} rises by {size} ({spread(turned, digits)}): {what} hurts here.", -1
    elif loss.low == loss.high == 0:
        why = "; the chosen model does without it" if verdict.weight == 0 else ""
        sentence, sign = f"{what}: no effect at all{why}.", 0
    else:
        lost = number(loss.difference, digits, signed=True)
        sentence, sign = f"{what}: no measurable effect (loss without it {lost}, {spread(loss, digits)}).", 0
    return Judgement(what, verdict.weight, loss, sentence, sign)


def _better(ours: float, theirs: float) -> str:
    if theirs <= 0:
        return f"find what {_RIVAL} does not find at all"
    ratio = ours / theirs
    if ratio >= 1.5:
        times = f"{ratio:.1f}".removesuffix(".0") if ratio < 10 else f"{ratio:,.0f}"
        return f"are {times} times as good as {_RIVAL}"
    percent = f"{100 * (ratio - 1):.0f}"
    return f"are {percent} % better than {_RIVAL}" if percent != "0" else f"are slightly better than {_RIVAL}"


def _users(n: int) -> str:
    return "1 user" if n == 1 else f"{n:,} users"


def _digits(*values: float) -> int:
    """Return how many digits after the point tell these values apart from zero."""
    return 3 if max(abs(v) for v in values) >= 0.0095 else 4
