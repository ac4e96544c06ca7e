"""An offline run leaves a folder that holds its figures and settings, and nothing is sent."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from wandb.proto import wandb_internal_pb2

from cuvee.trackers.wandb import Wandb

pytestmark = pytest.mark.slow


def records(folder: Path) -> list[Any]:
    """Read a run's file: a header of 7 bytes, then blocks of 32 KiB of (checksum, length, type, bytes); type 1 is a
    whole record, 2 to 4 are its first, middle and last part.
    """
    [path] = folder.glob("*.wandb")
    data, at, found, parts = path.read_bytes(), 7, [], b""
    while at + 7 <= len(data):
        _, length, kind = struct.unpack_from("<IHB", data, at)
        if kind:
            parts += data[at + 7 : at + 7 + length]
        if kind in (1, 4):
            record = wandb_internal_pb2.Record()  # type: ignore[attr-defined]
            record.ParseFromString(parts)
            found.append(record)
            parts = b""
        at += 7 + length
        at += 32768 - at % 32768 if 32768 - at % 32768 < 7 else 0
    return found


def test_an_offline_run_holds_figures_and_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # nobody listens there: sending would fail
    tracker = Wandb(folder=tmp_path / "runs")
    tracker.track("first", {"test/ndcg@20": 0.25, "test/recall@20": 0.5}, {"model": "ease"})
    tracker.track("second", {"test/ndcg@20": 0.75}, {})
    tracker.track("third", {"test/ndcg@20": 0.5}, {}, {"loss": [3.0, 2.0], "score": [0.1]})
    folders = sorted((tmp_path / "runs" / "wandb").glob("offline-run-*"))
    assert len(folders) == 3
    found = {}
    for folder in folders:
        values: dict[str, float] = {}
        config: dict[str, str] = {}
        name = ""
        for record in records(folder):
            values |= {i.key or "/".join(i.nested_key): json.loads(i.value_json) for i in record.history.item}
            if record.HasField("run"):
                name = record.run.display_name
                config |= {u.key: json.loads(u.value_json) for u in record.run.config.update}
        found[name] = ({k: v for k, v in values.items() if not k.startswith("_")}, config.get("model"))
    assert found == {
        "first": ({"test/ndcg@20": 0.25, "test/recall@20": 0.5}, "ease"),
        "second": ({"test/ndcg@20": 0.75}, None),
        "third": ({"loss": 2.0, "score": 0.1, "test/ndcg@20": 0.5}, None),
    }
