"""Fit a service's bundle again on everything that came since, and let the result answer."""

from pathlib import Path

import click

from cuvee.logs.sql import SqlLog

__all__ = ["command"]

_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)


@click.command()
@click.option("--data", type=_FOLDER, required=True, help="Folder of the service.")
@click.option("--database", help="URL of its database, where that is not in --data.")
@click.option("--job", help="Id of the job this is, where the service asked for it.")
def command(data: Path, database: str | None, job: str | None) -> None:
    """Fit the active version again with the events and items of the log, write it to DATA/models, and activate it.

    The service swaps to it by itself, once it has loaded and tried it.
    """
    from cuvee.serve.retrain import retrain
    from cuvee.sql import jobs
    from cuvee.sql.database import writing

    log = SqlLog(database or f"sqlite:///{data.resolve() / 'cuvee.db'}")
    if job is None:
        with writing(log.engine) as connection:
            job = jobs.queue(connection, "retrain")
    click.echo(f"version {retrain(log, data.resolve() / 'models', job)} is active")
