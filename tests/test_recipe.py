"""Recipes: what wins over what, what is refused, and that nothing is lost on the way."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuvee import plain_yaml
from cuvee.errors import ConfigError, UnknownNameError
from cuvee.filters.available import Available
from cuvee.filters.unseen import Unseen
from cuvee.models.blend import Blend
from cuvee.models.content import Content
from cuvee.models.ease import Ease
from cuvee.models.popular import Popular
from cuvee.models.tuned import Tuned
from cuvee.projection import Projection
from cuvee.ranges import Range
from cuvee.readers.folder import Folder
from cuvee.recipe import Evaluation, Recipe, dump_recipe, load_recipe, read_recipe
from cuvee.slices.user_column import UserColumn
from cuvee.splits.given import Given
from cuvee.splits.random import Random
from cuvee.stages.diversity import Diversity

TEXT = """
reader: {folder: {path: data/shop, min_rating: 3}}
split: random
model: {blend: {views: [ease, {content: {on: {title: 1.0}}}]}}
"""


def write(folder: Path, text: str = TEXT) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_defaults_and_relative_paths(tmp_path: Path) -> None:
    """`on` is a key and no boolean; paths are taken from the recipe's folder."""
    recipe = load_recipe(write(tmp_path))
    assert recipe == Recipe(
        Folder(tmp_path / "data/shop", min_rating=3), Random(), Blend((Ease(), Content({"title": 1.0})))
    )
    assert (recipe.filters, recipe.stages, recipe.seed, recipe.evaluate.keep) == ((Unseen(),), (), 0, 50)


FULL = Recipe(
    reader=Folder(Path("/data"), kinds={"on": 1.0, "no": -0.5}, min_rating=None),
    split=Given(Path("/s.csv"), "cold_among_all"),
    model=Tuned(Blend((Ease(3.5), Popular()), weights=(1.0, 0.0)), {"k": (5, 10)}),
    events={"no": -0.5, "buy": 1.0},
    project=Projection(centre=False, dim=None),
    filters=(Available("007"), Unseen()),
    stages=(Diversity(0.3, ("text", "yes")),),
    evaluate=Evaluation(("ndcg@5", "coverage"), (UserColumn("1e3"),), 7, verdict=False),
    seed=4,
    tune={"model.tuned.rounds": Range(1, 3), "impute": Range(choices=("zero", "mean")), "x": Range(0.5, 2.0, log=True)},
)


@pytest.mark.parametrize(
    "recipe", [FULL, Recipe(Folder(Path("/x")), Random(), Ease(), filters=())], ids=["full", "least"]
)
def test_what_is_dumped_reads_back(recipe: Recipe, tmp_path: Path) -> None:
    assert load_recipe(write(tmp_path, dump_recipe(recipe))) == recipe


LETTERS = st.characters(exclude_categories=("C", "Zl", "Zp"))  # PyYAML does not quote a next-line character
TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(LETTERS, max_size=8)
    | st.sampled_from(["on", "off", "y", "~", "1e3", "0o7", "12:30", "2020-01-01"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(LETTERS, min_size=1, max_size=5) | st.sampled_from(["on", "no"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(TREES)
def test_plain_yaml_comes_back(tree: Any) -> None:
    assert plain_yaml.load(plain_yaml.dump(tree)) == tree


@pytest.mark.parametrize("text", ["on", "off", "yes", "No", "y"])
def test_only_true_and_false_are_booleans(text: str) -> None:
    assert plain_yaml.load(text) == text
    assert plain_yaml.load("[true, False]") == [True, False]


def test_command_line_over_environment_over_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUVEE_SET__SPLIT__RANDOM__TEST", "0.3")
    monkeypatch.setenv("CUVEE_SET__SEED", "8")
    monkeypatch.setenv("CUVEE_SET__READER__FOLDER__MIN_RATING", "4")
    recipe = load_recipe(write(tmp_path, TEXT + "seed: 2\n"), ["seed=9", "split.random.valid=.2"])
    assert (recipe.split, recipe.seed) == (Random(0.2, 0.3), 9)
    assert isinstance(recipe.reader, Folder)
    assert recipe.reader.min_rating == 4


@pytest.mark.parametrize(
    ("change", "model"),
    [
        ("model=popular", Popular()),
        ("model={ease: {l2: 5}}", Ease(5)),
        ("model.blend.views.0=popular", Blend((Popular(), Content({"title": 1.0})))),
        ("model.blend.views.0.ease.l2=5", Blend((Ease(5), Content({"title": 1.0})))),
        ("model.blend.views.1.content.on.title=2", Blend((Ease(), Content({"title": 2.0})))),
        ("model.blend.weights=[1, 2.5]", Blend((Ease(), Content({"title": 1.0})), weights=(1, 2.5))),
    ],
)
def test_one_value_is_changed(change: str, model: Any, tmp_path: Path) -> None:
    """In a list by position; a bare name opens where a parameter of it is set."""
    assert load_recipe(write(tmp_path), [change]).model == model


def test_keys_that_are_not_there_yet(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path), ["evaluate.keep=5", "project.dim=null", "filters=[]"])
    assert (recipe.evaluate.keep, recipe.project.dim, recipe.filters) == (5, None, ())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("seed", "written key.key=value, got 'seed'"),
        ("=3", "written key.key=value"),
        ("seed=[1", r"seed=\[1: not valid YAML"),
        ("seed.deep=1", "seed is 0 and has no keys"),
        ("model.blend.views.7=ease", r"model\.blend\.views\.7: a position from 0 to 1"),
        ("model.blend.views.x.ease.l2=5", "a position from 0 to 1 is needed, got 'x'"),
        ("model.blend.views.1.content.on.title.x=1", "has no keys"),
        ("sed=1", "unknown key 'sed'; did you mean 'seed'"),
        ("seed=-1", "whole number of 0 or more, got -1"),
        ("seed=true", "whole number"),
    ],
)
def test_changes_that_cannot_be(change: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"recipe.yaml: .*{message}"):
        load_recipe(write(tmp_path, TEXT + "seed: 0\n"), [change])


def test_variables_are_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the environment or the default; an empty one counts as unset; a path there is meant from where we are."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    (tmp_path / "sub").mkdir()
    text = """
reader: {folder: {path: '${CUVEE_T_DATA}/shop'}}
split: ${CUVEE_T_SPLIT:-random}
model: ${CUVEE_T_MODEL:-ease}
seed: ${CUVEE_T_SEED:-3}
"""
    monkeypatch.setenv("CUVEE_T_DATA", "here")
    monkeypatch.setenv("CUVEE_T_MODEL", "popular")
    monkeypatch.setenv("CUVEE_T_SPLIT", "")
    assert load_recipe(write(tmp_path / "sub", text)) == Recipe(
        Folder(tmp_path / "here/shop"), Random(), Popular(), seed=3
    )
    monkeypatch.setenv("CUVEE_T_DATA", "gone")
    assert load_recipe(write(tmp_path / "sub", text)).reader == Folder(tmp_path / "sub/gone/shop")
    monkeypatch.delenv("CUVEE_T_DATA")
    with pytest.raises(ConfigError, match=r"\$\{CUVEE_T_DATA\} is not set .* or write \$\{CUVEE_T_DATA:-default\}"):
        load_recipe(write(tmp_path / "sub", text))


@pytest.mark.parametrize(
    "key", ["password", "api_key", "apikey", "API_KEY", "token", "access_token", "client_secret", "secret_key"]
)
def test_secrets_are_refused_wherever_they_come_from(key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=f"'{key}': secrets are read from the environment only"):
        load_recipe(write(tmp_path, f"{TEXT}track: [{{wandb: {{{key}: x}}}}]"))
    with pytest.raises(ConfigError, match="secrets are read"):
        load_recipe(write(tmp_path), [f"track=[{{wandb: {{{key}: x}}}}]"])
    monkeypatch.setenv(f"CUVEE_SET__PROJECT__{key.upper()}", "x")
    with pytest.raises(ConfigError, match="secrets are read"):
        load_recipe(write(tmp_path))


@pytest.mark.parametrize("key", ["max_tokens", "tokenizer", "secretary"])
def test_words_that_only_sound_like_secrets(key: str, tmp_path: Path) -> None:
    changed = TEXT.replace("title: 1.0", f"{key}: 1.0")
    assert load_recipe(write(tmp_path, changed)).model == Blend((Ease(), Content({key: 1.0})))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- 1", "a recipe is a mapping"),
        ("", "a recipe is a mapping"),
        ("reader: [", "not valid YAML"),
        ("split: random", "the recipe needs reader, model"),
        (TEXT + "filter: []", "unknown key 'filter'; did you mean 'filters'"),
        (TEXT + "filters: unseen", "filters must be a list, got 'unseen'"),
        (TEXT + "evaluate: [ndcg]", r"evaluate must be a mapping, got \['ndcg'\]"),
        (TEXT + "evaluate: {metric: []}", "unknown key of evaluate: 'metric'; did you mean 'metrics'"),
        (TEXT + "evaluate: {users: 0}", r"evaluate\.users must be at least 1, or null for all, got 0"),
        (TEXT + "evaluate: {keep: many}", r"evaluate\.keep: .*'many'"),
        (TEXT + "project: {dim: wide}", r"project\.dim"),
    ],
)
def test_files_that_are_no_recipe(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"recipe.yaml: .*{message}"):
        load_recipe(write(tmp_path, text))


def test_no_file_and_no_such_component(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such recipe; `cuvee init DIR`"):
        load_recipe(tmp_path / "gone.yaml")
    with pytest.raises(UnknownNameError, match="did you mean 'history_length'"):
        read_recipe(plain_yaml.load(TEXT + "evaluate: {slices: [history_lenght]}"), tmp_path)


def test_what_kinds_of_event_weigh(tmp_path: Path) -> None:
    """Without the key nothing is written of it; a single weight can be set from the command line."""
    path = write(tmp_path)
    assert load_recipe(path).events is None
    assert "events" not in dump_recipe(load_recipe(path))
    assert load_recipe(path, ["events=null"]).events is None
    assert load_recipe(path, ["events.view=0.25", "events.dislike=-1"]).events == {"view": 0.25, "dislike": -1.0}
    learn = load_recipe(path, ["events=learn"])
    assert learn.events == "learn"
    assert read_recipe(plain_yaml.load(dump_recipe(learn)), tmp_path).events == "learn"


@pytest.mark.parametrize(
    "value", ["learnt", "{}", "[1]", "0.5", "{view: x}", "{view: .nan}", "{view: true}", "{view: }"]
)
def test_weights_of_events_that_are_none(value: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="events"):
        load_recipe(write(tmp_path), [f"events={value}"])
