"""Write a recipe for a folder of data."""

import logging
import os
from pathlib import Path

import click

from cuvee.errors import ConfigError
from cuvee.readers.folder import Folder, find_tables, find_vectors
from cuvee.suggest import liked_above, suggest
from cuvee.tables import read_table

__all__ = ["command"]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="The recipe; FOLDER/recipe.yaml if not given."
)
@click.option("--force", is_flag=True, help="Write over a recipe that is there.")
def command(folder: Path, out: Path | None, force: bool) -> None:
    """Look at FOLDER (interactions, items, images ...) and write a runnable recipe."""
    logging.basicConfig(format="%(levelname)s: %(message)s")
    out = out or folder / "recipe.yaml"
    if out.exists() and not force:
        raise ConfigError(f"{out} is there already; --force writes over it, --out FILE writes elsewhere")
    data = Folder(folder).read()
    threshold = liked_above(data, read_table(find_tables(folder)["interactions"]))
    where = Path(os.path.relpath(folder.resolve(), out.resolve().parent))
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        recipe = suggest(data, where, min_rating=threshold, vectors=find_vectors(folder))
        out.write_text(recipe, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{out} cannot be written ({error.strerror}); choose another place by --out FILE") from error
    click.echo(f"wrote {out}; next: cuvee run {out} --out run")
