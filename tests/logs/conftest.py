"""Logs to test with, and events to put into them.

With CUVEE_TEST_POSTGRES set to the URL of an empty PostgreSQL database, everything but the file checks runs there too.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import text

from cuvee.logs.sql import SqlLog
from cuvee.sql.database import writing
from cuvee.sql.schema import metadata

SERVERS = [os.environ["CUVEE_TEST_POSTGRES"]] if "CUVEE_TEST_POSTGRES" in os.environ else []


TABLES = metadata.tables


@pytest.fixture(params=["sqlite", *SERVERS])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlLog]:
    url = f"sqlite:///{tmp_path}/events.db" if request.param == "sqlite" else request.param
    log = SqlLog(url)
    yield log
    if request.param != "sqlite":
        names = ", ".join(f'"{name}"' for name in TABLES if name != "schema_version")
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
