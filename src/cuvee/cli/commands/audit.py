"""Show what was done to a service, and check that nobody has changed the record of it."""

from datetime import UTC, datetime
from pathlib import Path

import click

from cuvee.errors import ConfigError
from cuvee.logs.sql import SqlLog
from cuvee.sql.audit import newest_entries
from cuvee.sql.audit import verify as verify_chain
from cuvee.sql.database import reading

__all__ = ["command"]

_data = click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Folder of the service's files.")
_database = click.option("--database", help="URL of its database, where that is not in --data.")


@click.group()
def command() -> None:
    """What keys and commands did to a service, by the same --data or --database that it has."""


@command.command()
@_data
@_database
@click.option("--last", help="A hash that this command printed earlier, which must still be there.")
def verify(data: Path | None, database: str | None, last: str | None) -> None:
    """Compute every hash of the audit again; name the first entry that is broken.

    Keep the last hash, which this prints, where nobody who can write to the database can: given as --last later, it
    proves that the end was not cut off since.
    """
    with reading(_log(data, database).engine) as connection:
        chain = verify_chain(connection, last)
    told = "1 entry" if chain.entries == 1 else f"{chain.entries} entries"
    click.echo(f"{told}, none broken" + (f"; the last hash is {chain.last}" if chain.entries else ""))


@command.command()
@_data
@_database
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Entries, at most.")
def show(data: Path | None, database: str | None, limit: int) -> None:
    """Show the newest entries, the last first: number, time (UTC), who, what, to what, and the rest in JSON."""
    with reading(_log(data, database).engine) as connection:
        found = newest_entries(connection, limit)
    for e in found:
        done = datetime.fromtimestamp(e.done_at, UTC).strftime("%Y-%m-%d %H:%M:%S")
        click.echo(f"{e.entry:6}  {done}  {e.actor:12}  {e.action:12}  {e.subject}  {e.details}")


def _log(data: Path | None, database: str | None) -> SqlLog:
    if (data is None) == (database is None):
        raise click.UsageError("give --data DIR or --database URL")
    if data is not None:
        file = data.resolve() / "cuvee.db"
        if not file.is_file():
            raise ConfigError(f"{data}: there is no database of a service in it")
        database = f"sqlite:///{file}"
    assert database is not None
    return SqlLog(database)
