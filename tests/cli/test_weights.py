from pathlib import Path

import pytest
from click.testing import CliRunner

from cuvee import weights
from cuvee.cli.commands.weights import command
from cuvee.errors import UnknownNameError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CUVEE_WEIGHTS", str(tmp_path))
    return tmp_path


def test_list_says_what_is_here(home: Path) -> None:
    (home / "minilm").mkdir()
    result = CliRunner().invoke(command, ["list"], catch_exceptions=False)
    lines = result.output.splitlines()[1:]
    assert [line.split()[0] for line in lines] == list(weights.KNOWN)
    assert lines[0].split()[1:6] == ["text", "384", "84", "Apache-2.0", "added"]
    assert all(line.endswith(f"=={known.version}") for line, known in zip(lines, weights.KNOWN.values(), strict=True))


def test_add_prints_the_folder_and_names_the_nearest(home: Path) -> None:
    (home / "minilm").mkdir()
    result = CliRunner().invoke(command, ["add", "minilm"], catch_exceptions=False)
    assert result.output == f"minilm: {home / 'minilm'}\n"
    with pytest.raises(UnknownNameError, match="did you mean 'minilm'"):
        CliRunner().invoke(command, ["add", "minilmm"], catch_exceptions=False)
