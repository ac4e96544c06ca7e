import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from cuvee.cli.main import cuvee
from cuvee.errors import ConfigError
from cuvee.llms.local import Local
from cuvee.types import Message
from tests.tiny_language_models import TEMPLATE, save_tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("llama"), "llama", template=TEMPLATE)


def test_answers_and_says_what_it_took(folder: Path) -> None:
    spec = f"{{local: {{weights: {folder}, max_tokens: 9, precision: float32}}}}"
    done = CliRunner().invoke(cuvee, ["ask", "wine?", "--model", spec, "--system", "be brief"], catch_exceptions=False)
    model = Local(str(folder), max_tokens=9, precision="float32")
    assert done.stdout == model.complete([Message("system", "be brief"), Message("user", "wine?")]).text + "\n"
    assert f"{folder}: " in done.stderr
    assert "tokens/s" in done.stderr


def test_json_by_schema(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("llguidance", reason="pip install 'cuvee[llm]'")
    (tmp_path / "s.json").write_text('{"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 2}')
    spec = f"{{local: {{weights: {folder}, max_tokens: 40, precision: float32}}}}"
    arguments = ["ask", "wine?", "--model", spec, "--schema", str(tmp_path / "s.json")]
    answer = json.loads(CliRunner().invoke(cuvee, arguments, catch_exceptions=False).stdout)
    assert len(answer) == 2
    (tmp_path / "s.json").write_text("{")
    with pytest.raises(ConfigError, match=r"s\.json is not valid JSON"):
        CliRunner().invoke(cuvee, arguments, catch_exceptions=False)


def test_a_model_that_is_none() -> None:
    with pytest.raises(ConfigError, match="is not valid YAML"):
        CliRunner().invoke(cuvee, ["ask", "wine?", "--model", "{"], catch_exceptions=False)
    with pytest.raises(LookupError, match="lokal"):
        CliRunner().invoke(cuvee, ["ask", "wine?", "--model", "lokal"], catch_exceptions=False)
