"""Logs to test with, on SQLite and PostgreSQL, and events to put into them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import text

from cuvee.logs.sql import SqlLog
from cuvee.sql.database import writing
from cuvee.sql.schema import metadata
from tests.servers import Server, fresh_database

TABLES = metadata.tables


@pytest.fixture(scope="session")
def server_url(postgres: Server) -> str:
    return fresh_database(postgres)


@pytest.fixture(params=["sqlite", "postgresql"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlLog]:
    own = request.param == "sqlite"
    log = SqlLog(f"sqlite:///{tmp_path}/events.db" if own else request.getfixturevalue("server_url"))
    yield log
    if not own:
        names = ", ".join(f'"{name}"' for name in TABLES)
        with writing(log.engine) as connection:
            connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY"))
    log.close()


@pytest.fixture
def file_log(tmp_path: Path) -> Iterator[SqlLog]:
    log = SqlLog(f"sqlite:///{tmp_path}/events.db")
    yield log
    log.close()


def batch(n: int, start: int = 0, user: str = "ann", **columns: Any) -> pl.DataFrame:
    ids = range(start, start + n)
    plain = {
        "event_id": [f"e{i}" for i in ids],
        "user_id": [user] * n,
        "item_id": [f"i{i % 7}" for i in ids],
        "kind": ["view"] * n,
    }
    return pl.DataFrame({**plain, **columns})
