"""Make a service out of a backup."""

from datetime import UTC, datetime
from pathlib import Path

import click

__all__ = ["command"]


@click.command()
@click.argument("backup", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), required=True, help="New folder of the service."
)
@click.option("--database", help="URL of an empty PostgreSQL database, where the backup is of one.")
def command(backup: Path, data: Path, database: str | None) -> None:
    """Check BACKUP whole, then put everything in its place; `cuvee serve DATA/models/VERSION --data DATA` goes on."""
    from cuvee.serve.backup import restore

    told = restore(backup, data, database)
    made = datetime.fromtimestamp(told["made_at"], UTC)
    click.echo(f"{data} is the service of {made:%Y-%m-%d %H:%M} UTC, with {len(told['files'])} files")
    versions = sorted(path.name for path in (data / "models").glob("*"))
    if versions:
        click.echo(f"go on with: cuvee serve {data / 'models' / versions[-1]} --data {data}")
