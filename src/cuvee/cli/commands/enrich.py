"""Let a language model describe the items of a catalogue: short descriptions and attributes, as a table."""

from pathlib import Path

import click
import yaml

from cuvee import plain_yaml, registry
from cuvee.enrichment import DESCRIPTION, enrich
from cuvee.errors import ConfigError
from cuvee.generation.completions import METER
from cuvee.readers.folder import Folder
from cuvee.recipe import load_recipe
from cuvee.roles import need_column
from cuvee.text_cells import joined_texts

__all__ = ["command"]


@click.command()
@click.argument("source", metavar="DIR|RECIPE", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Parquet file that is written."
)
@click.option(
    "--columns", default="title,description", show_default=True, help="Columns that are read, joined by commas."
)
@click.option("--model", default="{local: {max_tokens: 120}}", show_default=True, help="Component of the kind llms.")
@click.option("--limit", type=click.IntRange(1), help="Only the first so many items.")
def command(source: Path, out: Path, columns: str, model: str, limit: int | None) -> None:
    """Write item_id, llm_description and llm_attributes of every item of DIR (a canonical folder) or RECIPE to --out.

    Needs the extra `llm`. Answers are kept by content beside the cached vectors: a run that was killed goes on where it
    was, and only texts that are new are read. The encoder `enriched` makes a modality of the file.
    """
    if out.suffix != ".parquet":
        raise ConfigError(f"--out must end in .parquet, got {out}")
    try:
        worker = registry.build("llms", plain_yaml.load(model))
    except yaml.YAMLError as error:
        raise ConfigError(f"--model takes a language model such as local, got {model!r}") from error
    data = Folder(source).read() if source.is_dir() else load_recipe(source).reader.read()
    names = [name.strip() for name in columns.split(",")]
    for name in names:
        need_column(data, "item", name)
    table = data.item_table[:limit]
    found = enrich(joined_texts(table, names), worker)
    part = out.with_name(out.name + ".part")
    out.parent.mkdir(parents=True, exist_ok=True)
    table.select("item_id").hstack(found).write_parquet(part)
    part.replace(out)
    click.echo(f"{found[DESCRIPTION].count()} of {len(found)} items described in {out}")
    for name, total in METER.totals.items():
        click.echo(f"{name}: {total}", err=True)
