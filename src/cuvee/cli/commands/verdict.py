"""Say what each modality tells of products nobody has met, and which pairs tell more together."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import click
import numpy as np

from cuvee.cache import default_cache
from cuvee.errors import ConfigError, UnknownNameError, unknown
from cuvee.event_weights import weigh
from cuvee.features import fit_channels
from cuvee.new_items import Finding, findings
from cuvee.recipe import Recipe, load_recipe
from cuvee.registry import describe
from cuvee.roles import role_of
from cuvee.types import Dataset

__all__ = ["command", "sentence"]

_AFTERWARDS = ("reviews", "behaviour")
"""Encoders that read what people did with an item: a new one has nothing of it, and an old one's would give it away."""


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder for verdict.json.")
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="Splits that must agree.")
@click.option("--modality", "wanted", multiple=True, help="Only this modality; may be repeated.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change one value: --set seed=1.")
def command(recipe: Path, out: Path | None, seeds: int, wanted: tuple[str, ...], changes: tuple[str, ...]) -> None:
    """Say what each modality of RECIPE tells of products without events, against the same vectors shuffled.

    Every product is foretold as if it had no events. The recipe's model plays no part: what leaving a modality out
    costs it is in the report of `cuvee run`. What describes users, and reviews and behaviour, which new products do
    not have, are not judged.
    """
    loaded = load_recipe(recipe, changes)
    modalities = _judged(loaded, wanted)
    rngs = [np.random.default_rng(loaded.seed + n) for n in range(seeds)]
    data = loaded.reader.read()
    told = findings([_training(loaded, data, modalities, rng) for rng in rngs], modalities, rngs)
    for f in told:
        click.echo(sentence(f))
    left = [m for m in loaded.encoders if m not in _of_new_items(loaded)]
    if left:
        click.echo(f"Not judged, since they describe users or come only with events: {', '.join(left)}.")
    if out:
        out.mkdir(parents=True, exist_ok=True)
        rows = [asdict(f) | {"helps": f.helps, "sentence": sentence(f)} for f in told]
        (out / "verdict.json").write_text(json.dumps(rows, indent=2), encoding="utf-8")


def sentence(f: Finding) -> str:
    """Return one plain sentence; it follows from the interval, the corrected p value and the seeds."""
    names = " and ".join(f.modalities)
    gain = f.gain
    if gain.difference is None or gain.low is None or gain.high is None:
        return f"{names}: could not be measured."
    share = f"{100 * gain.difference:+.2f} % of the variance, {100 * gain.low:+.2f} to {100 * gain.high:+.2f}"
    pair = len(f.modalities) > 1
    if f.helps:
        what = "together tell what neither tells alone" if pair else "tells who will like a new product"
        return f"{names}: {what} ({share})."
    if f.hurts:
        return f"{names}: does worse than the same vectors shuffled ({share})."
    what = "nothing more together that could be measured" if pair else "nothing that could be told from noise"
    return f"{names}: {what} ({share})."


def _judged(recipe: Recipe, wanted: tuple[str, ...]) -> tuple[str, ...]:
    known = _of_new_items(recipe)
    for name in wanted:
        if name not in known:
            raise UnknownNameError(unknown("modality of new items in the recipe:", name, known))
    if not known:
        raise ConfigError("the recipe encodes nothing that new items have, e.g. text or image; add it below `encoders`")
    return wanted or tuple(known)


def _of_new_items(recipe: Recipe) -> list[str]:
    """Return the modalities an item has before anybody meets it."""
    items = {m: describe(encoder) for m, encoder in recipe.encoders.items() if role_of(encoder) == "item"}
    return [m for m, spec in items.items() if (spec if isinstance(spec, str) else next(iter(spec))) not in _AFTERWARDS]


def _training(recipe: Recipe, data: Dataset, modalities: tuple[str, ...], rng: np.random.Generator) -> Dataset:
    split = recipe.split.split(data, rng)
    if recipe.events is not None:
        split = weigh(split, recipe.events, np.random.default_rng(recipe.seed)).split
    encoders = {m: recipe.encoders[m] for m in modalities}
    return fit_channels(replace(split.train, features={}), encoders, recipe.project, default_cache())[1]
