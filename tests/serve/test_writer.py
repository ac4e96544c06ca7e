"""Work that arrives together is committed together; a piece that fails takes nothing of the others with it."""

import asyncio
from collections.abc import Sequence
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


def test_rows_are_stored_at_once_and_one_by_one_where_that_fails(tmp_path: Path) -> None:
    """Thirty callers with two rows each: one transaction's worth needs few stores; a broken one takes only its own."""
    log = SqlLog(f"sqlite:///{tmp_path}/log.db")
    stores = []

    def store(connection: Connection, names: Sequence[str]) -> int:
        stores.append(len(names))
        for name in names:
            add(connection, name)
        if "broken" in names:
            raise DataError("no")
        return len(stores)

    async def all_at_once(names: list[str]) -> list[object]:
        writer = Writer(lambda: log.engine)
        wanted = (writer.write_rows(store, [name, name + "+"]) for name in names)
        return list(
            await asyncio.gather(*wanted, writer.write(lambda c: add(c, names[0] + " apart")), return_exceptions=True)
        )

    fine = [f"a{n}" for n in range(30)]
    asyncio.run(all_at_once(fine))
    assert sum(stores) == 60
    assert len(stores) <= 3
    mixed = [f"b{n}" for n in range(30)]
    found = asyncio.run(all_at_once([*mixed[:9], "broken", *mixed[9:]]))
    assert [n for n, value in enumerate(found) if isinstance(value, DataError)] == [9]
    with reading(log.engine) as connection:
        there = connection.execute(select(COUNTERS.c.name)).scalars().all()
    assert sorted(there) == sorted([*(n + more for n in fine + mixed for more in ("", "+")), "a0 apart", "b0 apart"])
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
