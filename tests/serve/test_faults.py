"""A locked database, a full disk, a clock that jumps back, damaged bundles: clear errors, and reading goes on."""

import resource
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from cuvee.errors import BundleError
from cuvee.logs.sql import SqlLog
from cuvee.serve.app import create_app
from cuvee.serve.service import Settings
from cuvee.sql.database import writing
from tests.cli.test_commands import call
from tests.serve.conftest import Running, running


def event(name: str, item: str = "i01", user: str = "ann") -> dict[str, Any]:
    return {"events": [{"event_id": name, "user_id": user, "item_id": item, "kind": "buy"}]}


def items(client: Any, **body: Any) -> list[str]:
    answer = client.post("/v1/recommendations", json={"k": 200, **body})
    assert answer.status_code == 200, answer.text
    assert not answer.json()["degraded"]
    return [item["item_id"] for item in answer.json()["items"]]


@pytest.fixture
def client(bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """The app in this process; it waits for a fifth of a second for others that write."""
    monkeypatch.setattr("cuvee.serve.service.SqlLog", lambda url: SqlLog(url, busy_timeout=0.2))
    with TestClient(create_app(Settings(bundle, tmp_path, demo=True))) as client:
        yield client


def test_locked_for_longer_than_anybody_waits(client: TestClient, tmp_path: Path) -> None:
    other = SqlLog(f"sqlite:///{tmp_path}/cuvee.db")
    with writing(other.engine):
        refused = client.post("/v1/events", json=event("a"))
        assert refused.status_code == 503
        assert "another process keeps the database locked" in refused.json()["detail"]
        assert int(refused.headers["retry-after"]) >= 1
        assert "i01" in items(client, user_id="ann")
    assert client.post("/v1/events", json=event("a")).status_code == 201
    assert "i01" not in items(client, user_id="ann")
    other.close()


def test_a_clock_that_jumps_back(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a day: nothing waits for it to come round again, and what is done then counts."""
    assert client.post("/v1/events", json=event("a", "i01")).status_code == 201
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 86_400)
    before = time.monotonic()
    stored = client.post("/v1/events", json=event("b", "i02"))
    assert stored.status_code == 201
    assert 0 <= int(stored.headers["ratelimit-reset"]) <= 1
    assert not {"i01", "i02"} & set(items(client, user_id="ann"))
    assert client.post("/v1/items/i03:hide").status_code == 200
    assert "i03" not in items(client, user_id="ann")
    trending = client.get("/v1/trending").json()["items"]
    assert {item["item_id"] for item in trending} >= {"i01", "i02"}
    job = client.get("/v1/jobs")
    assert job.status_code == 200
    found = client.get("/v1/events").json()["events"]
    assert [e["event_id"] for e in found] == ["a", "b"]
    assert found[0]["time"] > found[1]["time"]
    assert client.get("/readyz").status_code == 200
    assert time.monotonic() - before < 5


@pytest.fixture(scope="module")
def own(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(bundle, tmp_path_factory.mktemp("full"), 1, demo=True) as started:
        yield started


def test_a_full_disk(own: Running) -> None:
    """No file may grow: writes are told so, answers go on, and when there is room again so do writes."""
    assert own.client.post("/v1/events", json=event("before")).status_code == 201
    pid, before = own.process.pid, resource.prlimit(own.process.pid, resource.RLIMIT_FSIZE)
    ahead = (own.data / "cuvee.db-wal").stat().st_size
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (ahead + 40_000, before[1]))
    acknowledged, refused = ["before"], None
    for n in range(200):
        answer = own.client.post("/v1/events", json=event(f"full-{n}", user="bo"))
        if answer.status_code != 201:
            refused = answer
            break
        acknowledged.append(f"full-{n}")
    assert refused is not None
    assert refused.status_code == 503
    assert "disk" in refused.json()["detail"]
    assert refused.headers["retry-after"]
    for _ in range(5):
        assert "i01" not in items(own.client, user_id="ann")
        assert own.client.post("/v1/events", json=event("later")).status_code == 503
    resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
    assert own.client.post("/v1/events", json=event("later")).status_code == 201
    found = own.log.read(0, 1_000)["event_id"].to_list()
    assert found == [*acknowledged, "later"]


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def _turn(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 0xFF
    path.write_bytes(bytes(content))


@pytest.mark.parametrize("damage", [_cut, _turn, Path.unlink])
@pytest.mark.parametrize("pattern", ["model*.safetensors", "*.json"])
def test_a_damaged_bundle_is_not_started(
    bundle: Path, tmp_path: Path, damage: Callable[[Path], None], pattern: str
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(bundle, broken)
    path = sorted(broken.glob(pattern))[0]
    damage(path)
    with pytest.raises(BundleError, match=path.stem.split(".", maxsplit=1)[0]):
        call("serve", str(broken), "--data", str(tmp_path / "data"))
    assert not (tmp_path / "data" / "cuvee.db").exists()
