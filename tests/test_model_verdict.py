"""The worth of modalities to a model: planted worth is found, planted noise is not, users are averaged over seeds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cuvee.model_verdict import Worth, examine
from cuvee.pipeline import run
from cuvee.recipe import Recipe, load_recipe
from cuvee.registry import build
from cuvee.report.verdict_phrases import worth_in_words
from cuvee.statistics import Paired
from cuvee.types import Dataset
from cuvee.used_modalities import SOCIAL
from tests.small_shop import shop


def gain(middle: float, low: float, high: float) -> Paired:
    return Paired(middle, low, high, 0.01, 50)


SURE, NONE, UNSURE, BAD = (gain(0.02, 0.01, 0.03), gain(0, 0, 0), gain(0, -0.01, 0.01), gain(-0.02, -0.03, -0.01))


@pytest.mark.parametrize(
    ("lost", "shuffled", "p", "seeds", "told"),
    [
        (SURE, SURE, 0.01, (0.02, 0.02), "text: keep it. Without it recommendations are 10.0 % worse"),
        (SURE, UNSURE, 0.01, (0.02, 0.02), "text: not proven. Leaving it out costs 10.0 %"),
        (SURE, SURE, 0.2, (0.02, 0.02), "text: not proven"),
        (SURE, SURE, 0.01, (0.05, -0.01), "text: not proven"),
        (BAD, NONE, 0.01, (-0.02, -0.02), "text: leave it out. Without it recommendations are 10.0 % better"),
        (NONE, NONE, 1.0, (0.0,), "text: this model does not use it"),
        (UNSURE, NONE, 0.5, (0.001,), "text: no difference that could be measured"),
    ],
)
def test_sentences_follow_from_figures(
    lost: Paired, shuffled: Paired, p: float, seeds: tuple[float, ...], told: str
) -> None:
    found = Worth("text", "test", "everybody", 0.5, 0.2, lost, shuffled, gain(0.1, 0.05, 0.15), p, seeds)
    assert worth_in_words(found, "ndcg@20").startswith(told)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, Dataset, tuple[Worth, ...]]:
    encoders = "{kind: {tabular: {columns: [kind]}}, noise: {tabular: {columns: [noise]}}}"
    changes = [f"encoders={encoders}", "model={content: {on: {kind: 1, noise: 0.2}}}", "filters=[unseen]"]
    recipe = load_recipe(shop(tmp_path_factory.mktemp("shop")), changes)
    data = recipe.reader.read()
    return recipe, data, examine(recipe, data, 2)


def test_planted_worth_is_found_and_noise_is_not(told: tuple[Recipe, Dataset, tuple[Worth, ...]]) -> None:
    worths = {w.modality: w for w in told[2] if w.group == "everybody"}
    kind, noise = worths["kind"], worths["noise"]
    assert kind.helps
    assert not noise.helps
    assert kind.weight == pytest.approx(1 / 1.2)
    for gained in (kind.left_out, kind.shuffled, kind.alone):
        assert gained.low is not None
        assert gained.low > 0
    assert len(kind.seeds) == 2


def test_the_figures_are_those_of_a_run(
    told: tuple[Recipe, Dataset, tuple[Worth, ...]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """One seed of a fixed split: quality, and what is lost, are what `cuvee run` measures."""
    recipe, data, _ = told
    measured = run(recipe, tmp_path_factory.mktemp("out"))
    (kind,) = (w for w in examine(recipe, data, 1, ["kind"]) if w.group == "everybody")
    assert kind.quality == pytest.approx(measured.tests["test"].summary["ndcg@5"].mean)
    verdict = next(v for v in measured.verdicts if v.modality == "kind")
    assert kind.left_out.difference == pytest.approx(verdict.loss["test"].difference)


def test_short_histories_are_told_apart(told: tuple[Recipe, Dataset, tuple[Worth, ...]]) -> None:
    groups = {w.group: w.left_out.n for w in told[2] if w.modality == "kind"}
    if "short histories" in groups:
        assert 0 < groups["short histories"] < groups["everybody"]


@pytest.mark.parametrize("fusion", ["attention", "gated", "weighted", "concat"])
def test_a_fusion_of_nothing_is_an_answer_too(told: tuple[Recipe, Dataset, tuple[Worth, ...]], fusion: str) -> None:
    """`alone` compares with a model whose fusion has nothing to fuse; what was fused is judged by its parts."""
    recipe, data, _ = told
    fused = build("fusion", {fusion: {"on": ["kind", "noise"]}})
    model = build("models", {"content": {"on": {"fused": 1.0}}})
    worths = examine(replace(recipe, fusion=fused, model=model), data, 1)
    everybody = {w.modality: w for w in worths if w.group == "everybody"}
    assert list(everybody) == ["kind", "noise"]
    assert sum(w.weight for w in everybody.values()) == pytest.approx(1.0)
    alone = everybody["kind"].alone
    assert alone.low is not None
    assert alone.low > 0


GROUP = [0, 0, 1, 0, 2, 1] * 7
"""Of the users of the shop, and of its items: people buy what is of their own."""


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop with three friends each, all of the same group; its recipe."""
    path = shop(tmp_path_factory.mktemp("linked"))
    rng = np.random.default_rng(0)
    pairs = [
        (f"u{a:02}", f"u{b:02}")
        for a in range(37)
        for b in rng.permutation([b for b in range(37) if GROUP[a] == GROUP[b] and a != b])[:3]
    ]
    pl.DataFrame(pairs, schema=["src", "dst"], orient="row").write_csv(path.parent / "shop" / "social.csv")
    return path


FRIENDLY = "{blend: {views: [popular, friends], weights: [1, 1], newcomers: [1, 1], shares: [0, 0, 0, 0, 0]}}"


def test_friends_of_like_taste_are_missed(linked: Path) -> None:
    """No encoder at all: the links alone are judged; wrong friends cost as well, and the graph alone beats nothing."""
    recipe = load_recipe(linked, ["encoders=[]", "model=friends_ridge", "filters=[unseen]"])
    (told,) = (w for w in examine(recipe, recipe.reader.read(), 2) if w.group == "everybody")
    assert told.modality == SOCIAL
    assert told.helps
    assert told.weight == 1
    assert told.alone.difference == pytest.approx(told.left_out.difference)  # there is nothing else
    assert worth_in_words(told, "ndcg@5").startswith("social graph: keep it.")


def test_without_links_a_blend_is_its_other_views(linked: Path, tmp_path: Path) -> None:
    """What is left of popularity and friends is popularity, as a run of it measures."""
    friendly = load_recipe(linked, ["encoders=[]", f"model={FRIENDLY}", "filters=[unseen]"])
    popular = load_recipe(linked, ["encoders=[]", "model=popular", "filters=[unseen]"])
    (told,) = (w for w in examine(friendly, friendly.reader.read(), 1) if w.group == "everybody")
    left = run(popular, tmp_path / "popular").tests["test"].summary["ndcg@5"].mean
    assert told.left_out.difference is not None
    assert told.quality - told.left_out.difference == pytest.approx(left)
    assert told.quality == pytest.approx(run(friendly, tmp_path / "both").tests["test"].summary["ndcg@5"].mean)
    assert told.weight == pytest.approx(0.5)


def test_modalities_are_alone_without_friends(linked: Path) -> None:
    """`alone` of a modality has no links, `alone` of the links no modality, and `shuffled` keeps their number."""
    encoders, model = "{kind: {tabular: {columns: [kind]}}}", "{blend: {views: [{content: {on: {kind: 1}}}, friends]}}"
    recipe = load_recipe(linked, [f"encoders={encoders}", f"model={model}", "filters=[unseen]"])
    data = recipe.reader.read()
    worths = {w.modality: w for w in examine(recipe, data, 1) if w.group == "everybody"}
    assert set(worths) == {"kind", SOCIAL}
    kind, social = worths["kind"], worths[SOCIAL]
    # two sources: without the one is the other alone, so both ways lead to the figure of the model with neither
    nothing = kind.quality - _known(social.left_out) - _known(kind.alone)
    assert nothing == pytest.approx(kind.quality - _known(kind.left_out) - _known(social.alone))
    assert _known(social.alone) > 0.05
    assert _known(kind.left_out) != 0
    assert [w.modality for w in examine(recipe, data, 1, [SOCIAL]) if w.group == "everybody"] == [SOCIAL]


def _known(gain: Paired) -> float:
    assert gain.difference is not None
    return gain.difference
