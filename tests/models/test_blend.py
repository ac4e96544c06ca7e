"""Views added at score level: by hand, and what validation decides."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from cuvee.arrivals import asked_for
from cuvee.errors import ConfigError
from cuvee.filters.unseen import allowed
from cuvee.metrics.ndcg import Ndcg
from cuvee.metrics.recall import Recall
from cuvee.models.blend import Blend, BlendModel
from cuvee.models.content import Content
from cuvee.models.ease import Ease
from cuvee.models.item_knn import ItemKnn
from cuvee.models.popular import Popular
from cuvee.models.tuned import Tuned
from cuvee.protocols import Estimator
from cuvee.queries import holdout, queries_of, session
from cuvee.rank import recommend
from cuvee.types import PAD, Dataset, Floats, Holdout, Queries
from tests.conftest import COLD, ITEMS, make_world

TEXT, IMAGE, NOISE = (Content({name: 1.0}) for name in ("text", "image", "noise"))
SHARES = (1.0, 0.5, 0.25, 0.125, 0.0)
NEW = np.isin(np.arange(ITEMS), COLD)


def fit(estimator: Estimator, data: Dataset, valid: Holdout | None = None) -> BlendModel:
    model = estimator.fit(data, valid, np.random.default_rng(0))
    assert isinstance(model, BlendModel)
    return model


def scores(estimator: Estimator, data: Dataset, queries: Queries) -> Floats:
    return estimator.fit(data, None, np.random.default_rng(0)).score(queries)


def standard(row: Floats) -> Floats:
    return (row - row.mean()) / row.std() if row.std() > 1e-9 else row * 0


def wanted_by(views: list[Estimator], data: Dataset, queries: Queries) -> Holdout:
    """Every user wants the two unseen items that the views, standardised and summed, put first."""
    total = np.sum([np.apply_along_axis(standard, 1, scores(v, data, queries)) for v in views], axis=0)
    total[queries.seen.nonzero()] = -np.inf
    users = np.arange(len(queries), dtype=np.int32)
    return holdout(data, (np.repeat(users, 2), np.argsort(-total, axis=1)[:, :2].ravel().astype(np.int32)))


def test_score_and_parts_by_hand(world: Dataset, everybody: Queries) -> None:
    """(1 - s) times the weighted mean of z-scores, plus s times that of popularity; weight 0 takes no part.

    Of the cold items only the text tells, and nothing is known of their popularity.
    """
    views = (Ease(3), NOISE, TEXT)
    model = fit(Blend(views, weights=(3, 0, 1), shares=SHARES), world)
    ease, text = (scores(v, world, everybody) for v in (Ease(3), TEXT))
    bucket = np.digitize(everybody.lengths, [1, 2, 5, 10])
    parts = model.parts(everybody)
    assert list(parts) == ["ease", "content(text)", "popular"]
    for user in range(37):
        share = SHARES[bucket[user]]
        expected = {
            "ease": (1 - share) * np.where(NEW, 0, 0.75) * standard(ease[user]),
            "content(text)": (1 - share) * np.where(NEW, 1, 0.25) * standard(text[user]),
            "popular": share * np.where(NEW, 0, standard(world.demand)),
        }
        for name, part in expected.items():
            np.testing.assert_allclose(parts[name][user], part, atol=1e-5)
        np.testing.assert_allclose(model.score(everybody)[user], sum(expected.values()), atol=1e-5)
        personal = np.where(NEW, standard(text[user]), 0.75 * standard(ease[user]) + 0.25 * standard(text[user]))
        np.testing.assert_allclose(model.personal(everybody)[user], personal, atol=1e-5)
    assert len(set(bucket.tolist())) > 3


def test_a_view_on_popularity_and_the_share_are_one_part(world: Dataset, everybody: Queries) -> None:
    model = fit(Blend((Ease(3), Popular()), shares=SHARES), world)
    assert list(model.parts(everybody)) == ["ease", "popular"]
    np.testing.assert_allclose(sum(model.parts(everybody).values()), model.score(everybody), atol=1e-6)


def test_trace_tells_the_personal_part_up_to_a_constant(world: Dataset, everybody: Queries) -> None:
    """All views are linear: row sums differ from the personal part by what z-scores subtract, one number a query."""
    model = fit(Blend((Ease(3), ItemKnn(5, 1.0), TEXT), weights=(1, 2, 0.5), shares=(0.0,) * 5), world)
    items = np.tile(np.arange(23, dtype=np.int32), (37, 1))
    items[:, 4] = PAD
    shown = np.delete(np.arange(23), 4)
    personal = model.personal(everybody)
    for q, traced in enumerate(model.trace(everybody, items)):
        rest = personal[q] - np.asarray(traced.sum(axis=1)).ravel()
        for part in (shown[~NEW[shown]], shown[NEW[shown]]):  # views weigh otherwise in new items
            np.testing.assert_allclose(rest[part], rest[part].mean(), atol=1e-4)
        assert traced[[4]].nnz == 0 or not traced[[4]].toarray().any()
    half = fit(Blend((Ease(3), ItemKnn(5, 1.0), TEXT), weights=(1, 2, 0.5), shares=(0.5,) * 5), world)
    whole, less = (m.trace(everybody, items)[3].toarray() for m in (model, half))
    np.testing.assert_allclose(less, whole / 2, atol=1e-6)


@pytest.mark.parametrize("ids", [[], ["i22"], ["i13"]], ids=["nothing", "never bought", "no text"])
def test_who_tells_nothing_is_shown_the_popular(ids: list[str], world: Dataset) -> None:
    """A new item says nothing to EASE, an item without text nothing to content: no view tells one item from another."""
    view = TEXT if ids == ["i13"] else Ease(3)
    model, query = fit(Blend((view,)), world), session(world, ids)
    known = np.ones(ITEMS, bool) if view != TEXT else ~NEW
    np.testing.assert_allclose(model.score(query)[0], np.where(known, standard(world.demand), 0), atol=1e-5)
    np.testing.assert_allclose(sum(model.parts(query).values()), model.score(query), atol=1e-6)
    assert not model.trace(query, np.array([[3, 9]], np.int32))[0].toarray().any()


def test_a_planted_view_gets_the_weight_and_noise_none(world: Dataset, everybody: Queries) -> None:
    """Users want what the text tells; then what text and interactions tell together."""
    views: list[Estimator] = [NOISE, TEXT, Ease(3)]
    alone = fit(Blend(tuple(views)), world, wanted_by([TEXT], world, everybody))
    assert alone.considered == {"content(noise)": 0, "content(text)": 1, "ease": 0}
    assert alone.names == ("content(text)",)
    both = fit(Blend(tuple(views)), world, wanted_by([TEXT, Ease(3)], world, everybody))
    assert both.considered["content(noise)"] <= 0.1
    assert min(both.considered["content(text)"], both.considered["ease"]) > 0.3


def test_validation_decides_and_without_it_all_are_equal(world: Dataset, everybody: Queries) -> None:
    views = (TEXT, NOISE)
    assert fit(Blend(views), world).settled.weights == (1, 1)
    assert fit(Blend(views), world).settled.shares == (1, 0, 0, 0, 0)
    other = fit(Blend(views), world, wanted_by([NOISE], world, everybody))
    assert other.considered == {"content(text)": 0, "content(noise)": 1}
    given = fit(Blend(views, weights=(1, 2)), world, wanted_by([NOISE], world, everybody))
    assert given.settled.weights == (1, 2)


def test_settled_fits_to_the_same_scores_without_validation(world: Dataset, everybody: Queries) -> None:
    """Weights, shares and the views' own choices are written in; views without weight are gone."""
    tuned = Tuned(Ease(500), {"l2": (1.0, 500.0)})
    model = fit(Blend((NOISE, tuned, TEXT)), world, wanted_by([Ease(1), TEXT], world, everybody))
    again = fit(model.settled, world)
    np.testing.assert_array_equal(again.score(everybody), model.score(everybody))
    assert again.settled == model.settled
    assert model.plain is model
    assert all(not isinstance(view, Tuned) for view in model.settled.views)


def test_a_hidden_view_is_left_out(world: Dataset, everybody: Queries) -> None:
    """A modality that is missing everywhere scores a constant and gets no weight, nor does it change the others'."""
    hidden = replace(world, features={**world.features, ("item", "text"): world.feature("item", "text").hidden()})
    model = fit(Blend((TEXT, IMAGE, Ease(3))), hidden, wanted_by([Ease(3)], world, everybody))
    assert model.considered["content(text)"] == 0
    ease = scores(Ease(3), world, everybody)
    with_it = fit(Blend((TEXT, Ease(3)), weights=(1, 1), shares=(0.0,) * 5), hidden)
    both = (np.where(NEW, -np.inf, s[:35]) for s in (with_it.score(everybody), ease))
    found, expected = (np.argsort(-s, axis=1, kind="stable")[:, :5] for s in both)
    np.testing.assert_array_equal(found, expected)


def test_new_items_get_a_place_that_costs_the_known_no_more_than_allowed() -> None:
    """Users want one bought and one new item of their group: text finds the new ones, and what is given up is small."""
    world = make_world(3)
    queries = queries_of(world, np.arange(35, dtype=np.int32))
    known = wanted_by([Ease(3)], world, queries)
    group = np.argmax(scores(TEXT, world, queries)[:, COLD], axis=1)
    users = np.concatenate([np.repeat(np.arange(35), np.diff(known.truth.indptr)), np.arange(35)]).astype(np.int32)
    items = np.concatenate([known.truth.indices, np.array(COLD)[group]]).astype(np.int32)
    both = holdout(world, (users, items))
    model = fit(Blend((Ease(3), TEXT, NOISE), room=0.2), world, both)
    assert model.settled.lift
    assert model.names == ("ease", "content(text)") or model.considered["content(noise)"] <= 0.1
    low = replace(model, settled=replace(model.settled, lift=-50.0))

    def quality(blend: BlendModel, wanted: Holdout | None) -> tuple[float, float]:
        assert wanted is not None
        slate = recommend(blend, both.queries, 20, filters=[allowed])
        found = Ndcg(20).measure(slate, sparse.csr_matrix(both.truth.multiply(np.where(NEW, 0, 1))))
        return float(found.mean()), float(Recall(5).measure(slate, wanted.truth).mean())

    with_them, without = quality(model, asked_for(both, NEW)), quality(low, asked_for(both, NEW))
    assert with_them[0] >= 0.8 * without[0] - 1e-6
    assert with_them[1] > without[1]
    again = fit(model.settled, world)
    np.testing.assert_array_equal(again.score(queries), model.score(queries))


def test_names_are_told_apart(world: Dataset) -> None:
    model = fit(Blend((Ease(3), TEXT, Ease(30), Content({"text": 1.0, "image": 0.0, "noise": 2.0}))), world)
    assert model.names == ("ease 1", "content(text)", "ease 2", "content(text, noise)")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"views": ()}, "at least one view"),
        ({"weights": (1.0,)}, "2 weights"),
        ({"weights": (1.0, -0.5)}, "0 or more"),
        ({"shares": (1.0, 0.0)}, "5 shares"),
        ({"shares": (1.0, 0.0, 0.0, 0.0, 1.5)}, r"in 0\.\.1"),
    ],
)
def test_what_cannot_be_blended(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(Blend((TEXT, NOISE)), **changes)
