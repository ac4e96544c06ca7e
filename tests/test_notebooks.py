"""The notebooks run from top to bottom, on the data where they are there and on the demo shop without them."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))


def read(name: str) -> nbformat.NotebookNode:
    found: nbformat.NotebookNode = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    return found


def executed(name: str) -> str:
    """Run a notebook and return what it printed."""
    notebook = read(name)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(FOLDER)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 1, f"{name} draws one plot"
    return "".join(output.text for output in outputs if output.output_type == "stream" and output.name == "stdout")


def test_there_is_one_a_scenario() -> None:
    assert NAMES == ["e-commerce", "social", "video"]


@pytest.mark.parametrize("name", NAMES)
def test_committed_without_outputs(name: str) -> None:
    notebook = read(name)
    for cell in notebook.cells:
        assert not cell.get("outputs"), f"{name}: clear the outputs; they hold rows of data sets"
        assert not cell.get("execution_count")


def test_social_without_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """On the demo shop; new people are told of by their friends."""
    monkeypatch.setenv("CUVEE_DATA", str(tmp_path))
    printed = executed("social")
    assert "friendships" in printed
    assert "chosen by friends and their friends" in printed


@pytest.mark.weights
def test_e_commerce() -> None:
    assert re.search(r"test_warm: NDCG@20 0\.[1-9]", executed("e-commerce"))


@pytest.mark.data
def test_social_on_data() -> None:
    """New people are served far better than by popularity."""
    found = re.search(r"test: NDCG@20 (0\.\d+), popularity (0\.\d+)", executed("social"))
    assert found is not None
    assert float(found[1]) > 0.40
    assert float(found[1]) - float(found[2]) > 0.1


@pytest.mark.data
@pytest.mark.weights
def test_video_on_data() -> None:
    found = re.search(r"NDCG@20 (0\.\d+)", executed("video"))
    assert found is not None
    assert float(found[1]) > 0.05
