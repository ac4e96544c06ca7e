"""The commands that read a folder or a bundle, called as people call them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner, Result

from cuvee import registry
from cuvee.bundle import Bundle, load_bundle, save_bundle
from cuvee.cli.main import cuvee, main
from cuvee.errors import ConfigError, UnknownNameError
from cuvee.models.blend import Blend
from cuvee.models.content import Content
from cuvee.models.ease import Ease
from cuvee.queries import queries_of
from cuvee.readers.folder import Folder
from cuvee.recipe import Recipe, load_recipe
from cuvee.splits.random import Random
from cuvee.types import PAD, Dataset
from tests.conftest import make_world


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cuvee, arguments, catch_exceptions=False)


def printed(*arguments: str) -> str:
    result = call(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    world = make_world()
    blend = Blend((Ease(3), Content({"text": 1.0})), shares=(1, 0.2, 0.2, 0.1, 0))
    recipe = Recipe(Folder(Path("/gone")), Random(), blend)
    folder = tmp_path_factory.mktemp("run") / "bundle"
    save_bundle(Bundle(recipe, blend.fit(world, None, np.random.default_rng(0)), world, ()), folder)
    return str(folder)


def test_recommend_to_a_user(bundle: str) -> None:
    """What `Bundle.recommend` says, with titles and reasons; JSON and table agree."""
    loaded = load_bundle(Path(bundle))
    slate = loaded.recommend(loaded.user("u04"), 4)
    told = json.loads(printed("recommend", bundle, "--user", "u04", "-k", "4", "--json"))
    assert told["user_id"] == "u04"
    assert [row["item_id"] for row in told["items"]] == [loaded.data.items[i] for i in slate.items[0]]
    assert [row["score"] for row in told["items"]] == pytest.approx(slate.scores[0].tolist())
    assert {reason["kind"] for row in told["items"] for reason in row["reasons"]} == {"views", "history"}
    lines = printed("recommend", bundle, "--user", "u04", "-k", "4").splitlines()
    for rank, row in enumerate(told["items"]):
        assert lines[2 * rank].split() == [
            f"{rank + 1}.",
            *row["title"].split(),
            f"[{row['item_id']}]",
            f"{row['score']:.3f}",
        ]
        assert lines[2 * rank + 1].strip() == "; ".join(reason["text"] for reason in row["reasons"])


def test_recommend_to_somebody_unknown(bundle: str) -> None:
    """With items their session, without any the popular; an item without a title goes by its id."""
    some = json.loads(printed("recommend", bundle, "--item", "i02", "--item", "i05", "--json", "-k", "30"))["items"]
    assert {row["item_id"] for row in some} == set(make_world().items) - {"i02", "i05"}
    assert next(row["title"] for row in some if row["item_id"] == "i03") == "i03"
    nothing = json.loads(printed("recommend", bundle, "--json", "-k", "1"))
    assert nothing["user_id"] is None
    assert nothing["items"][0]["item_id"] == f"i{make_world().demand.argmax():02}"


def test_recommend_to_everybody(bundle: str, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "all.parquet"
    assert "rows written to" in printed("recommend", bundle, "--all", "--out", str(out), "-k", "9")
    table = pl.read_parquet(out)
    assert table.schema == {"user_id": pl.String, "item_id": pl.String, "rank": pl.Int32, "score": pl.Float32}
    loaded = load_bundle(Path(bundle))
    slate = loaded.recommend(queries_of(loaded.data, np.arange(37, dtype=np.int32)), 9)
    expected = [
        (loaded.data.users[q], loaded.data.items[item], place + 1)
        for q, row in enumerate(slate.items)
        for place, item in enumerate(row)
        if item != PAD
    ]
    assert table.drop("score").rows() == expected
    assert list(out.parent.iterdir()) == [out]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["--user", "u1", "--item", "i01"], ConfigError, "choose one"),
        (["--all"], ConfigError, "belong together"),
        (["--out", "x.parquet"], ConfigError, "belong together"),
        (["--user", "U04"], UnknownNameError, "did you mean 'u04'"),
        (["--item", "i1"], UnknownNameError, "unknown item 'i1'"),
    ],
)
def test_recommend_says_what_is_wrong(arguments: list[str], error: type[Exception], message: str, bundle: str) -> None:
    with pytest.raises(error, match=message):
        call("recommend", bundle, *arguments)


def test_similar(bundle: str) -> None:
    loaded = load_bundle(Path(bundle))
    expected = [loaded.data.items[i] for i in loaded.similar("i02", 3).items[0]]
    told = json.loads(printed("similar", bundle, "--item", "i02", "-k", "3", "--json"))
    assert told["item_id"] == "i02"
    assert [row["item_id"] for row in told["items"]] == expected
    lines = printed("similar", bundle, "--item", "i02", "-k", "3").splitlines()
    assert [line.split("[")[1].split("]")[0] for line in lines] == expected


def test_export_writes_every_vector(bundle: str, tmp_path: Path) -> None:
    world = make_world()
    printed("export", bundle, "--embeddings", "--out", str(tmp_path / "out"))
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "item-image.parquet", "item-noise.parquet", "item-text.parquet", "user-profile.parquet",
    ]  # fmt: skip
    for role, modality, ids in (("item", "text", world.items), ("user", "profile", world.users)):
        table = pl.read_parquet(tmp_path / "out" / f"{role}-{modality}.parquet")
        assert table.columns == [f"{role}_id", "present", "vector"]
        assert tuple(table[f"{role}_id"]) == ids
        np.testing.assert_array_equal(table["vector"].to_numpy(), world.feature(role, modality).vectors)
        np.testing.assert_array_equal(table["present"].to_numpy(), world.feature(role, modality).present)


def shop(folder: Path, world: Dataset, *, kinds: bool, ratings: bool, content: bool) -> Path:
    """Write the world as a canonical folder."""
    folder.mkdir()
    e = world.events
    table = pl.DataFrame(
        {
            "user_id": np.array(world.users)[e.user],
            "item_id": np.array(world.items)[e.item],
            "timestamp": e.time,
            **({"event": np.array(e.kinds)[e.kind]} if kinds else {}),
            **({"rating": e.item % 5 + 1} if ratings else {}),
        }
    )
    table.write_csv(folder / "interactions.csv")
    (folder / "a.png").write_bytes(b"")
    if content:
        items = world.item_table.with_columns(image=pl.lit("a.png"), available=pl.lit(True))
        items.write_csv(folder / "items.csv")
    world.user_table.with_columns(age=pl.lit(30)).write_csv(folder / "users.csv")
    return folder


def test_init_looks_at_the_folder(tmp_path: Path, world: Dataset) -> None:
    """Kinds of event become targets, columns become encoders, views, filters and slices."""
    folder = shop(tmp_path / "shop", world, kinds=True, ratings=False, content=True)
    assert f"cuvee run {folder / 'recipe.yaml'}" in printed("init", str(folder))
    recipe = load_recipe(folder / "recipe.yaml")
    assert recipe.reader == Folder(folder)
    assert recipe.split == Random(targets=("buy",))
    assert list(recipe.encoders) == ["text", "image"]
    assert [registry.describe(f) for f in recipe.filters] == [
        {"unseen": {"kinds": [], "within_days": None}},
        {"available": {"column": "available"}},
    ]
    assert len(recipe.evaluate.slices) == 3
    with pytest.raises(ConfigError, match="is there already; --force"):
        call("init", str(folder))
    (folder / "recipe.yaml").write_text("old")
    printed("init", str(folder), "--force")
    assert load_recipe(folder / "recipe.yaml") == recipe


def test_init_without_content_elsewhere(tmp_path: Path, world: Dataset) -> None:
    """Ratings from 1 to 5 count from 4 on; the path is relative to where the recipe lies."""
    folder = shop(tmp_path / "shop", world, kinds=False, ratings=True, content=False)
    out = tmp_path / "recipes" / "deep" / "r.yaml"
    printed("init", str(folder), "--out", str(out))
    assert "path: ../../shop" in out.read_text()
    recipe = load_recipe(out)
    assert isinstance(recipe.reader, Folder)
    assert recipe.reader.path.resolve() == folder
    assert recipe.reader.min_rating == 4
    assert recipe.split == Random()
    assert recipe.encoders == {}
    recipe.model.fit(recipe.reader.read(), None, np.random.default_rng(0))


def test_init_into_a_place_that_cannot_be(tmp_path: Path, world: Dataset) -> None:
    folder = shop(tmp_path / "shop", world, kinds=False, ratings=False, content=False)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"cannot be written .* --out FILE"):
        call("init", str(folder), "--out", str(tmp_path / "file" / "r.yaml"))


def test_components_at_three_depths() -> None:
    kinds = dict(line.split(maxsplit=1) for line in printed("components").splitlines())
    assert set(kinds) == set(registry.KINDS)
    assert kinds["filters"].split(", ") == registry.names("filters")
    models = printed("components", "models")
    assert "ease                   Item-to-item weights by ridge regression with a zero diagonal." in models
    one = printed("components", "models", "content_ease")
    assert "on: Mapping[str, float] (default {'text': 1.0})\n    Item modality -> its weight in T T'." in one
    assert "views: tuple[Estimator, ...] (required)" in printed("components", "models", "blend")
    with pytest.raises(UnknownNameError, match="did you mean 'models'"):
        call("components", "model")


def test_the_door_lists_commands_and_suggests() -> None:
    """Help shows the first line of every command's file; a slip of the finger is met with the nearest name."""
    text = printed("--help")
    for path in (Path(sys.modules["cuvee.cli.main"].__file__ or "").parent / "commands").glob("[a-z]*.py"):
        assert path.stem in text
    assert "Show the items closest to one item." in text
    result = call("recomend", "x")
    assert result.exit_code == 2
    assert "did you mean 'recommend'" in result.output


def test_errors_end_in_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["cuvee", "similar", "/gone", "--item", "a"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("cuvee: /gone: not a bundle")
    assert err.count("\n") == 1


def test_help_imports_no_command() -> None:
    call_help = "from cuvee.cli.main import cuvee; cuvee(['--help'], standalone_mode=False)"
    code = f"import sys; {call_help}; print(sorted(sys.modules))"
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    for heavy in ("torch", "polars", "numpy", "transformers", "cuvee.cli.commands.run"):
        assert f"'{heavy}'" not in done.stdout
