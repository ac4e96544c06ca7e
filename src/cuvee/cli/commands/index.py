"""Give a bundle an index without fitting it again."""

import logging
from dataclasses import replace
from pathlib import Path

import click
import yaml

from cuvee import plain_yaml, registry
from cuvee.bundle import load_bundle, save_bundle
from cuvee.errors import ConfigError

__all__ = ["command"]


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("index")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the new bundle."
)
def command(bundle: Path, index: str, out: Path) -> None:
    """Write BUNDLE (or the bundle of a run) with an INDEX, such as `faiss_ivf`, to --out; BUNDLE stays as it is.

    INDEX is written as in a recipe: `faiss_ivf` or `{faiss_ivf: {probes: 256}}`. The model is not fitted again. What
    the index finds of the exact answers is measured; below .98 nothing is written.
    """
    logging.basicConfig(format="%(message)s", level=logging.WARNING)
    logging.getLogger("cuvee.retrieval").setLevel(logging.INFO)
    source = bundle / "bundle" if (bundle / "bundle").is_dir() else bundle
    if out.resolve() in (source.resolve(), bundle.resolve()):
        raise ConfigError(f"--out {out} is the bundle that is read; write to another folder, then put it in its place")
    try:
        spec = plain_yaml.load(index)
    except yaml.YAMLError as error:
        raise ConfigError(f"INDEX {index!r} is not valid YAML: {error}") from error
    loaded = load_bundle(bundle)
    chosen = registry.build("indexes", spec)
    save_bundle(replace(loaded, recipe=replace(loaded.recipe, index=chosen)).indexed(), out)
    click.echo(f"wrote {out}; next: cuvee serve {out}")
