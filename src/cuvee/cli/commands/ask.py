"""Ask a language model something, to see what it can do."""

import json
from pathlib import Path
from typing import Any

import click
import yaml

from cuvee import plain_yaml, registry
from cuvee.errors import ConfigError
from cuvee.generation.completions import METER
from cuvee.protocols import LanguageModel
from cuvee.types import Message

__all__ = ["command"]


@click.command()
@click.argument("text")
@click.option(
    "--model", default="local", show_default=True, help="As in a recipe: local, {openai_compatible: {model: m}}."
)
@click.option("--system", help="What the model is told before.")
@click.option("--schema", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="JSON Schema to keep to.")
def command(text: str, model: str, system: str | None, schema: Path | None) -> None:
    """Ask TEXT; the answer is shown as it comes, and then what it took."""
    try:
        spec = plain_yaml.load(model)
    except yaml.YAMLError as error:
        raise ConfigError(f"--model {model!r} is not valid YAML: {error}") from error
    llm: LanguageModel = registry.build("llms", spec)
    messages = [Message("system", system)] if system else []
    for piece in llm.complete([*messages, Message("user", text)], schema=_schema(schema)):
        click.echo(piece, nl=False)
    click.echo()
    for name, total in METER.totals.items():
        click.echo(f"{name}: {total}", err=True)


def _schema(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{path} is not valid JSON: {error}") from error
    return schema
