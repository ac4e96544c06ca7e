"""Put a service into one file, while it serves."""

from pathlib import Path

import click

__all__ = ["command"]


@click.command()
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of the service.")
@click.option("--database", help="URL of its PostgreSQL, where it has one.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="File to write.")
def command(data: Path, database: str | None, out: Path) -> None:
    """Write database, uploads and bundles of a service to one file; it may go on serving.

    The file holds everything about everybody: keep it as you keep the service, and delete what is older than what you
    have promised to forget.
    """
    from cuvee.serve.backup import back_up

    told = back_up(data, database, out)
    click.echo(f"{out}: {told['files']} files, {told['bytes'] / 1e6:.1f} MB")
