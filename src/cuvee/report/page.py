"""The page of a run: one self-contained HTML file that tells first what was gained."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from cuvee import __version__
from cuvee.blending import BUCKETS
from cuvee.recipe import dump_recipe
from cuvee.registry import describe
from cuvee.report.phrases import (
    Gain,
    Judgement,
    gain_in_words,
    is_quality,
    judge,
    meaning,
    number,
    spaced,
    spread,
    title,
)
from cuvee.report.plots import Scale, scale_of
from cuvee.report.showcase import Person, showcase
from cuvee.statistics import Estimate
from cuvee.types import Dataset

if TYPE_CHECKING:
    from cuvee.pipeline import Measured, Run

__all__ = ["template", "write_report"]

_NONE = Estimate(None, None, None, 0)
_COLOURS = 6
"""For parts of the score, in the style sheet."""


@dataclass(frozen=True)
class Bar:
    label: str
    estimate: Estimate
    style: str
    """Class of the bar: "ours" or "base"."""
    n: bool = False
    """Whether the number of users is told beside the label."""


@dataclass(frozen=True)
class Panel:
    """A chart of bars on one axis."""

    title: str
    meaning: str
    bars: tuple[Bar, ...]
    scale: Scale


@dataclass(frozen=True)
class Row:
    """One metric in figures."""

    label: str
    ours: Estimate
    popular: Estimate
    valid: Estimate


@dataclass(frozen=True)
class Cut:
    """A slice: its chart, and every metric of every group."""

    panel: Panel
    columns: tuple[str, ...]
    groups: Mapping[str, Mapping[str, Estimate]]


@dataclass(frozen=True)
class Chapter:
    """Everything told of one test set."""

    name: str
    gain: Gain
    users: int
    quality: tuple[Panel, ...]
    character: tuple[Panel, ...]
    """Metrics of which more is not simply better."""
    rows: tuple[Row, ...]
    judgements: tuple[Judgement, ...]
    axis: Scale
    """Of the losses."""
    digits: int
    """Of the losses, after the point."""
    cuts: tuple[Cut, ...]


@dataclass(frozen=True)
class Making:
    """How the run was made."""

    sizes: Mapping[str, str]
    seconds: Mapping[str, float]
    shares: Mapping[str, float]
    """Length of the history -> share of popularity in a blend; empty for other models."""
    events: str
    """What kinds of event weigh; "" where the recipe says nothing of it."""
    recipe: str
    """YAML with the choices written in."""
    seed: int
    version: str


def write_report(done: "Run", path: Path) -> None:
    """Write the page; the same run gives the same bytes."""
    first = next(iter(done.tests))
    people = _people(done, first)
    page = template("report.html.j2").render(
        metric=done.metric,
        sets=[_chapter(done, name) for name in done.tests],
        hero=_panel(done.metric, done.tests[first], done.popular[first]),
        highlights=_highlights(done, first),
        views=_views(done),
        people=people,
        legend=_legend(people),
        said=any(s.said for p in people for s in p.shown),
        shape=_shape(people),
        total=len(done.split.tests[first].users),
        figures={"validation": done.valid.summary[done.metric]}
        | {name: m.summary[done.metric] for name, m in done.tests.items()},
        making=_making(done),
        ranking=done.ranking,
    )
    path.write_text(page, encoding="utf-8")


@cache
def template(name: str) -> Template:
    """Return a template of this folder with the filters all pages share."""
    environment = Environment(
        loader=PackageLoader("cuvee.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "spread": spread, "title": title, "spaced": spaced}
    return environment.get_template(name)


def _chapter(done: "Run", name: str) -> Chapter:
    ours, popular = done.tests[name], done.popular[name]
    panels = {label: _panel(label, ours, popular) for label in ours.summary}
    judgements = tuple(judge(v, name, done.metric) for v in done.verdicts)
    return Chapter(
        name=name,
        gain=gain_in_words(done.metric, ours.summary[done.metric], popular.summary[done.metric], done.gain[name]),
        users=len(done.split.tests[name].users),
        quality=tuple(p for label, p in panels.items() if is_quality(label)),
        character=tuple(p for label, p in panels.items() if not is_quality(label)),
        rows=tuple(
            Row(label, e, popular.summary.get(label, _NONE), done.valid.summary.get(label, _NONE))
            for label, e in ours.summary.items()
        ),
        judgements=judgements,
        axis=(axis := scale_of((j.loss for j in judgements), ticks=3)),
        digits=max(3, axis.digits + 1),
        cuts=tuple(_cut(label, ours, done.metric) for label in ours.slices),
    )


def _panel(label: str, ours: "Measured", popular: "Measured") -> Panel:
    pair = (
        Bar("Cuvee", ours.summary[label], "ours"),
        Bar("Popularity", popular.summary.get(label, _NONE), "base"),
    )
    return Panel(title(label), meaning("metrics", label), pair, scale_of(b.estimate for b in pair))


def _cut(label: str, measured: "Measured", metric: str) -> Cut:
    groups = measured.slices[label]
    bars = [Bar("everybody", measured.summary[metric], "base", n=True)]
    bars += [Bar(group, found.get(metric, _NONE), "ours", n=True) for group, found in groups.items()]
    panel = Panel(title(label), meaning("slices", label), tuple(bars), scale_of(b.estimate for b in bars))
    return Cut(panel, tuple(measured.summary), groups)


def _highlights(done: "Run", name: str) -> tuple[str, ...]:
    """Return what a reader without a taste for metrics wants to know: who is served, and how much of the catalogue."""
    told = []
    words = {
        "hit_rate": "of the users find something they wanted among the first {k}",
        "coverage": "of the items that may be shown are shown to somebody",
    }
    for label, ours in done.tests[name].summary.items():
        stem, _, k = label.partition("@")
        theirs = done.popular[name].summary.get(label, _NONE)
        if stem in words and ours.mean is not None and theirs.mean is not None:
            told.append(f"{100 * ours.mean:.0f} % {words[stem].format(k=k)} ({100 * theirs.mean:.0f} % by popularity).")
    return tuple(told)


def _views(done: "Run") -> Panel | None:
    """Return the weights of everything that a blend considered, as shares of their sum."""
    considered: Mapping[str, float] = getattr(done.model, "considered", {})
    total = sum(considered.values()) or 1.0
    bars = [Bar(spaced(n), Estimate(w / total, None, None, 0), "ours") for n, w in considered.items()]
    return Panel("Views", "", tuple(bars), Scale(0.0, 1.0, 0.25)) if bars else None


def _people(done: "Run", name: str) -> tuple[Person, ...]:
    measured, held = done.tests[name], done.split.tests[name]
    quality = measured.results.per_query[done.metric].to_numpy()
    return showcase(done.model, held, measured.slate, done.split.train, quality)


def _legend(people: Iterable[Person]) -> dict[str, str]:
    """Return part of the score -> class of its colour, the weightiest on this page first; popularity is grey."""
    total: dict[str, float] = {}
    for share in (share for p in people for s in p.shown for share in s.shares):
        total[share.part] = total.get(share.part, 0.0) + share.share
    order = sorted(total, key=lambda part: -total[part])
    coloured = [part for part in order if part != "popular"]
    return {part: f"part-{coloured.index(part) % _COLOURS + 1}" if part in coloured else "part-0" for part in order}


def _shape(people: Iterable[Person]) -> float | None:
    """Return the width of pictures in units of their height, for most of those shown; None where there are none."""
    shown = [s.thing.picture for p in people for s in p.shown if s.thing.picture]
    return round(min(max(median(t.width / t.height for t in shown), 0.66), 1.5), 2) if shown else None


def _making(done: "Run") -> Making:
    spec = describe(done.settled)
    shares = () if isinstance(spec, str) else next(iter(spec.values())).get("shares") or ()
    return Making(
        sizes=_sizes(done),
        seconds=dict(done.seconds),
        shares=dict(zip(BUCKETS, shares, strict=False)),
        events=str(done.events or ""),
        recipe=dump_recipe(replace(done.recipe, model=done.settled)),
        seed=done.recipe.seed,
        version=__version__,
    )


def _sizes(done: "Run") -> dict[str, str]:
    split, train = done.split, done.split.train
    sizes = {"Users": len(train.users), "Items": len(train.items), "Events": len(split.everything.events)}
    sizes |= {"Pairs to learn from": train.liked.nnz, "Pairs of validation": split.valid.truth.nnz}
    sizes |= {f"Pairs of {spaced(name)}": held.truth.nnz for name, held in split.tests.items()}
    return {name: f"{size:,}" for name, size in sizes.items()} | _present(train)


def _present(train: Dataset) -> dict[str, str]:
    items = {m: f for (role, m), f in train.features.items() if role == "item" and len(f)}
    return {f"Items with {m}": f"{100 * f.present.mean():.0f} %" for m, f in items.items()}
