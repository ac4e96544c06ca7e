"""What TensorBoard's own reader finds in the event file is what was tracked."""

import math
import subprocess
import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cuvee import registry
from cuvee.trackers.tensorboard import TensorBoard


def read(folder: Path) -> EventAccumulator:
    found = EventAccumulator(str(folder))
    found.Reload()
    return found


def test_figures_and_settings_come_back(tmp_path: Path) -> None:
    tracker = TensorBoard(tmp_path)
    tracker.track(
        "first", {"test/ndcg@20": 0.25, "test/recall@20": 0.5}, {"model": "ease", "seed": "7"}, {"loss": [3.0, 2.0]}
    )
    tracker.track("second", {"test/ndcg@20": math.nan}, {})
    first = read(tmp_path / "first")
    assert {tag: [e.value for e in first.Scalars(tag)] for tag in first.Tags()["scalars"]} == {
        "test/ndcg@20": [0.25],
        "test/recall@20": [0.5],
        "loss": [3.0, 2.0],
    }
    content = first.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    assert b"model" in content
    assert b"ease" in content
    assert math.isnan(read(tmp_path / "second").Scalars("test/ndcg@20")[0].value)
    assert len(list((tmp_path / "first").iterdir())) == 1


def test_it_is_built_from_a_recipe_line(tmp_path: Path) -> None:
    tracker = registry.build("trackers", {"tensorboard": {"folder": str(tmp_path)}})
    assert tracker == TensorBoard(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_a_missing_package_names_the_extra(name: str) -> None:
    code = f"import sys; sys.modules[{name!r}] = None; import cuvee.trackers.{name}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"ConfigError: the tracker '{name}' needs {name}" in done.stderr
    assert "pip install 'cuvee[track]'" in done.stderr
