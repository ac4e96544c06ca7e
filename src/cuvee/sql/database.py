"""Opens the database by URL; everything in which SQLite and PostgreSQL differ is here.

SQLite: write-ahead log, every commit on the disk before it is acknowledged (`synchronous=FULL`), deleted content
overwritten (`secure_delete`). Writers take turns on both, so numbers that count up are in the order of commits and a
reader who follows them by offset misses nothing.
"""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, create_engine, event, inspect, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, OperationalError

from cuvee.errors import ConfigError
from cuvee.sql.schema import SCHEMA, metadata

__all__ = ["check_url", "insert_new", "insert_or_add", "open_database", "purge", "reading", "writing"]

_BEGIN = "cuvee_begin"
"""Execution option: the statement that opens a SQLite transaction, "" for none."""
_LOCK = 0x637576  # any number will do, as long as every process uses the same
_PATIENCE = 60.0
"""Seconds of silence that are borne of a PostgreSQL where nothing else is said."""
_INSERTS: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def check_url(url: str) -> None:
    """Refuse what cannot work.

    Raises:
        ConfigError: not a URL, another kind of database, or a password that would end up in recipes and logs.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError(
            f"{url!r} is not a database URL; write sqlite:///events.db or postgresql+psycopg://"
        ) from error
    if parsed.password:
        raise ConfigError(f"{parsed!r} holds a password; leave it out and set PGPASSWORD in the environment")
    if parsed.get_backend_name() not in _INSERTS:
        raise ConfigError(f"{url!r}: the log runs on SQLite and PostgreSQL, not on {parsed.get_backend_name()}")
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise ConfigError(f"{url!r}: the log needs a file, for example sqlite:///events.db")


def open_database(url: str, busy_timeout: float) -> Engine:
    """Return the engine of this process, making the tables where there are none.

    Raises:
        ConfigError: the folder or the driver is missing.
        DataError: the tables were made by a newer version.
    """
    return _engine(url, busy_timeout, os.getpid())


@cache
def _engine(url: str, busy_timeout: float, process: int) -> Engine:  # noqa: ARG001
    """A forked process must not share connections with its parent: hence `process`."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        folder = Path(str(parsed.database)).resolve().parent
        if not folder.is_dir():
            raise ConfigError(f"{url}: there is no folder {folder}")
    try:
        engine = create_engine(parsed, pool_pre_ping=parsed.get_backend_name() != "sqlite", hide_parameters=True)
    except ModuleNotFoundError as error:
        raise ConfigError(f"{url} needs the driver {error.name!r}: pip install {error.name}") from error
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine, busy_timeout)
    elif engine.dialect.driver == "psycopg":
        import_module("cuvee.sql.postgresql").bound(engine, busy_timeout)
    with ExitStack() as failed:
        failed.callback(engine.dispose)
        with writing(engine) as connection:
            _make_tables(connection)
        failed.pop_all()
    return engine


def _prepare_sqlite(engine: Engine, busy_timeout: float) -> None:
    @event.listens_for(engine, "connect")
    def connect(driver: Any, _: Any) -> None:
        driver.isolation_level = None  # the driver's own transactions begin too late: see `begin`
        driver.execute(f"PRAGMA busy_timeout = {int(busy_timeout * 1000)}")
        _write_ahead(driver, busy_timeout)
        for pragma in ("synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
            driver.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        """A transaction that will write takes the lock at once: upgrading a reader can fail without waiting."""
        statement = connection.get_execution_options().get(_BEGIN, "BEGIN")
        if statement:
            connection.exec_driver_sql(statement)


def _write_ahead(driver: Any, busy_timeout: float) -> None:
    """Switch to the write-ahead log; two processes that do so at once do not wait for each other by themselves."""
    end = time.monotonic() + busy_timeout
    while True:
        try:
            driver.execute("PRAGMA journal_mode = WAL")
            return
        except driver.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)


@contextmanager
def reading(engine: Engine, patience: float | None = _PATIENCE) -> Iterator[Connection]:
    """A transaction that sees one state of the database.

    Args:
        patience: seconds of silence after which a PostgreSQL counts as gone; None: never.
    """
    options: dict[str, Any] = {}
    if engine.dialect.name == "postgresql":
        options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**options) as connection, _begun(connection, patience):
        yield connection


@contextmanager
def writing(engine: Engine, patience: float | None = _PATIENCE) -> Iterator[Connection]:
    """A transaction that writes, all or nothing; writers wait for each other. `patience` as in `reading`."""
    options = {_BEGIN: "BEGIN IMMEDIATE"}
    with engine.connect().execution_options(**options) as connection, _begun(connection, patience):
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        yield connection


@contextmanager
def _begun(connection: Connection, patience: float | None) -> Iterator[None]:
    with _patient(connection, patience), connection.begin():
        yield


@contextmanager
def _patient(connection: Connection, patience: float | None) -> Iterator[None]:
    driver: Any = connection.connection.driver_connection
    if connection.dialect.driver != "psycopg":  # SQLite has a busy timeout
        yield
        return
    driver.patience = patience
    try:
        yield
    finally:
        del driver.patience  # the driver's own default, with which the pool asks whether it is still there


def insert_new(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], key: str) -> None:
    """Insert the rows whose `key` is not there yet."""
    if rows:
        insert = _INSERTS[connection.dialect.name](table)
        connection.execute(insert.on_conflict_do_nothing(index_elements=[key]), rows)


def insert_or_add(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], keys: Sequence[str], column: str
) -> None:
    """Insert the rows; where one with the same keys is there already, add to its `column`."""
    if rows:
        insert = _INSERTS[connection.dialect.name](table)
        more = {column: table.c[column] + insert.excluded[column]}
        connection.execute(insert.on_conflict_do_update(index_elements=list(keys), set_=more), rows)


def purge(engine: Engine, tables: Sequence[Table], busy_timeout: float) -> bool:
    """Rewrite the database so that deleted content is in none of its files; False where readers kept some in use.

    PostgreSQL's own write-ahead log and backups keep it until they are recycled.
    """
    if engine.dialect.name == "sqlite":
        return _purge_sqlite(engine, busy_timeout)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection, _patient(connection, None):
        for table in tables:
            quoted = connection.dialect.identifier_preparer.format_table(table)
            connection.execute(text(f"VACUUM FULL {quoted}"))
    return True


def _purge_sqlite(engine: Engine, busy_timeout: float) -> bool:
    end = time.monotonic() + busy_timeout
    with engine.connect().execution_options(**{_BEGIN: ""}) as connection:
        try:
            connection.exec_driver_sql("VACUUM")
        except OperationalError as error:
            if getattr(error.orig, "sqlite_errorname", "") != "SQLITE_BUSY":
                raise
            return False
        while connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]:  # 1: readers hold an old state
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
    return True


def _make_tables(connection: Connection) -> None:
    found = _version(connection)
    if found is None:
        metadata.create_all(connection)
        versions = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))
        versions.create(connection)
        connection.execute(versions.insert().values(version_num=SCHEMA))
    elif found != SCHEMA:
        import_module("cuvee.sql.migrating").migrate(connection, found)


def _version(connection: Connection) -> str | None:
    """Return the version of the tables; None where there are none."""
    there = inspect(connection)
    if there.has_table("alembic_version"):
        return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())
    return "0001" if there.has_table("schema_version") else None
