"""Tune a recipe's text encoder on the catalogue's own histories."""

from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from cuvee import plain_yaml, registry
from cuvee.cache import default_cache
from cuvee.encoders.text import FittedText, Text
from cuvee.errors import ConfigError, UnknownNameError, unknown
from cuvee.recipe import Recipe, load_recipe
from cuvee.text_contrast import Contrast, tune_text, write

__all__ = ["command"]


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="New folder of weights.")
@click.option("--modality", help="Which text encoder, where the recipe has several.")
@click.option("--tuning", default="lora", show_default=True, help="A name, or YAML: '{lora: {rank: 16}}'.")
@click.option("--epochs", type=click.IntRange(min=1), help="Epochs at most.")
@click.option("--lr", type=float, help="Learning rate.")
@click.option("--pairs", type=click.IntRange(min=2), help="(history, next item) pairs an epoch.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change one value: --set seed=1.")
def command(
    recipe: Path, out: Path, modality: str | None, tuning: str, epochs: int | None, lr: float | None,
    pairs: int | None, changes: tuple[str, ...],
) -> None:  # fmt: skip
    """Tune the text encoder of RECIPE on (history, next item) pairs of its training events.

    The epoch is chosen on validation; nothing is written unless it is better there than the weights as they are. The
    folder is what `weights` of the encoder `text` takes.
    """
    loaded = load_recipe(recipe, changes)
    name, encoder = _encoder(loaded, modality)
    contrast = Contrast(tuning=registry.build("tuning", plain_yaml.load(tuning)))
    own = contrast.training
    training = replace(own, epochs=epochs or own.epochs, lr=lr or own.lr)
    contrast = replace(contrast, training=training, pairs=pairs or contrast.pairs)
    rng = np.random.default_rng(loaded.seed)
    split = loaded.split.split(loaded.reader.read(), rng)
    fitted: FittedText = encoder.fit(split.train, "item")
    tokens = fitted.tokens(split.train.item_table)
    if out.exists():
        raise ConfigError(f"{out} is there already; give --out a new folder")
    found = tune_text(contrast, fitted.folder, tokens, fitted.pooling, split.train, split.valid, rng, default_cache())
    click.echo(f"validation ndcg@20 of the texts alone: {found.before:.4f} before, {found.after:.4f} after")
    if found.after <= found.before:
        click.echo("No better: nothing is written. Other values of --tuning, --lr or --pairs may do.")
        return
    write(found, contrast, fitted.folder, out)
    click.echo(f"Put it to use: --set encoders.{name}.text.weights={out}")


def _encoder(recipe: Recipe, modality: str | None) -> tuple[str, Text]:
    texts = {m: e for m, e in recipe.encoders.items() if isinstance(e, Text) and e.role == "item"}
    if modality is None and len(texts) != 1:
        raise ConfigError(f"which text encoder of items? --modality is one of {', '.join(texts) or 'none'}")
    if modality is not None and modality not in texts:
        raise UnknownNameError(unknown("text encoder of items", modality, texts))
    name = modality or next(iter(texts))
    return name, texts[name]
