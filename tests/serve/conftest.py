"""A real service in processes of its own on 127.0.0.1, in front of a small bundle."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import httpx
import numpy as np
import polars as pl
import pytest

from cuvee.bundle import Bundle, save_bundle
from cuvee.cache import VectorCache
from cuvee.encoders.tabular import Tabular
from cuvee.features import fit_channels
from cuvee.filters.unseen import Unseen
from cuvee.logs.sql import SqlLog
from cuvee.models.blend import Blend
from cuvee.models.content import Content
from cuvee.models.content_ease import ContentEase
from cuvee.models.popular import Popular
from cuvee.projection import Projection
from cuvee.readers.folder import Folder
from cuvee.recipe import Recipe
from cuvee.splits.random import Random
from tests.cli.test_commands import printed
from tests.conftest import make_world

_MODEL = Blend(
    (ContentEase({"facts": 1.0}, l2=4), Content({"facts": 1.0}), Popular()),
    weights=(1.0, 0.5, 0.2),
    newcomers=(0.0, 0.0, 1.0),
)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of 23 items that knows their price and group."""
    world = make_world()
    rng = np.random.default_rng(0)
    more = [
        pl.Series("price", rng.uniform(1, 9, 23)),
        pl.Series("group", [("hats", "mugs", "pens")[g] for g in [0, 0, 1, 0, 2, 1] * 3 + [0, 0, 1, 0, 2]]),
    ]
    data = type(world)(world.users, world.items, world.events, world.item_table.with_columns(more), world.user_table)
    folder = tmp_path_factory.mktemp("bundle")
    cache = VectorCache(folder / "vectors")
    channels, data = fit_channels(data, {"facts": Tabular(columns=("price", "group"))}, Projection(), cache)
    recipe = Recipe(Folder(Path("/gone")), Random(), _MODEL, filters=(Unseen(),))
    save_bundle(Bundle(recipe, _MODEL.fit(data, None, np.random.default_rng(0)), data, channels), folder / "run")
    return folder / "run"


@dataclass(frozen=True)
class Running:
    """A service that runs."""

    client: httpx.Client
    """Speaks to it with an admin key."""
    data: Path
    process: subprocess.Popen[str]
    database: str | None = None
    """URL; None: SQLite in `data`."""
    errors: IO[str] | None = None
    """What it writes to the standard error."""

    def told(self) -> str:
        """Return what it has written to the standard error."""
        assert self.errors is not None
        self.errors.seek(0)
        return self.errors.read()

    @property
    def where(self) -> list[str]:
        """The words that name its database to other commands."""
        return ["--data", str(self.data)] if self.database is None else ["--database", self.database]

    @property
    def log(self) -> SqlLog:
        return SqlLog(self.database or f"sqlite:///{self.data}/cuvee.db")


@contextmanager
def running(
    bundle: Path,
    data: Path,
    workers: int,
    *more: str,
    demo: bool = False,
    cwd: Path | None = None,
    database: str | None = None,
) -> Iterator[Running]:
    """Start `cuvee serve` and wait until it is ready; stop it by its own process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"CUVEE_DEMO": "1" if demo else "0", "CUVEE_CACHE": str(data / "vectors")}
    words = ["serve", str(bundle), "--data", str(data), "--port", str(port), "--workers", str(workers), *more]
    words += [] if database is None else ["--database", database]
    where = ["--data", str(data)] if database is None else ["--database", database]
    key = "" if demo else printed("keys", "make", *where, "--scope", "admin", "tests").strip()
    with (
        TemporaryFile("w+") as told,  # a pipe that nobody reads would stop it in the end
        subprocess.Popen(
            [sys.executable, "-m", "cuvee", *words], env=environment, text=True, stderr=told, cwd=cwd
        ) as process,
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=20, headers={"Authorization": f"Bearer {key}"} if key else {}
        ) as client,
    ):
        try:
            _wait(client, process, told)
            yield Running(client, data, process, database, told)
        finally:
            process.terminate()
            process.wait(20)


def _wait(client: httpx.Client, process: "subprocess.Popen[str]", told: IO[str]) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if process.poll() is not None:
            told.seek(0)
            raise AssertionError(told.read())
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("the service did not become ready")


@pytest.fixture(scope="package")
def service(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Two processes behind one port; tests use users and items of their own."""
    with running(bundle, tmp_path_factory.mktemp("service"), workers=2) as started:
        yield started
