"""A backup that is made while events come in holds all that was acknowledged before; restored, it answers the same."""

import io
import json
import shutil
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from cuvee.errors import ConfigError, DataError
from cuvee.logs.sql import SqlLog
from cuvee.serve.backup import back_up, database_in, restore
from tests.cli.test_commands import printed
from tests.serve.conftest import Running, running
from tests.servers import Server, postgresql


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgresql() as started:
        yield started


def write_until(stop: threading.Event, service: Running, acknowledged: list[str]) -> None:
    """Send event after event, and note each that was acknowledged."""
    with httpx.Client(base_url=service.client.base_url, headers=service.client.headers, timeout=20) as client:
        while not stop.is_set():
            n = len(acknowledged)
            event = {"event_id": f"w{n}", "user_id": f"p{n % 7}", "item_id": f"i{n % 20:02}", "kind": "view"}
            if client.post("/v1/events", json={"events": [event]}).status_code == 201:
                acknowledged.append(f"w{n}")


def slate(service: Running, user: str) -> list[tuple[str, float]]:
    answer = service.client.post("/v1/recommendations", json={"user_id": user, "k": 10, "reasons": False})
    assert answer.status_code == 200, answer.text
    return [(item["item_id"], round(item["score"], 5)) for item in answer.json()["items"]]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_there_and_back_while_it_serves(kind: str, bundle: Path, tmp_path: Path, server: Server) -> None:
    """Items that were added and hidden, uploads, keys and versions come along; a later event does not."""
    database = server.url if kind == "postgresql" else None
    out = tmp_path / "backup.tar"
    copy = tmp_path / "bundle"
    shutil.copytree(bundle, copy)
    with running(copy, tmp_path / "data", 1, database=database) as service:
        added = {"item_id": "late", "title": "Late", "price": 2.0, "group": "mugs"}
        assert service.client.post("/v1/items", json=added).status_code == 201
        assert service.client.post("/v1/items/i03:hide").status_code == 200
        acknowledged: list[str] = []
        stop = threading.Event()
        writer = threading.Thread(target=write_until, args=(stop, service, acknowledged))
        writer.start()
        try:
            while len(acknowledged) < 20:
                assert writer.is_alive()
            before = set(acknowledged)
            words = ["--data", str(tmp_path / "data"), "--out", str(out)]
            told = printed("backup", *words, *(() if database is None else ("--database", database)))
        finally:
            stop.set()
            writer.join()
        assert str(out) in told
        key = service.client.headers["Authorization"]
    shutil.rmtree(copy)  # nothing of the old place is needed
    elsewhere = None
    if database is not None:
        with psycopg.connect(database.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("CREATE DATABASE elsewhere")
        elsewhere = database.rsplit("/", 1)[0] + "/elsewhere"
    more = () if elsewhere is None else ("--database", elsewhere)
    told = printed("restore", str(out), "--data", str(tmp_path / "new"), *more)
    assert "cuvee serve" in told
    events = SqlLog(elsewhere or database_in(tmp_path / "new")).read(0, 100_000)["event_id"].to_list()
    assert before <= set(events) <= set(acknowledged)
    assert len(events) == len(set(events))
    [version] = (tmp_path / "new" / "models").iterdir()
    with running(version, tmp_path / "new", 1, database=elsewhere) as service:
        service.client.headers["Authorization"] = key  # made before the backup, and good still
        items = [item for item, _ in slate(service, "nobody")]
        assert "late" in [item["item_id"] for item in service.client.get("/v1/latest").json()["items"]]
        assert "i03" not in items
        again = slate(service, "u05")
    with running(version, tmp_path / "new", 1, database=elsewhere) as service:
        assert slate(service, "u05") == again


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with pytest.raises(DataError, match=r"holds no service: there is no cuvee\.db"):
        back_up(data, None, tmp_path / "b.tar")
    data.mkdir()
    SqlLog(database_in(data)).read(0, 1)
    back_up(data, None, tmp_path / "b.tar")
    with pytest.raises(ConfigError, match=r"b\.tar is there already"):
        back_up(data, None, tmp_path / "b.tar")
    with pytest.raises(ConfigError, match="data is not empty"):
        restore(tmp_path / "b.tar", data)
    with pytest.raises(ConfigError, match="of a service in SQLite: restore without --database"):
        restore(tmp_path / "b.tar", tmp_path / "new", "postgresql+psycopg://127.0.0.1/x")
    assert not (tmp_path / "new").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tar", "data"]


def rewritten(source: Path, target: Path, change: Any) -> None:
    """Copy an archive; `change` gets the members with their bytes and returns what is written."""
    with tarfile.open(source) as archive:
        members = [(m.name, archive.extractfile(m).read()) for m in archive.getmembers()]  # type: ignore[union-attr]
    with tarfile.open(target, "w") as archive:
        for name, content in change(members):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ms: [(n, c[:-1] + b"?") if n == "cuvee.db" else (n, c) for n, c in ms], r"cuvee\.db is damaged"),
        (lambda ms: [m for m in ms if m[0] != "cuvee.db"], r"cuvee\.db is missing"),
        (lambda ms: [*ms, ("media/more", b"x")], "media/more is not in the manifest"),
        (lambda ms: [m for m in ms if m[0] != "manifest.json"], "not a backup of cuvee"),
        (lambda ms: [*ms, ("../outside", b"x")], r"\.\./outside is no plain file inside it"),
        (lambda ms: [(n, json.dumps({"cuvee_backup": 9, "files": {}}).encode() if "json" in n else c) for n, c in ms],
         "has format 9"),
    ],
)  # fmt: skip
def test_a_damaged_backup_restores_nothing(change: Any, message: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    SqlLog(database_in(tmp_path / "data")).read(0, 1)
    back_up(tmp_path / "data", None, tmp_path / "b.tar")
    rewritten(tmp_path / "b.tar", tmp_path / "bad.tar", change)
    with pytest.raises(DataError, match=message):
        restore(tmp_path / "bad.tar", tmp_path / "place" / "new")
    assert not any((tmp_path / "place").iterdir())
    assert not (tmp_path / "outside").exists()
    (tmp_path / "cut.tar").write_bytes((tmp_path / "b.tar").read_bytes()[:3_000])
    with pytest.raises(DataError, match=r"cut\.tar is not a backup of cuvee, or a damaged one"):
        restore(tmp_path / "cut.tar", tmp_path / "new")
