"""Say what each modality is worth: to the recipe's own model, and of products nobody has met."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal

import click
import numpy as np

from cuvee.cache import default_cache
from cuvee.errors import ConfigError, UnknownNameError, unknown
from cuvee.features import fit_channels
from cuvee.model_verdict import Worth, examine
from cuvee.new_items import Finding, findings
from cuvee.pipeline import told_in
from cuvee.recipe import Recipe, load_recipe
from cuvee.registry import describe
from cuvee.report.verdict_page import write_verdict
from cuvee.report.verdict_phrases import found_in_words, worth_in_words
from cuvee.roles import role_of
from cuvee.types import Dataset
from cuvee.used_modalities import SOCIAL, reads_friends

__all__ = ["command"]

_AFTERWARDS = ("reviews", "behaviour")
"""Encoders that read what people did with an item: a new one has nothing of it, and an old one's would give it away."""

About = Literal["both", "model", "new-items"]


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for verdict.html and verdict.json."
)
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="Splits that must agree.")
@click.option("--modality", "wanted", multiple=True, help="Only this modality; may be repeated.")
@click.option(
    "--about",
    type=click.Choice(["both", "model", "new-items"]),
    default="both",
    show_default=True,
    help="The recipe's own model, new items without regard to a model, or both.",
)
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change one value: --set seed=1.")
def command(
    recipe: Path, out: Path | None, seeds: int, wanted: tuple[str, ...], about: About, changes: tuple[str, ...]
) -> None:
    """Say what each modality of RECIPE is worth, and the social graph where its model reads friends.

    To the recipe's model: what is lost without it, what with its vectors at the wrong rows (the control for noise), and
    what it gives alone, to everybody and to users of short histories. Of products without events, whatever the model:
    whether it tells who will like them, against the same vectors shuffled.
    """
    loaded = load_recipe(recipe, changes)
    _check(loaded, wanted)
    data = loaded.reader.read()
    worths = () if about == "new-items" else examine(loaded, data, seeds, wanted)
    told = () if about == "model" else _of_new_items(loaded, data, seeds, wanted)
    if about == "new-items" and not told:
        raise ConfigError("none of these modalities is there before anybody meets an item, as text or image are")
    metric = told_in(loaded)
    if worths:
        click.echo(_table(worths, metric))
    for w in worths:
        if w.group == "everybody":
            click.echo(worth_in_words(w, metric))
    for f in told:
        click.echo(found_in_words(f))
    left = [m for m in loaded.encoders if m not in _new_item_modalities(loaded)]
    if told and left:
        click.echo(f"Not judged of new products, since they describe users or come with events: {', '.join(left)}.")
    if out:
        out.mkdir(parents=True, exist_ok=True)
        _write(out, worths, told, metric)
        write_verdict(out / "verdict.html", recipe.name, metric, worths, told)
        click.echo(f"The page: {out / 'verdict.html'}")


def _table(worths: Sequence[Worth], metric: str) -> str:
    """Return one line a modality, test set and group."""
    head = ["modality", "on", "weight", "alone", "lost without it", "lost shuffled", ""]
    rows = [head]
    for w in worths:
        verdict = "helps" if w.helps else "hurts" if w.hurts else ""
        gains = (w.alone.difference, w.left_out.difference, w.shuffled.difference)
        told = ["-" if g is None else f"{g:+.4f}" for g in gains]
        rows.append([w.modality, f"{w.test}, {w.group}", f"{100 * w.weight:.0f} %", *told, verdict])
    widths = [max(len(row[c]) for row in rows) for c in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([f"In {metric}, over the seeds:", *lines, ""])


def _write(out: Path, worths: Sequence[Worth], told: Sequence[Finding], metric: str) -> None:
    figures = {
        "metric": metric,
        "model": [
            asdict(w) | {"helps": w.helps, "hurts": w.hurts, "sentence": worth_in_words(w, metric)} for w in worths
        ],
        "new_items": [asdict(f) | {"helps": f.helps, "sentence": found_in_words(f)} for f in told],
    }
    (out / "verdict.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def _check(recipe: Recipe, wanted: Sequence[str]) -> None:
    known = [*recipe.encoders, *([SOCIAL] if reads_friends(describe(recipe.model)) else [])]
    for name in wanted:
        if name not in known:
            raise UnknownNameError(unknown("modality of the recipe:", name, known))
    if not known:
        raise ConfigError(
            "the recipe encodes nothing, so there is nothing to judge; add text or image below `encoders`"
        )


def _of_new_items(recipe: Recipe, data: Dataset, seeds: int, wanted: Sequence[str]) -> tuple[Finding, ...]:
    modalities = [m for m in _new_item_modalities(recipe) if not wanted or m in wanted]
    if not modalities:
        return ()
    rngs = [np.random.default_rng(recipe.seed + n) for n in range(seeds)]
    return findings([_training(recipe, data, modalities, rng) for rng in rngs], modalities, rngs)


def _new_item_modalities(recipe: Recipe) -> list[str]:
    """Return the modalities an item has before anybody meets it."""
    items = {m: describe(encoder) for m, encoder in recipe.encoders.items() if role_of(encoder) == "item"}
    return [m for m, spec in items.items() if (spec if isinstance(spec, str) else next(iter(spec))) not in _AFTERWARDS]


def _training(recipe: Recipe, data: Dataset, modalities: Sequence[str], rng: np.random.Generator) -> Dataset:
    split = recipe.split.split(data, rng)
    encoders = {m: recipe.encoders[m] for m in modalities}
    return fit_channels(replace(split.train, features={}), encoders, recipe.project, default_cache())[1]
