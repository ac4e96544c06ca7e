"""The page of a verdict: what each modality is worth, first in a sentence, then drawn, then in figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cuvee import __version__
from cuvee.new_items import Finding
from cuvee.report.page import template
from cuvee.report.plots import Scale, scale_of
from cuvee.report.verdict_phrases import found_in_words, worth_in_words
from cuvee.statistics import Paired

if TYPE_CHECKING:
    from cuvee.model_verdict import Worth

__all__ = ["write_verdict"]


@dataclass(frozen=True)
class Told:
    """One sentence with its tag."""

    sentence: str
    tag: str
    sign: int
    """1 helps, -1 hurts, 0 neither."""


@dataclass(frozen=True)
class Dot:
    """One estimate of a chart."""

    label: str
    note: str
    style: str
    gain: Paired


@dataclass(frozen=True)
class Chart:
    title: str
    meaning: str
    dots: tuple[Dot, ...]
    scale: Scale
    digits: int
    """Of the figures, after the point."""


@dataclass(frozen=True)
class Group:
    """What the model is told of on one test set, by everybody or by some."""

    name: str
    told: tuple[Told, ...]
    chart: Chart
    worths: "tuple[Worth, ...]"


def write_verdict(path: Path, name: str, metric: str, worths: Sequence["Worth"], told: Sequence[Finding]) -> None:
    """Write the page; the same findings give the same bytes."""
    groups = _groups(worths, metric)
    page = template("verdict.html.j2").render(
        name=name,
        metric=metric,
        claim=_claim(worths, told),
        groups=groups,
        new=[_new_items([f for f in told if len(f.modalities) == n], n) for n in (1, 2)] if told else [],
        findings=[_told(found_in_words(f), f) for f in told],
        table=told,
        version=__version__,
    )
    path.write_text(page, encoding="utf-8")


def _claim(worths: Sequence["Worth"], told: Sequence[Finding]) -> str:
    keep = list(dict.fromkeys(w.modality for w in worths if w.helps and w.group == "everybody"))
    if worths:
        return (
            f"{_listed(keep)} {'earns its' if len(keep) == 1 else 'earn their'} keep" if keep else "Nothing is missed"
        )
    tells = [f.modalities[0] for f in told if f.helps and len(f.modalities) == 1]
    return f"{_listed(tells)} {'tells' if len(tells) == 1 else 'tell'} of new products" if tells else "Nothing is told"


def _listed(names: Sequence[str]) -> str:
    joined = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    return joined[:1].upper() + joined[1:]


def _groups(worths: Sequence["Worth"], metric: str) -> list[Group]:
    found = []
    for test, group in dict.fromkeys((w.test, w.group) for w in worths):
        mine = tuple(w for w in worths if (w.test, w.group) == (test, group))
        dots = [
            Dot(w.modality, note, style, gain)
            for w in mine
            for note, style, gain in (
                ("lost without it", "ours", w.left_out),
                ("lost with it shuffled", "part-2", w.shuffled),
                ("gained by it alone", "base", w.alone),
            )
        ]
        chart = Chart(
            f"{test}, {group}",
            "Right of zero: the modality helps. Alone is against the same model without any modality",
            tuple(dots),
            (scale := scale_of((d.gain for d in dots), ticks=3)),
            max(3, scale.digits + 1),
        )
        told = tuple(_told(worth_in_words(w, metric), w) for w in mine)
        found.append(Group(f"{test}, {group}", told, chart, mine))
    return found


def _told(sentence: str, found: "Worth | Finding") -> Told:
    if found.helps or found.hurts:
        return Told(sentence, "helps", 1) if found.helps else Told(sentence, "hurts", -1)
    return Told(sentence, "not proven" if "not proven" in sentence else "no effect seen", 0)


def _new_items(told: Sequence[Finding], size: int) -> Chart:
    dots = tuple(Dot(" and ".join(f.modalities), "", "ours" if f.helps else "base", _percent(f.gain)) for f in told)
    title = "Pairs, beyond their two sides" if size > 1 else "Modalities"
    meaning = "Share of the variance of who likes a new product, in per cent, right vectors against shuffled ones"
    return Chart(title, meaning, dots, scale_of((d.gain for d in dots), ticks=3), 2)


def _percent(gain: Paired) -> Paired:
    middle, low, high = (None if v is None else 100 * v for v in (gain.difference, gain.low, gain.high))
    return Paired(middle, low, high, gain.p_value, gain.n)
