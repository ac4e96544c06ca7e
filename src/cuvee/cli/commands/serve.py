"""Serve a bundle over HTTP: recommendations that know the last event."""

import json
import logging
import os
import shutil
import sys
from ipaddress import ip_address
from pathlib import Path
from socket import IPPROTO_TCP, TCP_NODELAY, socket
from typing import TYPE_CHECKING

import click

from cuvee.errors import ConfigError

if TYPE_CHECKING:
    import uvicorn

__all__ = ["app", "command", "listening"]

_SERVED = "CUVEE_SERVED"
_LARGEST_START = 64 << 10
"""Bytes without an end of the headers after which nothing more is read."""
_IDLE = 20
"""Seconds for which a connection is kept: longer than clients (5 s) and our nginx.conf (15 s) use one again, so that
neither sends into one that is being closed."""
_FIGURES = "PROMETHEUS_MULTIPROC_DIR"


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of its own files."
)
@click.option("--port", type=click.IntRange(0, 65_535), default=8_000, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--database", help="URL of a PostgreSQL database; SQLite in --data where it is missing.")
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    default=1_000.0,
    show_default=True,
    help="Requests a second of one key to one process; twice as many at once.",
)
@click.option(
    "--allow-origin", "origins", multiple=True, metavar="ORIGIN", help="Whose pages may ask from a browser; repeatable."
)
@click.option(
    "--at-once",
    type=click.IntRange(1),
    default=512,
    show_default=True,
    help="Requests that one process answers at a time.",
)
@click.option(
    "--patience",
    type=click.FloatRange(0, min_open=True),
    default=10.0,
    show_default=True,
    help="Seconds in which a body must arrive; a second more for every 64 KiB.",
)
@click.option("--log-requests", is_flag=True, help="Write a line of JSON about each request to the standard error.")
def command(
    bundle: Path,
    data: Path,
    port: int,
    host: str,
    workers: int,
    database: str | None,
    rate: float,
    origins: tuple[str, ...],
    at_once: int,
    patience: float,
    log_requests: bool,
) -> None:
    """Serve BUNDLE (or the folder of a run) at http://HOST:PORT; /docs there shows every request.

    Requests need a key (`cuvee keys make`), but for CUVEE_DEMO=1 on an address that only this machine reaches.
    """
    import uvicorn
    from uvicorn.supervisors import Multiprocess

    from cuvee.bundle import load_bundle
    from cuvee.serve.origins import checked_origin

    if _demo() and not _loopback(host):
        raise ConfigError(
            f"CUVEE_DEMO=1 asks for no keys, which is for this machine alone: --host 127.0.0.1, not {host}"
        )
    load_bundle(bundle)  # a damaged one is told here, not by every worker
    for origin in origins:
        checked_origin(origin)
    told = [str(bundle.resolve()), str(data.resolve()), database, rate, origins, at_once, patience, log_requests]
    os.environ[_SERVED] = json.dumps(told)
    os.environ[_FIGURES] = _emptied(data / "figures")
    click.echo(f"http://{host}:{port} (with {workers} process{'es' if workers > 1 else ''}); Ctrl-C stops it", err=True)
    sys.stderr.flush()
    config = _config(host, port, workers)
    with listening(config) as shared:
        if workers == 1:
            uvicorn.Server(config).run([shared])
        else:
            Multiprocess(config, [shared]).run()


def _config(host: str, port: int, workers: int) -> "uvicorn.Config":
    from cuvee.serve.stopping import GRACE, Ending

    return Ending(
        f"{__name__}:app",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        log_level="warning",
        access_log=False,
        http="h11",  # whose bounds on what comes are those that are tested
        h11_max_incomplete_event_size=_LARGEST_START,
        timeout_keep_alive=_IDLE,
        timeout_graceful_shutdown=GRACE,
        server_header=False,
    )


def listening(config: "uvicorn.Config") -> socket:
    """Return the socket that processes share; what they accept from it sends small answers at once.

    Otherwise the second part of an answer waits for the first to be acknowledged, some 40 ms: asyncio sees to it for
    sockets of its own only. That accepted sockets inherit the option is so on Linux, BSD and macOS.
    """
    bound = config.bind_socket()
    bound.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    return bound


def app() -> object:
    """Return the app of one process; the command has left in the environment what it serves."""
    from cuvee.serve.app import create_app
    from cuvee.serve.service import Settings

    bundle, data, url, rate, origins, at_once, patience, log_requests = json.loads(os.environ[_SERVED])
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("cuvee").setLevel(logging.INFO)
    logging.getLogger("cuvee.requests").setLevel(logging.INFO if log_requests else logging.WARNING)
    return create_app(
        Settings(
            Path(bundle),
            Path(data),
            url,
            demo=_demo(),
            rate=rate,
            origins=tuple(origins),
            at_once=at_once,
            patience=patience,
        )
    )


def _emptied(folder: Path) -> str:
    """Return a folder without the figures of processes that have ended."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return str(folder.resolve())


def _demo() -> bool:
    return os.environ.get("CUVEE_DEMO") == "1"


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
