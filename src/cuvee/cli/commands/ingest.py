"""Take events from a stream into the log of a service."""

import logging
import signal
import threading
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

import click

from cuvee.logs.sql import SqlLog

__all__ = ["command"]


@click.command()
@click.argument("url")
@click.option("--stream", default="events", show_default=True, help="Name of the stream.")
@click.option("--group", default="cuvee", show_default=True, help="Consumer group: readers of one share the entries.")
@click.option("--consumer", default="", help="Name of this reader, of no other; host and process where it is missing.")
@click.option(
    "--idle",
    type=click.FloatRange(0, min_open=True),
    default=30.0,
    show_default=True,
    help="Seconds after which what a reader left is taken over.",
)
@click.option("--batch", type=click.IntRange(1, 10_000), default=1_000, show_default=True, help="Events in a commit.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Folder of the service's files.")
@click.option("--database", help="URL of its database, where that is not in --data.")
@click.option("--metrics", type=click.IntRange(1, 65_535), help="Port of 127.0.0.1 where Prometheus reads figures.")
def command(
    url: str,
    stream: str,
    group: str,
    consumer: str,
    idle: float,
    batch: int,
    data: Path | None,
    database: str | None,
    metrics: int | None,
) -> None:
    """Take events from the stream at URL (redis://HOST:PORT/0) until it is told to stop.

    The field `event` of an entry holds an event as POST /v1/events takes it, in JSON. An entry is acknowledged once its
    event is on the disk; one that is no event is put aside, with the reason. Start as many as are needed.
    """
    from prometheus_client import start_http_server

    from cuvee import registry
    from cuvee.serve.ingest import ingest

    if (data is None) == (database is None):
        raise click.UsageError("give --data DIR or --database URL")
    if data is not None:
        data.mkdir(parents=True, exist_ok=True)
    log = SqlLog(database or f"sqlite:///{Path(data or '.').resolve() / 'cuvee.db'}")
    kind = {"rediss": "redis"}.get(urlsplit(url).scheme, urlsplit(url).scheme)
    given = {"url": url, "stream": stream, "group": group, "consumer": consumer, "idle": idle}
    subscription = registry.build("streams", {kind: given}).subscribe()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    over = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        over.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    if metrics is not None:
        start_http_server(metrics, "127.0.0.1")
    stored, aside = ingest(log, subscription, over, batch)
    click.echo(f"{stored} stored, {aside} put aside")
