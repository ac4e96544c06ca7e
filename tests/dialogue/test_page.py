"""The sessions of docs/conversation.md are what comes out."""

import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from cuvee.bundle import Bundle, save_bundle
from cuvee.cli.main import cuvee
from cuvee.demo.write import write_shop
from cuvee.recipe import load_recipe

PAGE = Path(__file__).parents[2] / "docs" / "conversation.md"


@pytest.mark.parametrize(("lang", "place"), [("en", 0), ("zh", 1)])
def test_sessions(lang: str, place: int, tmp_path: Path) -> None:
    """The recipe of the page, read and fitted on everything as `cuvee run` refits it; its measurements are left out."""
    page = PAGE.read_text(encoding="utf-8")
    recipe_text = re.search(r"printf '(.*?)' > recipe.yaml", page)
    assert recipe_text is not None
    session = re.findall(r"```text\n(.*?)```", page, re.DOTALL)[place]
    write_shop(tmp_path / "shop", lang=lang, scale=0.2)
    (tmp_path / "recipe.yaml").write_text(recipe_text[1].replace("\\n", "\n"))
    recipe = load_recipe(tmp_path / "recipe.yaml")
    data = recipe.reader.read()
    model = recipe.model.fit(data, None, np.random.default_rng(recipe.seed))
    save_bundle(Bundle(recipe, model, data, ()), tmp_path / "run")
    said = "\n".join(re.findall(r"^> (.*)$", session, re.MULTILINE)) + "\n"
    chat = ["chat", str(tmp_path / "run"), "--user", "u0043", "-k", "3"]
    found = CliRunner().invoke(cuvee, chat, input=said, catch_exceptions=False)
    assert found.output.rstrip() == session.rstrip()
