"""Fitting again, swapping, rolling back: the old version answers until the new one can."""

import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from cuvee.bundle import load_bundle
from cuvee.serve.snapshot import version_in
from tests.serve.conftest import Running, running


def wait_for(service: Running, version: str) -> list[dict[str, Any]]:
    """Ask until this version answers; every answer until then is whole. Return the answers."""
    answers, end = [], time.monotonic() + 60
    while time.monotonic() < end:
        answer = service.client.post("/v1/recommendations", json={"user_id": "ann", "k": 200})
        assert answer.status_code == 200, answer.text
        answers.append(answer.json())
        if answers[-1]["model_version"] == version:
            return answers
        time.sleep(0.05)
    raise AssertionError(f"{version} never answered")


@pytest.fixture(scope="module")
def own(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("models")
    with running(bundle, folder, workers=1, demo=True) as started:
        yield started


def test_retrain_swap_and_roll_back(own: Running, bundle: Path) -> None:
    first = version_in(bundle)
    own.client.post("/v1/items", json={"item_id": "mug-1", "price": 3.0, "group": "mugs"})
    events = [
        {"event_id": f"r{u}", "user_id": f"r{u}", "item_id": "mug-1", "kind": "buy", "time": 1000 + u} for u in range(9)
    ]
    events += [{**e, "event_id": f"s{e['event_id']}", "item_id": "i02"} for e in events]
    events.append({"event_id": "ann", "user_id": "ann", "item_id": "i02", "kind": "buy", "time": 2000})
    events.append({"event_id": "x", "user_id": "ann", "item_id": "nowhere", "kind": "buy", "time": 2001})
    assert own.client.post("/v1/events", json={"events": events}).status_code == 201
    before = own.client.post("/v1/recommendations", json={"user_id": "ann", "k": 200}).json()
    started = own.client.post("/v1/models:retrain")
    assert started.status_code == 202, started.text
    path = f"/v1/jobs/{started.json()['job_id']}"
    end = time.monotonic() + 60
    while (job := own.client.get(path).json())["state"] in ("queued", "running") and time.monotonic() < end:
        time.sleep(0.1)
    assert job["state"] == "done", str(job)
    assert job["progress"] == 1
    answers = wait_for(own, job["result"]["version"])
    assert {a["model_version"] for a in answers} <= {first, job["result"]["version"]}
    ranks = [[i["item_id"] for i in a["items"]].index("mug-1") for a in (before, answers[-1])]
    assert ranks[1] < ranks[0]  # bought with i02 by nine people: what people do counts now
    assert "i02" not in [i["item_id"] for i in answers[-1]["items"]]
    retrained = load_bundle(own.data / "models" / job["result"]["version"])
    assert retrained.data.item_rows["mug-1"] == 23
    assert len(retrained.data.events) == len(load_bundle(bundle).data.events) + 19  # but that of nowhere
    listed = own.client.get("/v1/models").json()["models"]
    assert [m["version"] for m in listed if m["active"]] == [job["result"]["version"]]
    assert own.client.post(f"/v1/models/{first}:activate").status_code == 200
    wait_for(own, first)
    assert own.client.post("/v1/models/none:activate").status_code == 404


def test_a_damaged_version_never_answers(own: Running) -> None:
    """It is refused where it is seen at once; what is seen only when it is loaded leaves the old one answering."""
    version = own.client.get("/v1/models").json()["models"][0]["version"]
    folder = own.data / "models" / version
    kept = own.client.get("/version").json()["model_version"]
    assert kept != version
    (arrays,) = folder.glob("model*.safetensors")
    whole = arrays.read_bytes()
    arrays.write_bytes(whole[:-9])
    assert own.client.post(f"/v1/models/{version}:activate").status_code == 200
    end = time.monotonic() + 3
    while time.monotonic() < end:
        answer = own.client.post("/v1/recommendations", json={"k": 3})
        assert answer.status_code == 200
        assert answer.json()["model_version"] == kept
        time.sleep(0.1)
    arrays.write_bytes(whole)  # mended, it can be activated after all
    own.client.post(f"/v1/models/{version}:activate")
    wait_for(own, version)
    own.client.post(f"/v1/models/{kept}:activate")
    wait_for(own, kept)
    shutil.rmtree(folder)
    gone = own.client.post(f"/v1/models/{version}:activate")
    assert gone.status_code == 409
    assert "no longer there" in gone.json()["detail"]
