"""The sessions of docs/conversation.md are what comes out."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from cuvee.cli.main import cuvee
from cuvee.demo.write import write_shop

PAGE = Path(__file__).parents[2] / "docs" / "conversation.md"
RECIPE = "reader: {folder: {path: shop}}\nsplit: random\nmodel: ease\nfilters: [unseen]\n"


@pytest.mark.parametrize(("lang", "place"), [("en", 0), ("zh", 1)])
def test_sessions(lang: str, place: int, tmp_path: Path) -> None:
    session = re.findall(r"```text\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[place]
    write_shop(tmp_path / "shop", lang=lang, scale=0.2)
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    runner = CliRunner()
    ran = runner.invoke(cuvee, ["run", str(tmp_path / "recipe.yaml"), "--out", str(tmp_path / "run")])
    assert ran.exit_code == 0, ran.output
    said = "\n".join(re.findall(r"^> (.*)$", session, re.MULTILINE)) + "\n"
    chat = ["chat", str(tmp_path / "run"), "--user", "u0043", "-k", "3"]
    found = runner.invoke(cuvee, chat, input=said, catch_exceptions=False)
    assert found.output.rstrip() == session.rstrip()
