"""Whatever is changed, taken out, put elsewhere or cut off in the audit is found, and named."""

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, select, text, update

from cuvee.errors import DataError
from cuvee.logs.sql import SqlLog
from cuvee.sql import audit
from cuvee.sql.audit import Chain, newest_entries, record, verify
from cuvee.sql.database import reading, writing
from cuvee.sql.schema import metadata
from tests.cli.test_commands import call, printed

TABLE = metadata.tables["audit"]
COUNT = 5


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqlLog]:
    """A log with entries, which are read three at a time."""
    monkeypatch.setattr(audit, "_PAGE", 3)
    made = SqlLog(f"sqlite:///{tmp_path}/cuvee.db")
    with writing(made.engine) as connection:
        for n in range(COUNT):
            record(connection, f"key{n}", "hide", f"item é{n}", {"why": "sold", "left": n})
    yield made
    made.close()


@pytest.fixture
def chain(log: SqlLog) -> Iterator[Connection]:
    with writing(log.engine) as connection:
        yield connection


def broken(connection: Connection, noted: str | None = None) -> str:
    """Return what is told of the chain; then undo what was done to it."""
    with pytest.raises(DataError) as told:
        verify(connection, noted)
    return str(told.value)


@pytest.mark.parametrize("column", ["actor", "action", "subject", "details", "previous", "hash"])
@pytest.mark.parametrize("flip", [0x01, 0x80], ids=hex)
def test_any_byte_of_a_text(chain: Connection, column: str, flip: int) -> None:
    """0x80 leaves bytes that are no UTF-8."""
    for number in range(1, COUNT + 1):
        stored = chain.execute(select(TABLE.c[column]).where(TABLE.c.entry == number)).scalar_one().encode()
        for place in range(len(stored)):
            changed = stored[:place] + bytes([stored[place] ^ flip]) + stored[place + 1 :]
            savepoint = chain.begin_nested()
            statement = f"UPDATE audit SET {column} = CAST(:changed AS TEXT) WHERE entry = :number"
            chain.execute(text(statement), {"changed": changed, "number": number})
            assert f"broken at entry {number}:" in broken(chain), f"{column} of {number}, byte {place}"
            savepoint.rollback()
    assert verify(chain).entries == COUNT


def test_any_byte_of_a_time(chain: Connection) -> None:
    for number in range(1, COUNT + 1):
        stored = struct.pack("<d", chain.execute(select(TABLE.c.done_at).where(TABLE.c.entry == number)).scalar_one())
        for place in range(8):
            (changed,) = struct.unpack("<d", stored[:place] + bytes([stored[place] ^ 1]) + stored[place + 1 :])
            savepoint = chain.begin_nested()
            chain.execute(update(TABLE).where(TABLE.c.entry == number).values(done_at=changed))
            assert f"broken at entry {number}:" in broken(chain)
            savepoint.rollback()


def test_any_byte_of_a_number(chain: Connection) -> None:
    for number in range(1, COUNT + 1):
        for place in range(8):
            changed = number ^ (8 << 8 * place)  # none of the numbers in use
            savepoint = chain.begin_nested()
            chain.execute(update(TABLE).where(TABLE.c.entry == number).values(entry=changed))
            assert f"broken at entry {number}:" in broken(chain)
            savepoint.rollback()


def test_another_type(chain: Connection) -> None:
    chain.execute(text("UPDATE audit SET actor = CAST('key2' AS BLOB) WHERE entry = 3"))
    assert "broken at entry 3:" in broken(chain)


@pytest.mark.parametrize("number", range(1, COUNT))
def test_one_that_is_taken_out(chain: Connection, number: int) -> None:
    chain.execute(delete(TABLE).where(TABLE.c.entry == number))
    assert f"broken at entry {number}:" in broken(chain)
    chain.execute(update(TABLE).where(TABLE.c.entry > number).values(entry=-TABLE.c.entry))
    chain.execute(update(TABLE).where(TABLE.c.entry < 0).values(entry=-TABLE.c.entry - 1))
    assert f"broken at entry {number}: it does not follow" in broken(chain), "numbered anew"


@pytest.mark.parametrize("one", range(1, COUNT))
def test_two_that_change_places(chain: Connection, one: int) -> None:
    for old, new in ((one, 99), (COUNT, one), (99, COUNT)):
        chain.execute(update(TABLE).where(TABLE.c.entry == old).values(entry=new))
    assert f"broken at entry {one}:" in broken(chain)


@pytest.mark.parametrize("kept", range(COUNT))
def test_a_tail_that_is_cut_off(chain: Connection, kept: int) -> None:
    last = verify(chain).last
    assert verify(chain, last) == Chain(COUNT, last)
    chain.execute(delete(TABLE).where(TABLE.c.entry > kept))
    assert verify(chain).entries == kept, "what is left is a chain"
    record(chain, "key", "show", "item", {})
    assert last in broken(chain, last)
    assert verify(chain).entries == kept + 1


def test_commands(log: SqlLog, tmp_path: Path) -> None:
    where = ("--data", str(tmp_path))
    with reading(log.engine) as connection:
        newest = newest_entries(connection, 2)
        last = verify(connection).last
    assert [e.entry for e in newest] == [COUNT, COUNT - 1]
    assert printed("audit", "verify", *where).strip() == f"{COUNT} entries, none broken; the last hash is {last}"
    assert printed("audit", "verify", *where, "--last", newest[1].hash)
    lines = printed("audit", "show", *where, "--limit", "2").splitlines()
    assert [line.split()[0] for line in lines] == ["5", "4"]
    assert "key4" in lines[0]
    assert '{"left": 4, "why": "sold"}' in lines[0]
    with pytest.raises(DataError, match="no entry has the hash 0f"):
        call("audit", "verify", *where, "--last", "0f")
    assert call("audit", "verify").exit_code == 2
    (tmp_path / "empty").mkdir()
    with pytest.raises(Exception, match="there is no database of a service"):
        call("audit", "verify", "--data", str(tmp_path / "empty"))
    assert not list((tmp_path / "empty").iterdir())
