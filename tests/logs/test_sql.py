"""The event log: idempotent, ordered, durable; consent obeyed; erased people are in no byte of the file.

With CUVEE_TEST_POSTGRES set to the URL of an empty PostgreSQL database, everything but the file checks runs there too.
"""

import hashlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import Boolean, Column, Double, Integer, LargeBinary, String, Text, func, select, text

from cuvee.errors import ConfigError, DataError
from cuvee.logs.sql import SqlLog
from cuvee.sql.database import reading, writing
from cuvee.sql.people import Consent, Erasure, personal_tables
from cuvee.sql.schema import metadata, personal

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


def test_what_was_appended_is_read_in_order_of_arrival(log: SqlLog) -> None:
    events = pl.DataFrame(
        {
            "event_id": ["b", "a", "c"],
            "user_id": ["bo", "ann 用户", "bo"],
            "item_id": ["x", "y", "z"],
            "kind": ["buy", "view", "rate"],
            "time": [30, 10, None],
            "weight": [1.0, None, -0.5],
            "recommendation_id": [None, "r1", None],
            "position": [None, 3, None],
            "session": [None, "s", None],
            "context": ['{"page": "home", "n": [1, 2.5]}', None, "{}"],
        }
    )
    before = time.time()
    last = log.append(events)
    got = log.read(0, 10)
    assert got["offset"].to_list() == sorted(got["offset"].to_list())
    assert got["offset"][-1] == last
    assert got["received_at"].is_between(before, time.time()).all()
    assert before - 1 <= got["time"][2] <= time.time()
    told = got.drop("offset", "received_at", "time")
    assert told.equals(events.drop("time").cast({"position": pl.Int32}))
    assert got["time"].to_list()[:2] == [30, 10]
    assert log.read(got["offset"][0], 1)["event_id"].to_list() == ["a"]
    assert log.read(last, 10).height == 0
    assert log.read(last, 10).schema == got.schema


def test_retries_are_harmless(log: SqlLog) -> None:
    first = log.append(batch(5))
    log.append(batch(5, start=2, user="bo"))
    log.append(batch(5))
    got = log.read(0, 100)
    assert got["event_id"].to_list() == [f"e{i}" for i in range(7)]
    assert got["user_id"].to_list() == ["ann"] * 5 + ["bo"] * 2, "the first to use an event_id keeps it"
    assert got["offset"][4] == first
    twice = pl.concat([batch(1, start=50), batch(1, start=50)])
    log.append(twice)
    assert log.read(0, 100).height == 8


def test_an_empty_batch_changes_nothing(log: SqlLog) -> None:
    assert log.append(batch(0)) == 0
    assert log.append(batch(3)) == log.append(batch(0))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"user_id": ["a", ""]}, "events row 1: user_id is empty, got ''"),
        ({"item_id": [None, "x"]}, "events row 0: item_id is missing, got None"),
        ({"item_id": ["x", "é" * 129]}, "events row 1: item_id is longer than 256 bytes"),
        ({"event_id": ["x", "a\nb"]}, r"events row 1: event_id holds control characters, got 'a\\nb'"),
        ({"session": ["", "s"]}, "events row 0: session is empty"),
        ({"time": [1, 1_700_000_000_000]}, "events row 1: time is not in unix seconds, got 1700000000000"),
        ({"time": [1, -1]}, "events row 1: time is not in unix seconds"),
        ({"time": [float("nan"), 1.0]}, "events row 0: time does not fit, got nan"),
        ({"time": ["1", "2"]}, "the column 'time' of events holds String, not numbers"),
        ({"user_id": [1, 2]}, "the column 'user_id' of events holds Int64, not text"),
        ({"weight": [0.5, float("inf")]}, "events row 1: weight is not a finite number, got inf"),
        ({"position": [0, -2]}, "events row 1: position is negative, got -2"),
        ({"position": [0, 2**40]}, "events row 1: position does not fit, got 1099511627776"),
        ({"context": ["{}", "[1]"]}, r"events row 1: context is not a JSON object, got '\[1\]'"),
        ({"context": [None, "{"]}, "events row 1: context is not a JSON object"),
        ({"context": ['{"a": NaN}', None]}, "events row 0: context is not a JSON object"),
        ({"context": ["{}", '"' + "x" * 20_000 + '"']}, "events row 1: context is longer than 16384 bytes"),
        ({"itme_id": ["a", "b"]}, "unknown column of events: 'itme_id'; did you mean 'item_id'"),
    ],
)
def test_bad_events_are_refused_whole(columns: dict[str, Any], message: str, file_log: SqlLog) -> None:
    with pytest.raises(DataError, match=message):
        file_log.append(batch(2, **columns))
    assert file_log.read(0, 10).height == 0


def test_missing_columns_are_named(file_log: SqlLog) -> None:
    with pytest.raises(DataError, match="no column 'kind'; they need event_id, user_id, item_id, kind"):
        file_log.append(batch(1).drop("kind"))


def test_contexts_may_be_structs_and_fractions_of_seconds_are_cut(log: SqlLog) -> None:
    log.append(batch(2, context=[{"page": 1}, {"page": 2}], time=[7.9, 8.0]))
    got = log.read(0, 10)
    assert [json.loads(c) for c in got["context"]] == [{"page": 1}, {"page": 2}]
    assert got["time"].to_list() == [7, 8]


def test_history_is_the_newest_events_in_time_order(log: SqlLog) -> None:
    log.append(batch(5, time=[50, 10, 40, 40, 20]))
    log.append(batch(3, start=10, user="bo", time=[60, 61, 62]))
    assert log.history("ann", 3)["event_id"].to_list() == ["e2", "e3", "e0"]
    assert log.history("ann", 100)["time"].to_list() == [10, 20, 40, 40, 50]
    assert log.history("nobody", 5).height == 0


def test_consent_is_kept_and_obeyed(log: SqlLog) -> None:
    log.append(batch(3))
    log.append(batch(2, start=10, user="bo"))
    assert log.consent("ann") == Consent(personalisation=True, sensitive_profiling=False, conversation_memory=False)
    log.set_consent("ann", Consent(personalisation=False, conversation_memory=True))
    assert log.consent("ann") == Consent(personalisation=False, conversation_memory=True)
    assert log.consent("bo") == Consent()
    assert log.history("ann", 10).height == 0
    assert log.read(0, 10)["user_id"].unique().to_list() == ["bo"]
    assert log.read(0, 2)["user_id"].to_list() == ["bo", "bo"], "those left out do not use up the limit"
    log.append(batch(1, start=20))
    assert len(log.export("ann")["events"]) == 4, "what is held is exported all the same"
    log.set_consent("ann", Consent())
    assert log.history("ann", 10).height == 4
    log.set_consent("new", Consent(sensitive_profiling=True))
    assert log.consent("new").sensitive_profiling
    with pytest.raises(DataError, match="user_id is empty"):
        log.set_consent("", Consent())


def fill(log: SqlLog, user_id: str) -> dict[str, int]:
    """Put a row about a person into every table that may hold one; return their count by table."""
    with writing(log.engine) as connection:
        number = connection.execute(
            select(TABLES["users"].c.user_no).where(TABLES["users"].c.user_id == user_id)
        ).scalar_one()
        for table in personal_tables():
            if table.name != "users":
                connection.execute(table.insert().values(**row(table, number, user_id)))
    return {table.name: 1 for table in personal_tables()}


def row(table: Any, number: int, mark: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for c in table.columns:
        if c in personal(table):
            values[c.name] = number
        elif not (c.primary_key and c.autoincrement is True):
            values[c.name] = value(c, mark)
    return values


def value(column: Column[Any], mark: str) -> Any:
    if isinstance(column.type, Text | String):
        return f"{mark}/{column.table.name}/{column.name}"
    if isinstance(column.type, Boolean):
        return True
    if isinstance(column.type, Integer | Double):
        return 1
    return mark.encode() if isinstance(column.type, LargeBinary) else {"said by": mark}


def counts(log: SqlLog) -> dict[str, int]:
    with reading(log.engine) as connection:
        return {n: connection.execute(select(func.count()).select_from(t)).scalar_one() for n, t in TABLES.items()}


def test_export_holds_every_row_about_the_person_and_no_other(log: SqlLog) -> None:
    for user in ("ann-4711", "bo-4712"):
        log.append(batch(2, start=100 * ord(user[0]), user=user))
        expected = {**fill(log, user), "events": 3}
    found = log.export("ann-4711")
    assert {table: len(rows) for table, rows in found.items()} == expected
    assert "bo-4712" not in json.dumps(found)
    assert "key" not in found["pseudonyms"][0]
    assert found["reviews"][0]["text"] == "ann-4711/reviews/text"
    assert {r["user_id"] for r in found["events"]} == {"ann-4711"}
    assert log.export("nobody") == {}


def test_export_names_friends_but_not_who_reported_somebody(log: SqlLog) -> None:
    log.append(pl.concat([batch(1, user="ann"), batch(1, start=1, user="bo")]))
    with writing(log.engine) as connection:
        users = connection.execute(select(TABLES["users"].c.user_id, TABLES["users"].c.user_no)).all()
        numbers = {row.user_id: row.user_no for row in users}
        link = {"from_no": numbers["ann"], "to_no": numbers["bo"], "kind": "friend", "weight": 1.0, "created_at": 5.0}
        connection.execute(TABLES["links"].insert().values(**link))
        case = {"user_no": numbers["ann"], "reporter_no": numbers["bo"], "state": "open", "evidence": {}}
        connection.execute(TABLES["cases"].insert().values(**case, opened_at=1.0))
    found = log.export("ann")
    expected = {"from_id": "ann", "to_id": "bo", "kind": "friend", "weight": 1.0, "created_at": 5.0}
    assert found["links"] == [expected]
    assert "reporter_id" not in found["cases"][0]
    assert found["cases"][0]["user_id"] == "ann"
    assert "user_id" not in log.export("bo")["cases"][0]
    removed = log.erase("bo").removed
    assert removed["links"] == removed["cases"] == 1, "wherever in the row the person stands"
    assert set(log.export("ann")) == {"users", "events"}


def test_erasure_takes_every_row_and_only_theirs(log: SqlLog) -> None:
    for user in ("ann-4711", "bo-4712"):
        log.append(batch(4, start=100 * ord(user[0]), user=user))
        fill(log, user)
    log.set_consent("ann-4711", Consent(sensitive_profiling=True))
    before = counts(log)
    report = log.erase("ann-4711")
    assert isinstance(report, Erasure)
    assert report.purged
    assert report.pseudonym is not None
    assert report.removed["events"] == 5
    assert set(report.removed) == {table.name for table in personal_tables()}
    after = counts(log)
    for name, n in report.removed.items():
        assert after[name] == before[name] - n > 0, name
    assert log.export("ann-4711") == {}
    assert log.consent("ann-4711") == Consent()
    assert log.history("bo-4712", 10).height == 5
    with reading(log.engine) as connection:
        erasure = connection.execute(select(TABLES["erasures"])).mappings().one()
        audit = connection.execute(select(TABLES["audit"]).order_by(TABLES["audit"].c.entry)).mappings().all()
    assert erasure["pseudonym"] == report.pseudonym
    assert erasure["removed"] == report.removed
    assert [(a["action"], a["subject"]) for a in audit][-1] == ("erase", report.pseudonym)
    assert log.erase("ann-4711") == Erasure(None, {}, purged=True)


def test_the_same_id_starts_anew_after_erasure(log: SqlLog) -> None:
    log.append(batch(3))
    first = log.erase("ann").pseudonym
    offset = log.append(batch(1, start=9))
    assert offset > 3, "offsets are never used twice, so nobody who follows them misses one"
    assert log.history("ann", 10)["event_id"].to_list() == ["e9"]
    assert log.erase("ann").pseudonym != first


def test_erased_ids_are_in_no_byte_of_any_file(file_log: SqlLog, tmp_path: Path) -> None:
    log, user = file_log, "erase-me-4711"
    others = [batch(400, start=1000 * n, user=f"user {n}") for n in range(5)]
    log.append(pl.concat(others[:3]))
    log.append(batch(200, start=50_000, user=user, session=[user] * 200, context=[{"who": user}] * 200))
    fill(log, user)
    log.append(pl.concat(others[3:]))
    everything = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert everything.count(user.encode()) > 400
    assert log.erase(user).purged
    left = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert "events.db" in left
    assert not [name for name, content in left.items() if user.encode() in content]
    assert log.read(0, 10_000).height == 2000


def test_a_reader_in_the_way_is_reported_and_a_second_call_clears_the_file(tmp_path: Path) -> None:
    log, user = SqlLog(f"sqlite:///{tmp_path}/events.db", busy_timeout=0.2), "erase-me-4711"
    log.append(batch(50, user=user))
    with reading(log.engine) as connection:
        connection.execute(select(func.count()).select_from(TABLES["events"])).scalar()
        report = log.erase(user)
        assert report.removed["events"] == 50
        assert not report.purged
    assert log.erase(user).purged
    assert not [p for p in tmp_path.iterdir() if user.encode() in p.read_bytes()]
    log.close()


def test_the_audit_chain_covers_every_entry(log: SqlLog) -> None:
    log.append(batch(1))
    log.set_consent("ann", Consent(personalisation=False))
    log.set_consent("ann", Consent())
    log.forget_before(0)
    with reading(log.engine) as connection:
        entries = connection.execute(select(TABLES["audit"]).order_by(TABLES["audit"].c.entry)).mappings().all()
        names = connection.execute(select(TABLES["pseudonyms"].c.pseudonym)).scalars().all()
    assert [e["action"] for e in entries] == ["consent", "consent", "forget"]
    assert [e["subject"] for e in entries[:2]] == [names[0]] * 2, "one pseudonym as long as its key is in force"
    assert json.loads(entries[0]["details"]) == asdict(Consent(personalisation=False))
    previous = ""
    for entry in entries:
        told = {k: entry[k] for k in ("action", "actor", "details", "done_at", "previous", "subject")}
        assert told["previous"] == previous
        previous = hashlib.sha256(json.dumps(told).encode()).hexdigest()
        assert entry["hash"] == previous


def test_pseudonyms_do_not_tell_the_id_and_differ_between_logs(tmp_path: Path) -> None:
    names = set()
    for n in range(3):
        log = SqlLog(f"sqlite:///{tmp_path}/{n}.db")
        log.append(batch(1))
        names.add(log.erase("ann").pseudonym)
        log.close()
    assert len(names) == 3


def test_retention(log: SqlLog) -> None:
    log.append(batch(4, time=[10, 20, 30, 40]))
    fill(log, "ann")
    removed = log.forget_before(30)
    assert removed["events"] == 3, "one of them is older still"
    assert removed["recommendations"] == removed["messages"] == removed["exposures"] == 1
    assert log.read(0, 10)["time"].to_list() == [30, 40]
    assert set(log.export("ann")) >= {"users", "reviews", "pseudonyms", "links"}


def test_rows_written_with_every_change_are_announced(log: SqlLog) -> None:
    log.set_consent("ann", Consent())
    log.erase("ann")
    with reading(log.engine) as connection:
        changes = connection.execute(select(TABLES["changes"].c.resource, TABLES["changes"].c.row)).all()
    assert len(changes) == 2
    assert changes[0] == changes[1] == ("users", changes[0][1])


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("events.db", "'events.db' is not a database URL"),
        ("mysql://host/x", "runs on SQLite and PostgreSQL, not on mysql"),
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("postgresql+psycopg://me:hush@host/x", "holds a password; leave it out and set PGPASSWORD"),
    ],
)
def test_urls_that_cannot_work(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        SqlLog(url)
    assert "hush" not in str(error.value)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no folder .*nowhere"):
        SqlLog(f"sqlite:///{tmp_path}/nowhere/x.db").read(0, 1)


def test_making_the_component_touches_no_file(tmp_path: Path) -> None:
    SqlLog(f"sqlite:///{tmp_path}/events.db")
    assert list(tmp_path.iterdir()) == []


APPEND = """
import sys, polars as pl
from cuvee.logs.sql import SqlLog
log = SqlLog(sys.argv[1])
n = 0
while True:
    ids = [f"{n + i}" for i in range(20)]
    log.append(pl.DataFrame({"event_id": ids, "user_id": ids, "item_id": ids, "kind": ["view"] * 20}))
    n += 20
    print(n, flush=True)
"""


@pytest.mark.slow
def test_acknowledged_events_survive_kill_9(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/events.db"
    process = subprocess.Popen([sys.executable, "-c", APPEND, url], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    acknowledged = 0
    for line in process.stdout:
        acknowledged = int(line)
        if acknowledged >= 200:
            process.send_signal(signal.SIGKILL)
            break
    acknowledged = max([acknowledged, *map(int, process.stdout.read().split())])
    process.wait()
    process.stdout.close()
    log = SqlLog(url)
    got = log.read(0, 1_000_000)["event_id"].cast(pl.Int64).to_list()
    assert got == list(range(len(got))), "none twice, none in between missing"
    assert acknowledged <= len(got) <= acknowledged + 20
    assert len(got) % 20 == 0, "a batch is there whole or not at all"
    log.close()


def work(url: str, start: int) -> None:
    log = SqlLog(url)
    for n in range(start, start + 600, 20):
        log.append(batch(20, start=n, user=f"user {n % 3}"))
    log.close()


@pytest.mark.slow
def test_two_processes_lose_and_duplicate_nothing(tmp_path: Path) -> None:
    """They start on no database at all, and half of what they send is the same."""
    url = f"sqlite:///{tmp_path}/events.db"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=work, args=(url, start)) for start in (0, 300)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [p.exitcode for p in processes] == [0, 0]
    log = SqlLog(url)
    got = log.read(0, 10_000)
    assert sorted(got["event_id"].to_list()) == sorted(f"e{n}" for n in range(900))
    assert got["offset"].is_sorted()
    log.close()


@pytest.mark.slow
def test_twenty_thousand_events_a_second(file_log: SqlLog) -> None:
    """Seconds of CPU, so that a busy machine does not fail it."""
    users = [f"user {n * n % 10_007}" for n in range(40_000)]
    events = batch(40_000, time=[1_700_000_000 + n for n in range(40_000)]).with_columns(user_id=pl.Series(users))
    start = time.process_time()
    file_log.append(events)
    assert 40_000 / (time.process_time() - start) > 20_000
