"""Items that come after the fit are scored as if they had been there, and what counts, counts new events."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from cuvee.errors import ConfigError
from cuvee.fusion.weighted import Weighted
from cuvee.inductive import extended, revised, updated
from cuvee.models.content import Content
from cuvee.models.content_ease import ContentEase
from cuvee.models.ease import Ease
from cuvee.models.friends import Friends
from cuvee.models.friends_ridge import FriendsRidge
from cuvee.models.graph_filter import GraphFilter
from cuvee.models.item_knn import ItemKnn
from cuvee.models.popular import Popular, PopularModel
from cuvee.models.tuned import Tuned, TunedModel
from cuvee.models.two_tower import TwoTower, TwoTowerModel
from cuvee.protocols import Estimator, Inductive
from cuvee.queries import queries_of
from cuvee.testing import first_items
from cuvee.train import Training
from cuvee.types import Dataset, Floats, Queries

ON = {"text": 1.0, "image": 0.25}

CEASE = ContentEase(ON, l2=4, content=7, content_l2=0.5)
MODELS: dict[str, Estimator] = {
    "cease": CEASE,
    "add_ease": replace(CEASE, share=0.3),
    "mostly content": replace(CEASE, share=0.95),
    "content alone": replace(CEASE, share=1),
    "split cease": replace(CEASE, dense_up_to=0, neighbours=4),
    "split add_ease": replace(CEASE, share=0.3, dense_up_to=0, neighbours=4),
    "split content alone": replace(CEASE, share=1, dense_up_to=0),
    "ease": Ease(3),
    "content": Content(ON),
    "item_knn": ItemKnn(5),
    "popular": Popular(),
    "graph_filter": GraphFilter(ON, polynomial=(1.0, 0.5), content_neighbours=3),
    "tuned": Tuned(replace(CEASE, l2=9), {"share": (0.1, 0.2)}),
    "two_tower": TwoTower(Weighted(("text", "image")), dim=8, batch_size=16, training=Training(epochs=2)),
    "two_tower, contrast": TwoTower(Weighted(("text",)), dim=8, contrast=0.5, training=Training(epochs=2)),
    "friends": Friends(taste=ItemKnn(5)),
    "friends_ridge": FriendsRidge(),
}


class Deaf:
    """Scores everything alike and takes in nothing."""

    def fit(self, *_: object) -> "Deaf":
        return self

    def score(self, queries: Queries) -> Floats:
        return np.zeros(queries.seen.shape, np.float32)


@pytest.fixture(scope="module")
def circle(world: Dataset) -> Dataset:
    """The world, whose last two items are cold, with everybody a friend of the next one."""
    return replace(world, social=pl.DataFrame({"src": world.users[:-1], "dst": world.users[1:]}))


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("steps", [(23,), (22, 23)], ids=["at once", "one by one"])
def test_items_may_come_after_the_fit(name: str, steps: tuple[int, ...], circle: Dataset) -> None:
    estimator = MODELS[name]
    model = estimator.fit(first_items(circle, 21), None, np.random.default_rng(0))
    for n in steps:
        model = extended(model, first_items(circle, n))
    queries = queries_of(circle, np.arange(37, dtype=np.int32))
    expected = estimator.fit(circle, None, np.random.default_rng(0)).score(queries)
    np.testing.assert_allclose(model.score(queries), expected, atol=2e-5, rtol=2e-5)


@pytest.mark.parametrize("name", ["cease", "split cease", "content", "graph_filter"])
def test_an_item_that_comes_later_changes_scores_by_its_content(name: str, circle: Dataset) -> None:
    """What is new is told apart by its own vectors: the two cold items are of different groups."""
    model = MODELS[name].fit(first_items(circle, 21), None, np.random.default_rng(0))
    scores = extended(model, circle).score(queries_of(circle, np.arange(37, dtype=np.int32)))
    assert np.abs(scores[:35, 21]).max() > 0.01
    assert np.abs(scores[:35, 22] - scores[:35, 21]).max() > 0.01


def test_a_part_that_takes_in_nothing_is_named(circle: Dataset) -> None:
    rng = np.random.default_rng(0)
    for model in (Deaf(), TunedModel(Ease(), Deaf(), {}), Friends(taste=Deaf()).fit(circle, None, rng)):
        with pytest.raises(ConfigError, match="Deaf cannot take in new items"):
            extended(model, circle)
    assert not isinstance(Deaf(), Inductive)


def test_what_is_counted_is_counted_again(world: Dataset) -> None:
    """Popularity follows the events; what takes a fit stays."""
    half = replace(world, events=world.events.take(np.arange(len(world.events)) % 2 == 0))
    rng = np.random.default_rng(0)
    for estimator in (Popular(), Tuned(Popular(), {})):
        model = updated(estimator.fit(half, None, rng), world)
        queries = queries_of(world, np.arange(1, dtype=np.int32))
        np.testing.assert_array_equal(model.score(queries)[0], world.demand)
    assert not np.array_equal(half.demand, world.demand)
    ease = Ease().fit(half, None, rng)
    assert updated(ease, world) is ease
    assert isinstance(updated(Popular().fit(half, None, rng), world), PopularModel)


def test_friends_are_those_of_today(circle: Dataset) -> None:
    """New users and links between them: circles are as of a fit, the ridge keeps what they foretell."""
    late = replace(
        circle,
        users=(*circle.users, "new"),
        social=pl.DataFrame({"src": [*circle.users[:-1], "new"], "dst": [*circle.users[1:], "u03"]}),
    )
    rng = np.random.default_rng(0)
    queries = queries_of(replace(late, features={}), np.array([37, 2], np.int32))
    expected = Friends().fit(late, None, rng).score(queries)
    np.testing.assert_allclose(updated(Friends().fit(circle, None, rng), late).score(queries), expected, atol=1e-6)
    told = updated(FriendsRidge().fit(circle, None, rng), late).score(queries)
    assert np.abs(told[0]).max() > 0


def swapped(data: Dataset, rows: list[int]) -> Dataset:
    """Return the data set in which these items have each other's content, one of them none of one modality."""
    order = np.arange(len(data.items))
    order[rows] = np.roll(rows, 1)
    features = {key: part.take(order) if key[0] == "item" else part for key, part in data.features.items()}
    image = features["item", "image"]
    gone = np.arange(len(order)) == rows[0]
    features["item", "image"] = replace(
        image, vectors=np.where(gone[:, None], 0, image.vectors), present=image.present & ~gone
    )
    return replace(data, features=features)


REVISED = {name: MODELS[name] for name in ("cease", "add_ease", "mostly content", "content alone", "content", "tuned")}
REVISED |= {
    "split content alone": MODELS["split content alone"],
    "split, all neighbours": replace(CEASE, dense_up_to=0, neighbours=23),
    "split add_ease, all neighbours": replace(CEASE, share=0.3, dense_up_to=0, neighbours=23),
}


@pytest.mark.parametrize("name", REVISED)
def test_other_content_is_as_if_it_had_been_there_at_the_fit(name: str, world: Dataset) -> None:
    rows = np.array([3, 20, 7], np.int32)
    later = swapped(world, rows.tolist())
    model = REVISED[name]
    model = replace(model, grid={}) if isinstance(model, Tuned) else model
    old, expected = (model.fit(data, None, np.random.default_rng(0)) for data in (world, later))
    found, whole = revised(old, world, later, rows)
    assert whole
    asked = queries_of(world, np.arange(37, dtype=np.int32))
    np.testing.assert_allclose(found.score(asked), expected.score(asked), atol=3e-4 if "split" in name else 3e-5)
    assert np.abs(old.score(asked) - expected.score(asked)).max() > 0.01


def test_what_cannot_read_new_content_says_so(world: Dataset) -> None:
    """A tower's residual was learned with the old content; an item nobody likes has nothing else than its content."""
    liked, cold = np.array([3], np.int32), np.array([22], np.int32)
    assert world.popularity[3] > 0
    nobody = np.ones(len(world.events), bool)
    nobody[world.events.item == 22] = False
    world = replace(world, events=world.events.take(nobody))
    towers = MODELS["two_tower"].fit(world, None, np.random.default_rng(0))
    later = swapped(world, [22, 3])
    found, whole = revised(towers, world, later, cold)
    assert whole
    assert isinstance(found, TwoTowerModel)
    assert isinstance(towers, TwoTowerModel)
    fresh = extended(replace(towers, vectors=towers.vectors[:22], bias=towers.bias[:22]), later)
    assert isinstance(fresh, TwoTowerModel)
    np.testing.assert_array_equal(found.vectors, fresh.vectors)
    assert not np.array_equal(found.vectors[22], towers.vectors[22])
    same, whole = revised(towers, world, later, liked)
    assert not whole
    assert isinstance(same, TwoTowerModel)
    np.testing.assert_array_equal(same.vectors, towers.vectors)
    graph = MODELS["graph_filter"].fit(world, None, np.random.default_rng(0))
    assert revised(graph, world, later, cold) == (graph, False)
