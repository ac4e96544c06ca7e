"""Serve a bundle over HTTP: recommendations that know the last event."""

import json
import os
import sys
from ipaddress import ip_address
from pathlib import Path

import click

from cuvee.errors import ConfigError

__all__ = ["app", "command"]

_SERVED = "CUVEE_SERVED"


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--data", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder of its own files."
)
@click.option("--port", type=click.IntRange(0, 65_535), default=8_000, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--database", help="URL of a PostgreSQL database; SQLite in --data where it is missing.")
def command(bundle: Path, data: Path, port: int, host: str, workers: int, database: str | None) -> None:
    """Serve BUNDLE (or the folder of a run) at http://HOST:PORT; /docs there shows every request.

    Requests need a key (`cuvee keys make`), but for CUVEE_DEMO=1 on an address that only this machine reaches.
    """
    import uvicorn

    from cuvee.bundle import load_bundle

    if _demo() and not _loopback(host):
        raise ConfigError(
            f"CUVEE_DEMO=1 asks for no keys, which is for this machine alone: --host 127.0.0.1, not {host}"
        )
    load_bundle(bundle)  # a damaged one is told here, not by every worker
    os.environ[_SERVED] = json.dumps([str(bundle.resolve()), str(data.resolve()), database])
    target = f"{__name__}:app"
    click.echo(f"http://{host}:{port} (with {workers} process{'es' if workers > 1 else ''}); Ctrl-C stops it", err=True)
    sys.stderr.flush()
    uvicorn.run(target, factory=True, host=host, port=port, workers=workers, log_level="warning", access_log=False)


def app() -> object:
    """Return the app of one process; the command has left in the environment what it serves."""
    from cuvee.serve.app import create_app
    from cuvee.serve.service import Settings

    bundle, data, url = json.loads(os.environ[_SERVED])
    return create_app(Settings(Path(bundle), Path(data), url, demo=_demo()))


def _demo() -> bool:
    return os.environ.get("CUVEE_DEMO") == "1"


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
