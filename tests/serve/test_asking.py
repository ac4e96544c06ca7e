"""Boosts, variety, weights, a deadline and profiles: by hand where there is arithmetic, and through HTTP."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from cuvee.bundle import load_bundle
from cuvee.cache import VectorCache
from cuvee.conditions import fulfilled
from cuvee.encoders.tabular import Tabular
from cuvee.errors import ConfigError
from cuvee.features import encoded_profile, fit_channels
from cuvee.models.blend import Blend, reweighted
from cuvee.models.content import Content
from cuvee.models.popular import Popular
from cuvee.projection import Projection
from cuvee.queries import queries_of
from cuvee.serve.effects import boosted
from cuvee.serve.snapshot import Snapshot, snapshot_of
from cuvee.serve.wishes import Wish
from cuvee.stages.diversity import Diversity
from cuvee.stages.rerank import Rerank
from cuvee.types import PAD, Context, Floats, Ints, Queries
from tests.conftest import make_world
from tests.serve.conftest import Running


def scores_of(service: Running, **body: Any) -> dict[str, float]:
    answer = service.client.post("/v1/recommendations", json={"k": 200, "reasons": False, **body})
    assert answer.status_code == 200, answer.text
    return {item["item_id"]: item["score"] for item in answer.json()["items"]}


@pytest.fixture
def snapshot(bundle: Path) -> Snapshot:
    return snapshot_of(bundle)


def test_a_boost_by_hand() -> None:
    """Lowest -2: 0 is 2 above it, 3 above by half is -2 + 5 * 1.5; the lowest and what is not finite stay."""
    scores = np.array([[0.0, 3.0, -2.0, -np.inf, 1.0]], np.float32)
    factors = np.array([2.0, 1.5, 9.0, 2.0, 0.0], np.float32)
    np.testing.assert_allclose(boosted(scores, factors), [[2.0, 5.5, -2.0, -np.inf, -2.0]])


def test_boosts_multiply_in_answers(service: Running, bundle: Path) -> None:
    """Mugs count double, what is cheap half: a cheap mug as by itself. All over the lowest score, which is below 0."""
    table = load_bundle(bundle).data.item_table
    own = [f"i{n:02}" for n in range(23)]
    plain = scores_of(service, items=["i03"])
    lowest = min(plain.values())
    assert lowest < 0
    boosts = [{"when": 'group == "mugs"', "factor": 2}, {"when": "price < 5", "factor": 0.5}]
    moved = scores_of(service, items=["i03"], boosts=boosts)
    mugs, cheap = fulfilled('group == "mugs"', table), fulfilled("price < 5", table)
    assert (mugs & cheap).any()
    for row, item in enumerate(own):
        if item in plain:
            factor = (2 if mugs[row] else 1) * (0.5 if cheap[row] else 1)
            assert moved[item] == pytest.approx(lowest + factor * (plain[item] - lowest), abs=1e-4)
    assert list(moved) == sorted(moved, key=lambda item: -moved[item])
    wrong = service.client.post("/v1/recommendations", json={"boosts": [*boosts, {"when": "prise < 5", "factor": 2}]})
    assert wrong.status_code == 422
    assert wrong.json()["detail"].startswith("boosts.2.when: ")


def test_weights_are_those_of_a_blend_fitted_with_them(snapshot: Snapshot) -> None:
    world = make_world()
    views = (Content({"text": 1.0}), Content({"text": 3.0, "image": 1.0}), Popular())
    rng = np.random.default_rng(0)
    blend = Blend(views, (1.0, 0.5, 0.2), (0.1, 0.4, 1.0), (0.3, 0.7, 0.0), lift=0.1).fit(world, None, rng)
    queries = queries_of(world, np.arange(len(world.users), dtype=np.int32))
    found = reweighted(blend, {"text": 2.0, "image": 0.0, "popular": 3.0})
    factors = np.array([2.0, (3 * 2 + 1 * 0) / 4, 3.0])
    new = np.array([0.3, 0.7, 0.0]) * factors
    wanted = Blend(
        views,
        tuple(np.array([1.0, 0.5, 0.2]) * factors),
        tuple(np.array([0.1, 0.4, 1.0]) * factors),
        tuple(new / new.sum()),
        lift=0.1,
    ).fit(world, None, rng)
    np.testing.assert_allclose(found.score(queries), wanted.score(queries), atol=1e-5)
    same = reweighted(blend, dict.fromkeys(("text", "image", "popular"), 7.0))
    np.testing.assert_allclose(same.score(queries), blend.score(queries), atol=1e-5)
    with pytest.raises(ConfigError, match="no views to weigh"):
        reweighted(Popular().fit(world, None, rng), {"text": 2.0})
    first = snapshot._weighed({"facts": 2.0})
    assert snapshot._weighed({"facts": 2.0}) is first


def test_weights_in_answers_and_their_reasons(service: Running) -> None:
    """Without the views on facts everybody gets what is popular, and the reasons speak of nothing else."""
    found = scores_of(service, items=["i03"], weights={"facts": 0})
    assert list(found) == [item for item in scores_of(service) if item in found]
    assert list(found) != [item for item in scores_of(service, items=["i03"]) if item in found]
    told = []
    for weights in ({}, {"facts": 0}):
        answer = service.client.post("/v1/recommendations", json={"items": ["i03"], "weights": weights}).json()
        told.append(
            {r["evidence"]["views"] for item in answer["items"] for r in item["reasons"] if r["kind"] == "views"}
        )
    assert any("facts" in views for views in told[0])
    assert not any("facts" in views for views in told[1])
    wrong = service.client.post("/v1/recommendations", json={"weights": {"fact": 1}})
    assert wrong.status_code == 422
    assert wrong.json()["detail"].startswith("weights: ")
    assert "did you mean 'facts'" in wrong.json()["detail"]


def test_diversity_replaces_the_recipes(snapshot: Snapshot) -> None:
    """As the stage itself with this trade-off, once; 0 leaves it out."""
    queries = snapshot.session(np.array([3], np.int32))
    plain = snapshot.answer(queries, Wish(k=200))
    places = int((plain.items[0] != PAD).sum())
    context = Context(snapshot.bundle.data, np.random.default_rng(0), places=8)
    stage = Diversity(0.6).prepare(snapshot.bundle.data)
    wanted = stage.apply(plain, queries, context).items[0, :8].tolist()
    assert wanted != plain.items[0, :8].tolist()
    assert places > 8
    own = replace(snapshot, stages=(Diversity(0.2).prepare(snapshot.bundle.data),))
    for of in (snapshot, own):
        assert of.answer(queries, Wish(k=8, diversity=0.6)).items[0].tolist() == wanted
        assert of.answer(queries, Wish(k=8, diversity=0.0)).items[0].tolist() == plain.items[0, :8].tolist()


@dataclass(frozen=True)
class Slow:
    """A ranker that turns the order round, after a while."""

    def score(self, queries: Queries, items: Ints) -> Floats:
        time.sleep(0.15)
        return np.tile(np.arange(items.shape[1], dtype=np.float32), (len(queries), 1))

    def judge(self, data: Any, examples: Any) -> Floats:
        raise NotImplementedError


def test_after_the_deadline_the_models_order_stands(snapshot: Snapshot) -> None:
    slow = replace(snapshot, bundle=replace(snapshot.bundle, ranker=Slow()),
                   stages=(Rerank(trust=1.0).prepare(snapshot.bundle.data),))  # fmt: skip
    queries = slow.session(np.array([3], np.int32))
    plain = snapshot.answer(queries, Wish()).items.tolist()
    late = slow.answer(queries, Wish(deadline=time.monotonic() + 0.02))
    assert late.items.tolist() == plain
    assert late.degraded is not None
    assert late.degraded.all()
    over = slow.answer(queries, Wish(deadline=time.monotonic() - 1))  # what was spent before counts
    assert over.items.tolist() == plain
    assert over.degraded is not None
    assert over.degraded.all()
    time.sleep(0.2)
    early = slow.answer(queries, Wish(deadline=time.monotonic() + 30))
    assert early.items.tolist() != plain
    assert early.degraded is not None
    assert not early.degraded.any()


def test_a_profile_is_encoded_as_that_of_a_user_is(tmp_path: Path) -> None:
    world = make_world()
    ages, clubs = np.arange(37.0) % 11 + 20, [("a", "b", "c")[n % 3] for n in range(37)]
    people = world.user_table.with_columns(pl.Series("age", ages), pl.Series("club", clubs))
    world = replace(world, user_table=people)
    encoders = {"person": Tabular(columns=("age", "club"), role="user")}
    channels, data = fit_channels(world, encoders, Projection(), VectorCache(tmp_path))
    stored = len(list(tmp_path.rglob("*")))
    for row in (0, 7, 36):
        found = encoded_profile(data, channels, {"age": int(ages[row]), "club": clubs[row]})
        np.testing.assert_allclose(found["person"].vectors[0], data.feature("user", "person").vectors[row], atol=1e-6)
    assert len(list(tmp_path.rglob("*"))) == stored  # nothing of it is kept
    with pytest.raises(ConfigError, match="did you mean 'club'"):
        encoded_profile(data, channels, {"clubb": "a"})
    with pytest.raises(ConfigError, match="age is 'old', in the table of users it is Float64"):
        encoded_profile(data, channels, {"age": "old"})


def test_a_profile_that_nothing_reads_is_refused(service: Running) -> None:
    answer = service.client.post("/v1/recommendations", json={"profile": {"age": 33}})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("profile: nothing here reads profiles")


def test_an_impersonal_answer_is_everybodys(service: Running) -> None:
    body = {"user_id": "u03", "personal": False}
    answer = service.client.post("/v1/recommendations", json=body).json()
    assert answer["personal"] is False
    assert scores_of(service, **body) == scores_of(service)
    assert scores_of(service, user_id="u03") != scores_of(service)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"boosts": [{"when": "price < 5", "factor": -1}]}, "boosts.0.factor"),
        ({"boosts": [{"when": "price < 5", "factor": 1}] * 21}, "boosts"),
        ({"diversity": 1.5}, "diversity"),
        ({"weights": {"facts": -1}}, "weights.facts"),
        ({"weights": {f"w{n}": 1 for n in range(101)}}, "weights"),
        ({"deadline": 0}, "deadline"),
        ({"profile": {"age": "x" * 10_001}}, "profile.age"),
        ({"filter": "x" * 4_001}, "filter"),
        ({"k": 201}, "k"),
    ],
)
def test_what_is_too_much_is_refused_by_field(service: Running, body: dict[str, Any], field: str) -> None:
    answer = service.client.post("/v1/recommendations", json=body)
    assert answer.status_code == 422
    assert any(error["field"].startswith(f"body.{field}") for error in answer.json()["errors"]), answer.text
