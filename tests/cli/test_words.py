"""`cuvee recommend --words`: reasons as sentences, and who worded them."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from cuvee import registry
from cuvee.bundle import Bundle, save_bundle
from cuvee.cli.main import cuvee
from cuvee.errors import ConfigError, UnknownNameError
from cuvee.models.blend import Blend
from cuvee.models.content import Content
from cuvee.models.ease import Ease
from cuvee.readers.folder import Folder
from cuvee.recipe import Recipe
from cuvee.splits.random import Random
from cuvee.types import Message
from tests.conftest import make_world
from tests.scripted_language_model import Scripted


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    world = make_world()
    blend = Blend((Ease(3), Content({"text": 1.0})), shares=(1, 0.2, 0.2, 0.1, 0))
    folder = tmp_path_factory.mktemp("words")
    model = blend.fit(world, None, np.random.default_rng(0))
    save_bundle(Bundle(Recipe(Folder(Path("/gone")), Random(), blend), model, world, ()), folder)
    return str(folder)


def call(*arguments: str) -> tuple[str, str]:
    done = CliRunner().invoke(cuvee, ["recommend", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout, done.stderr


def test_the_template(bundle: str) -> None:
    out, err = call(bundle, "--user", "u04", "-k", "3", "--words", "template")
    assert err == ""
    titles = [line.split("  [")[0].split(". ")[1] for line in out.splitlines()[::2]]
    for title, told in zip(titles, out.splitlines()[1::2], strict=True):
        assert told.strip().startswith(f"{title} is recommended")
        assert told.endswith(". [template]")


def test_a_model(bundle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It words the first item; of the others it tells another number."""
    asked = list[str]()

    def answer(messages: Sequence[Message]) -> str:
        asked.append(messages[-1].text)
        number, noun = re.findall(r"(\d+) % comes from ([a-z ]+)", asked[-1])[0]
        wrong = len(asked) > 1
        return f"Since you chose [B], we suggest [A], as {int(number) - wrong} % comes from {noun}."

    specs = list[object]()

    def build(kind: str, spec: object, base: Path | None = None) -> object:
        if kind != "llms":
            return real(kind, spec, base)
        specs.append(spec)
        return Scripted(answer)

    real = registry.build
    monkeypatch.setattr(registry, "build", build)
    out, err = call(bundle, "--user", "u04", "-k", "3", "--words", "{local: {seed: 1}}", "--json")
    assert specs == [{"local": {"seed": 1}}]
    assert [row["words"]["by"] for row in json.loads(out)["items"]] == ["model", "template", "template"]
    first, second, _ = (row["words"] for row in json.loads(out)["items"])
    assert first["text"].startswith("Since you chose ")
    assert first["refused"] == []
    assert second["refused"] == ["a number that is not the share of its noun"] * 2
    assert "1 of 3 worded by the model" in err


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("--words", "locla"), UnknownNameError, "did you mean 'local'"),
        (("--words", "{local: {sed: 1}}"), ConfigError, "seed"),
        (("--words", "{local"), ConfigError, "--words takes `template` or a language model"),
        (("--words", "local", "--all", "--out", "x"), ConfigError, "leave it out with --all"),
    ],
)
def test_what_is_wrong(arguments: tuple[str, ...], error: type[Exception], message: str, bundle: str) -> None:
    with pytest.raises(error, match=re.escape(message)):
        call(bundle, *arguments)
