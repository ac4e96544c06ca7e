"""Consent obeyed, everything exported, and erased people in no byte of any file."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import Boolean, Column, Double, Integer, LargeBinary, String, Text, func, select

from cuvee.errors import DataError
from cuvee.logs.sql import SqlLog
from cuvee.sql.database import reading, writing
from cuvee.sql.people import Consent, Erasure, personal_tables
from cuvee.sql.schema import personal
from tests.logs.conftest import TABLES, batch


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
