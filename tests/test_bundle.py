"""A bundle answers as the model did that went into it, wherever it is taken."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cuvee import registry
from cuvee.bundle import Bundle, load_bundle, save_bundle
from cuvee.errors import BundleError, UnknownNameError
from cuvee.features import Channel
from cuvee.filters.available import Available
from cuvee.filters.unseen import Unseen
from cuvee.models.blend import Blend
from cuvee.models.content import Content
from cuvee.models.ease import Ease
from cuvee.projection import FittedProjection
from cuvee.queries import queries_of
from cuvee.readers.folder import Folder
from cuvee.recipe import Recipe
from cuvee.splits.random import Random
from cuvee.stages.diversity import Diversity
from cuvee.types import Dataset, Slate

BLEND = Blend((Ease(3), Content({"text": 1.0})), weights=(1, 0.5), shares=(1, 0.3, 0.2, 0.1, 0))


@pytest.fixture(scope="module")
def bundle(world: Dataset) -> Bundle:
    """The recipe names a folder that does not exist."""
    recipe = Recipe(
        Folder(Path("/gone")), Random(), BLEND, filters=(Unseen(), Available("stock")), stages=(Diversity(0.4),), seed=3
    )
    return Bundle(recipe, BLEND.fit(world, None, np.random.default_rng(0)), world, ())


@pytest.fixture
def saved(bundle: Bundle, tmp_path: Path) -> Path:
    save_bundle(bundle, tmp_path / "made" / "bundle")
    moved = tmp_path / "elsewhere"
    shutil.move(tmp_path / "made", moved)
    return moved / "bundle"


def equal(a: Slate, b: Slate) -> None:
    np.testing.assert_array_equal(a.items, b.items)
    np.testing.assert_array_equal(a.scores, b.scores)


def test_same_answers_after_loading(bundle: Bundle, saved: Path) -> None:
    """Through filters and stages, for users, sessions and similar items; by the folder of the run too."""
    for folder in (saved, saved.parent):
        loaded = load_bundle(folder)
        assert loaded.recipe == bundle.recipe
        everybody = [queries_of(b.data, np.arange(37, dtype=np.int32)) for b in (bundle, loaded)]
        equal(bundle.recommend(everybody[0], 6), loaded.recommend(everybody[1], 6))
        equal(bundle.recommend(bundle.items(["i03", "i21"]), 6), loaded.recommend(loaded.items(["i03", "i21"]), 6))
        equal(bundle.similar("i03", 6), loaded.similar("i03", 6))


def test_filters_and_stages_of_the_recipe_are_used(bundle: Bundle, world: Dataset) -> None:
    """Nothing seen, nothing out of stock; without the stage the order is another."""
    slate = bundle.recommend(bundle.user("u04"), 8)
    seen = set(world.events.item[world.events.user == 4].tolist())
    out = {i for i in range(23) if i % 4 == 0}
    assert not set(slate.items[0].tolist()) & (seen | out)
    plain = replace(bundle, recipe=replace(bundle.recipe, stages=())).recommend(bundle.user("u04"), 8)
    assert plain.items[0].tolist() != slate.items[0].tolist()
    assert (np.diff(plain.scores[0]) <= 0).all()


def test_reasons_of_every_explainer_at_each_place(bundle: Bundle) -> None:
    query = bundle.user("u07")
    slate = bundle.recommend(query, 3)
    views, history = (registry.build("explainers", name) for name in ("views", "history"))
    both = bundle.reasons(query, slate, [history, views])
    apart = [e.explain(bundle.model, query, slate, bundle.data) for e in (history, views)]
    assert both == [[apart[0][0][place] + apart[1][0][place] for place in range(3)]]
    assert {r.kind for place in both[0] for r in place} == {"views", "history"}


def test_unknown_ids_suggest(bundle: Bundle) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown user 'u4'; did you mean 'u.?4"):
        bundle.user("u4")
    with pytest.raises(UnknownNameError, match="unknown item 'x99'"):
        bundle.similar("x99", 3)


def test_equal_bundles_are_equal_bytes(bundle: Bundle, saved: Path, tmp_path: Path) -> None:
    """Also when one is written over another."""
    other = replace(bundle, model=Ease(9).fit(bundle.data, None, np.random.default_rng(0)))
    save_bundle(other, tmp_path / "b")
    save_bundle(bundle, tmp_path / "b")
    first, second = ({p.name: p.read_bytes() for p in folder.iterdir()} for folder in (saved, tmp_path / "b"))
    assert first == second
    assert not [name for name in first if not name.endswith((".json", ".safetensors", ".parquet", ".yaml"))]


def test_the_environment_does_not_change_a_bundle(bundle: Bundle, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUVEE_SET__SEED", "77")
    monkeypatch.setenv("CUVEE_SET__NONSENSE", "1")
    assert load_bundle(saved).recipe == bundle.recipe


@pytest.mark.parametrize(
    "part", ["recipe.yaml", "model.json", "data.json", "channels.json", "*.safetensors", "*.parquet"]
)
@pytest.mark.parametrize("damage", ["gone", "cut", "rubbish"])
def test_damage_is_named(part: str, damage: str, saved: Path) -> None:
    (path, *_) = sorted(saved.glob(part))
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content[: len(content) // 2] + (b"[}" if damage == "cut" else b"\xff{" * 40))
    with pytest.raises(BundleError, match=path.name):
        load_bundle(saved)


def test_no_bundle_at_all(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"not a bundle, it has no recipe\.yaml; `cuvee run RECIPE"):
        load_bundle(tmp_path / "gone")


def test_channels_travel(bundle: Bundle, tmp_path: Path) -> None:
    """The state that serves items to come; its weights are not needed to load."""
    text = registry.build("encoders", {"text": {"columns": ["title"], "weights": "/gone"}})
    projection = FittedProjection(np.arange(3, dtype=np.float32), np.eye(3, 2, dtype=np.float32))
    save_bundle(replace(bundle, channels=(Channel("item", "text", text, projection),)), tmp_path)
    (channel,) = load_bundle(tmp_path).channels
    assert (channel.role, channel.modality, channel.encoder) == ("item", "text", text)
    np.testing.assert_array_equal(channel.projection.mean, projection.mean)
    np.testing.assert_array_equal(channel.projection.axes, projection.axes)
