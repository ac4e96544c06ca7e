"""List pretrained weights, or add some to this machine."""

import click

from cuvee import weights

__all__ = ["command"]


@click.group()
def command() -> None:
    """Pretrained weights by name; a recipe may also give a local Hugging Face folder or a hub id."""


@command.command("list")
def list_known() -> None:
    """List the known names, what is downloaded (MB), and which of them are here."""
    click.echo(f"{'name':24} {'for':6} {'width':>5} {'MB':>4}  {'licence':11} {'here':10} package")
    for name, known in weights.KNOWN.items():
        package = f"{known.package}=={known.version}"
        line = f"{name:24} {known.modality:6} {known.dim:>5} {known.megabytes:>4}  "
        click.echo(f"{line}{known.licence:11} {weights.where(name):10} {package}")


@command.command()
@click.argument("names", nargs=-1, required=True)
def add(names: tuple[str, ...]) -> None:
    """Download NAMES, check them and turn each into a Hugging Face folder; no code of the package is run."""
    for name in names:
        click.echo(f"{name}: {weights.add(name)}")
