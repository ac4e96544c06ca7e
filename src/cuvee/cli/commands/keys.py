"""Make, list, rotate and revoke the keys of a service."""

from datetime import UTC, datetime
from pathlib import Path

import click

from cuvee.logs.sql import SqlLog
from cuvee.sql.database import reading, writing
from cuvee.sql.keys import SCOPES, Scope, list_keys, make_key, revoke_key, rotate_key

__all__ = ["command"]

_data = click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Folder of the service's files.")
_database = click.option("--database", help="URL of its database, where that is not in --data.")


@click.group()
def command() -> None:
    """Keys of a service, by the same --data or --database that it has."""


@command.command()
@_data
@_database
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, type=click.Choice(SCOPES), default=("read",), show_default=True)
@click.option("--days", type=click.FloatRange(0, min_open=True), help="After which it no longer works.")
def make(name: str, scopes: tuple[Scope, ...], days: float | None, data: Path | None, database: str | None) -> None:
    """Make a key called NAME and print it: it is shown this once and kept as a digest."""
    with writing(_log(data, database).engine) as connection:
        click.echo(make_key(connection, name, scopes, days))


@command.command("list")
@_data
@_database
def list_all(data: Path | None, database: str | None) -> None:
    """List the keys, and which of them work."""
    with reading(_log(data, database).engine) as connection:
        found = list_keys(connection)
    now = datetime.now(UTC).timestamp()
    for key in found:
        made = datetime.fromtimestamp(key.created_at, UTC).date()
        state = "works" if key.usable(now) else "revoked" if key.revoked_at is not None else "expired"
        click.echo(f"{key.key_id}  {state:8} {made}  {','.join(key.scopes):18} {key.name}")


@command.command()
@_data
@_database
@click.argument("key_id")
@click.option(
    "--overlap",
    type=click.FloatRange(0, 24 * 366),
    default=24.0,
    show_default=True,
    help="Hours for which the old one still works.",
)
def rotate(key_id: str, overlap: float, data: Path | None, database: str | None) -> None:
    """Make a key like KEY_ID and print it, once; KEY_ID itself works until the overlap ends."""
    with writing(_log(data, database).engine) as connection:
        click.echo(rotate_key(connection, key_id, overlap))


@command.command()
@_data
@_database
@click.argument("key_id")
def revoke(key_id: str, data: Path | None, database: str | None) -> None:
    """Make the key KEY_ID useless from now on."""
    with writing(_log(data, database).engine) as connection:
        revoke_key(connection, key_id)
    click.echo(f"{key_id} is revoked")


def _log(data: Path | None, database: str | None) -> SqlLog:
    if (data is None) == (database is None):
        raise click.UsageError("give --data DIR or --database URL")
    if data is not None:
        data.mkdir(parents=True, exist_ok=True)
        database = f"sqlite:///{data.resolve() / 'cuvee.db'}"
    assert database is not None
    return SqlLog(database)
