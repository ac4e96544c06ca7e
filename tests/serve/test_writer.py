"""Work that arrives together is committed together; a piece that fails takes nothing of the others with it."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, select, text

from cuvee.errors import DataError
from cuvee.logs.sql import SqlLog
from cuvee.serve.writer import Writer
from cuvee.sql.database import reading
from cuvee.sql.schema import metadata

COUNTERS = metadata.tables["counters"]


def add(connection: Connection, name: str) -> str:
    connection.execute(COUNTERS.insert().values(name=name, window_start=0, value=1.0))
    return name


def test_pieces_of_one_commit(tmp_path: Path) -> None:
    """Forty pieces, one of which fails after it has written: 39 are there, in few commits."""
    log = SqlLog(f"sqlite:///{tmp_path}/log.db")
    commits = []
    event.listen(log.engine, "commit", lambda _: commits.append(1))

    def broken(connection: Connection) -> None:
        add(connection, "broken")
        raise DataError("no")

    async def all_at_once() -> list[object]:
        writer = Writer(lambda: log.engine)
        works = [lambda c, n=n: add(c, f"n{n}") for n in range(39)]
        works.insert(17, broken)  # type: ignore[arg-type]
        found = await asyncio.gather(*(writer.write(work) for work in works), return_exceptions=True)
        await writer.close()
        return list(found)

    found = asyncio.run(all_at_once())
    assert isinstance(found.pop(17), DataError)
    assert found == [f"n{n}" for n in range(39)]
    with reading(log.engine) as connection:
        assert set(connection.execute(select(COUNTERS.c.name)).scalars()) == set(found)
    assert len(commits) <= 4
    log.close()


def test_what_cannot_be_committed_reaches_everybody(tmp_path: Path) -> None:
    log = SqlLog(f"sqlite:///{tmp_path}/log.db")

    def unreachable() -> object:
        raise ConnectionError("gone")

    async def two() -> None:
        writer = Writer(unreachable)  # type: ignore[arg-type]
        with pytest.raises(ConnectionError, match="gone"):
            await writer.write(lambda c: c.execute(text("SELECT 1")))
        working = Writer(lambda: log.engine)
        assert await working.write(lambda c: add(c, "later")) == "later"

    asyncio.run(two())
    log.close()
