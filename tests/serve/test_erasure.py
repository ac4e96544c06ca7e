"""Somebody is forgotten by the database, by every process at once, by a restart, and by the next fit."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import polars as pl
import pytest
from sqlalchemy import select

from cuvee.bundle import load_bundle
from cuvee.growing import without_users
from cuvee.logs.sql import SqlLog
from cuvee.queries import queries_of
from cuvee.serve.following import Changes, followed
from cuvee.serve.snapshot import snapshot_of
from cuvee.sql.database import reading
from cuvee.sql.models import active_version
from cuvee.sql.schema import metadata
from cuvee.sql.shown import Past
from cuvee.types import Dataset
from tests.serve.conftest import Running, running

WHO = "u09"


def answered(service: Running, user_id: str) -> set[tuple[str, ...]]:
    """Return the different answers that eight connections get."""
    found = set()
    for _ in range(8):
        with httpx.Client(base_url=service.client.base_url, timeout=20) as client:
            answer = client.post("/v1/recommendations", json={"user_id": user_id, "k": 200})
        found.add(tuple(item["item_id"] for item in answer.json()["items"]))
    return found


def rows(data: Path, table: str) -> list[Any]:
    log = SqlLog(f"sqlite:///{data}/cuvee.db")
    with reading(log.engine) as connection:
        return list(connection.execute(select(metadata.tables[table])).mappings())


def holds(data: Path, what: bytes) -> list[str]:
    files = [path for path in data.rglob("*") if path.is_file() and "vectors" not in path.parts]
    return [path.name for path in files if what in path.read_bytes()]


def finished(service: Running, job_id: str) -> dict[str, Any]:
    end = time.monotonic() + 60
    while (job := service.client.get(f"/v1/jobs/{job_id}").json())["state"] in ("queued", "running"):
        assert time.monotonic() < end, job
        time.sleep(0.1)
    return dict(job)


def test_somebody_is_forgotten(bundle: Path, tmp_path: Path) -> None:
    with running(bundle, tmp_path, workers=2, demo=True) as first:
        event = {"event_id": "e", "user_id": WHO, "item_id": "i02", "kind": "buy"}
        assert first.client.post("/v1/events", json={"events": [event]}).status_code == 201
        (known,), (nobody,) = answered(first, WHO), answered(first, "never/seen")
        assert known != nobody
        time.sleep(0.3)  # what was shown is written down
        assert holds(tmp_path, WHO.encode())
        told = first.client.post(f"/v1/users/{WHO}:erase").json()
        assert told["removed"]["events"] == 1
        assert told["purged"]
        assert len(told["versions"]) == 1
        assert holds(tmp_path, WHO.encode()) == []
        assert first.client.get(f"/v1/users/{WHO}:export").json() == {}
        assert answered(first, WHO) == {nobody}
        old = told["versions"][0]
        first.process.kill()
    with running(bundle, tmp_path, workers=1, demo=True) as second:
        job = finished(second, told["job_id"])
        if job["state"] == "failed":  # killed with the service
            job = finished(second, second.client.post("/v1/models:retrain").json()["job_id"])
        end = time.monotonic() + 20
        while second.client.get("/version").json()["model_version"] == old:  # until it has swapped
            assert time.monotonic() < end
            time.sleep(0.1)
        assert answered(second, WHO) == answered(second, "never/again")
        (erasure,) = rows(tmp_path, "erasures")
        assert (erasure["pseudonym"], erasure["job_id"]) == (told["pseudonym"], told["job_id"])
        assert erasure["models_clean_at"] > erasure["erased_at"]
        log = SqlLog(f"sqlite:///{tmp_path}/cuvee.db")
        with reading(log.engine) as connection:
            active = active_version(connection)
        assert active is not None
        assert active.version == job["result"]["version"]
        later, before = load_bundle(active.bundle).data, load_bundle(bundle).data
        assert WHO not in later.users
        assert len(later.events) == len(before.events) - int((before.events.user == 9).sum())
        assert not any(WHO.encode() in path.read_bytes() for path in active.bundle.iterdir())
        back = second.client.post(f"/v1/models/{old}:activate")
        assert back.status_code == 409
        assert "erased" in back.json()["detail"]
        assert second.client.post("/v1/users/nobody:erase").json() == {
            "pseudonym": None, "removed": {}, "purged": True, "versions": [], "job_id": None,
        }  # fmt: skip


def test_a_forgotten_row_is_nobody(bundle: Path, tmp_path: Path) -> None:
    before = snapshot_of(bundle)
    past = Past(personal=True)
    other = followed(before, Changes(erased=[("another version", 9)]), tmp_path)
    assert other.user(WHO, past).seen.nnz > 0
    after = followed(before, Changes(erased=[(before.version, 9)]), tmp_path)
    assert after.user(WHO, past).seen.nnz == after.user("never seen", past).seen.nnz == 0
    assert after.user(WHO, past).users is None
    assert (after.row_of(WHO), other.row_of(WHO)) == (None, 9)
    assert after.user("u10", past).seen.nnz > 0


def test_a_data_set_without_somebody(world: Dataset) -> None:
    """Rows of others stay; events, profile, reviews and links of the one go."""
    world = replace(
        world,
        reviews=pl.DataFrame({"user_id": ["u03", "u04"], "item_id": ["i01", "i02"], "text": ["a", "b"]}),
        social=pl.DataFrame({"src": ["u03", "u04", "u05"], "dst": ["u05", "u03", "u06"]}),
    )
    found = without_users(world, np.array([3], np.int32))
    assert found.users[2::2] == world.users[2::2]
    assert "u03" not in found.users
    assert found.user_table["user_id"].to_list() == list(found.users)
    assert found.reviews is not None
    assert found.reviews["user_id"].to_list() == ["u04"]
    assert found.social is not None
    assert found.social.rows() == [("u05", "u06")]
    assert found.matrix[3].nnz == 0
    others = np.array([n for n in range(len(world.users)) if n != 3], np.int32)
    np.testing.assert_array_equal(found.matrix[others].toarray(), world.matrix[others].toarray())
    asked = queries_of(found, np.array([3, 4], np.int32))
    for name, part in asked.features.items():
        assert not part.present[0]
        assert not part.vectors[0].any()
        np.testing.assert_array_equal(part.vectors[1], world.feature("user", name).vectors[4])
    assert without_users(world, np.zeros(0, np.int32)).users == world.users


@pytest.mark.parametrize("agrees", [True, False])
def test_a_fit_reads_nothing_of_who_refuses(agrees: bool, service: Running, bundle: Path) -> None:
    """The history of the bundle is not asked either."""
    service.client.put("/v1/users/u11/consent", json={"personalisation": agrees})
    answers = [service.client.post("/v1/recommendations", json={"user_id": u, "k": 9}).json() for u in ("u11", "x/y")]
    assert answers[0]["personal"] == agrees
    assert (answers[0]["items"] == answers[1]["items"]) == (not agrees)
    service.client.put("/v1/users/u11/consent", json={"personalisation": True})
    assert load_bundle(bundle).user("u11").seen.nnz > 0
