"""A database of the first release comes forward with everything in it, on SQLite and on PostgreSQL."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, text

from cuvee.errors import DataError
from cuvee.logs.sql import SqlLog
from cuvee.sql.database import open_database, writing
from cuvee.sql.schema import SCHEMA, metadata
from tests.servers import postgresql

HERE = Path(__file__).parent
ROWS = (
    "INSERT INTO schema_version (version, applied_at) VALUES (1, 0)",
    "INSERT INTO users (user_id, profile, personalisation, sensitive_profiling, conversation_memory, created_at, "
    "updated_at) VALUES ('anna', '{}', true, false, false, 1, 1)",
    "INSERT INTO events (event_id, user_no, item_id, kind, time, received_at) VALUES ('e1', 1, 'lamp', 'buy', 9, 10)",
)


def first_release(url: str) -> None:
    """Make the tables of the first release, with a person and an event."""
    engine = create_engine(url)
    script = (HERE / f"first_release.{engine.dialect.name}.sql").read_text(encoding="utf-8")
    with engine.begin() as connection:
        for statement in [*script.split(";\n"), *ROWS]:
            if statement.strip():
                connection.exec_driver_sql(statement)
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/x.db"
        return
    with postgresql() as server:
        yield server.url


def test_the_first_release_comes_forward(url: str) -> None:
    """Rows stay, what can be stored is what a new database stores, and new tables equal migrated ones."""
    first_release(url)
    log = SqlLog(url)
    assert log.read(0, 10)["event_id"].to_list() == ["e1"]
    assert log.history("anna", 5)["item_id"].to_list() == ["lamp"]
    with log.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == SCHEMA
        assert not inspect(connection).has_table("schema_version")
    log.close()


def test_new_tables_are_those_of_all_migrations(url: str) -> None:
    engine = open_database(url, 1.0)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == SCHEMA
    engine.dispose()


def test_a_copy_of_the_file_stands_beside_it(tmp_path: Path) -> None:
    first_release(f"sqlite:///{tmp_path}/x.db")
    open_database(f"sqlite:///{tmp_path}/x.db", 1.0).dispose()
    with closing(sqlite3.connect(tmp_path / "x.db.0001")) as copy:
        assert copy.execute("SELECT version FROM schema_version").fetchall() == [(1,)]
        assert copy.execute("SELECT event_id FROM events").fetchall() == [("e1",)]


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever had been done is undone; the next attempt succeeds."""
    url = f"sqlite:///{tmp_path}/x.db"
    first_release(url)
    monkeypatch.setattr("cuvee.sql.migrating.SCHEMA", "0003")
    with pytest.raises(Exception, match="0003"):
        open_database(url, 1.5)
    with closing(sqlite3.connect(tmp_path / "x.db")) as found:
        names = {row[0] for row in found.execute("SELECT name FROM sqlite_master")}
    assert "schema_version" in names
    assert "alembic_version" not in names
    monkeypatch.undo()
    assert SqlLog(url, 2.5).read(0, 10)["event_id"].to_list() == ["e1"]


def test_two_processes_that_open_an_old_database_do_not_disturb_each_other(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/x.db"
    first_release(url)
    code = f"from cuvee.logs.sql import SqlLog; print(len(SqlLog({url!r}).read(0, 9)))"
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in both:
        out, error = process.communicate(timeout=120)
        assert (process.returncode, out) == (0, "1\n"), error


def test_a_database_of_a_newer_version_is_refused(url: str) -> None:
    engine = open_database(url, 1.0)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(DataError, match=f"tables of version 9999, this cuvee works with {SCHEMA}"):
        open_database(url, 2.0)
