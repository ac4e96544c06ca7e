"""List the components a recipe can name, and their parameters."""

import inspect
from dataclasses import MISSING, Field
from typing import Any

import click

from cuvee import registry

__all__ = ["command"]


@click.command()
@click.argument("kind", required=False)
@click.argument("name", required=False)
def command(kind: str | None, name: str | None) -> None:
    """List every kind, the components of KIND, or the parameters of one component."""
    if kind is None:
        for each in registry.KINDS:
            click.echo(f"{each:12} {', '.join(registry.names(each))}")
        return
    if name is None:
        for each in registry.names(kind):
            click.echo(f"{each:22} {_sentence(registry.find(kind, each))}")
        return
    component = registry.find(kind, name)
    click.echo(inspect.getdoc(component))
    for key, (annotation, f) in registry.parameters(component).items():
        default = "required" if f.default is MISSING and f.default_factory is MISSING else f"default {_default(f)!r}"
        click.echo(f"\n{key}: {registry.type_name(annotation)} ({default})\n    {registry.meaning(component, key)}")


def _sentence(component: type[Any]) -> str:
    return (inspect.getdoc(component) or "").partition("\n")[0]


def _default(f: Field[Any]) -> object:
    return f.default_factory() if f.default is MISSING and f.default_factory is not MISSING else f.default
