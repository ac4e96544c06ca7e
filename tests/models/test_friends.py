"""What circles of friends like, by loops over walks."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from cuvee.errors import ConfigError, UnknownNameError
from cuvee.models.blend import Blend
from cuvee.models.ease import Ease
from cuvee.models.friends import Friends, FriendsModel
from cuvee.models.friends_ridge import FriendsRidge
from cuvee.models.item_knn import ItemKnn
from cuvee.models.tuned import Tuned
from cuvee.queries import queries_of, session
from cuvee.types import Dataset, Floats

EDGES = [(35, 0), (35, 1), (0, 2), (2, 3), (1, 3), (3, 4), (5, 1), (1, 5), (6, 6), (20, 35), (20, 19)]
"""User 35 has no events and three friends; 36 has neither; (5, 1) is told both ways, (6, 6) is no friendship."""


@pytest.fixture(scope="module")
def circle(world: Dataset) -> Dataset:
    edges = [*((f"u{a:02}", f"u{b:02}") for a, b in EDGES), ("u03", "a stranger")]
    return replace(world, social=pl.DataFrame(edges, schema=["src", "dst"], orient="row"))


def fit(estimator: Friends, data: Dataset) -> FriendsModel:
    return estimator.fit(data, None, np.random.default_rng(0))


def neighbours() -> dict[int, set[int]]:
    found: dict[int, set[int]] = {user: set() for user in range(37)}
    for a, b in EDGES:
        if a != b:
            found[a].add(b)
            found[b].add(a)
    return found


def expected(data: Dataset, user: int, circles: tuple[float, ...], degree: float, activity: float) -> Floats:
    """Follow every walk from the user; a step onto somebody divides by their degree, one on from them again."""
    friends, liked = neighbours(), data.liked.toarray()
    walks = {user: 1.0}
    total = np.zeros(23)
    for step, weight in enumerate(circles):
        onward: dict[int, float] = {}
        for at, value in walks.items():
            leaving = 1.0 if step == 0 else len(friends[at]) ** -degree
            for friend in friends[at]:
                onward[friend] = onward.get(friend, 0) + value * leaving * len(friends[friend]) ** -degree
        walks = onward
        for friend, value in walks.items():
            if liked[friend].any():
                told = liked[friend] / liked[friend].sum() ** activity
                total += weight / sum(circles) * value / sum(walks.values()) * told
    return total.astype(np.float32)


@pytest.mark.parametrize(
    ("circles", "degree", "activity"), [((1.0,), 0.0, 0.0), ((1.0, 2.0), 0.5, 0.0), ((0.0, 1.0, 3.0), 1.0, 0.7)]
)
def test_brute_force(circles: tuple[float, ...], degree: float, activity: float, circle: Dataset) -> None:
    model = fit(Friends(circles, degree, activity), circle)
    scores = model.score(queries_of(circle, np.arange(37, dtype=np.int32)))
    for user in range(37):
        np.testing.assert_allclose(scores[user], expected(circle, user, circles, degree, activity), atol=1e-5)
    assert scores[35].any()  # no events, but friends
    assert not scores[36].any()


def test_friends_are_mutual_known_and_others(circle: Dataset) -> None:
    expected = {(a, b) for a, found in neighbours().items() for b in found}
    assert set(zip(*(ends.tolist() for ends in circle.friends.nonzero()), strict=True)) == expected
    assert set(circle.friends.data.tolist()) == {1.0}


def test_a_taste_scores_the_pooled_history(circle: Dataset) -> None:
    """EASE on the mean history of the friends of a user without events; choices of the taste are written in."""
    model = fit(Friends((1.0,), 0.0, taste=Ease(3)), circle)
    pooled = circle.liked.toarray()[[0, 1, 20]].mean(axis=0)
    weights = Ease(3).fit(circle, None, np.random.default_rng(0)).weights
    query = queries_of(circle, np.array([35], np.int32))
    np.testing.assert_allclose(model.score(query)[0], pooled @ weights, atol=1e-5)
    tuned = fit(Friends(taste=Tuned(Ease(3), {"l2": (3.0,)})), circle)
    assert tuned.settled.taste == Ease(3)


def test_ridge_solves_its_equation(circle: Dataset) -> None:
    """min |Y - Z W|^2 + l2 |W|^2 by the normal equations, Z without one's own liking; users without friends are 0."""
    model = FriendsRidge((1.0, 2.0), l2=0.7).fit(circle, None, np.random.default_rng(0))
    liked = circle.liked.toarray()
    rows = [u for u in range(37) if neighbours()[u] and liked[u].any()]
    told = []
    for user in rows:
        told.append(_without_return(circle, user))
    z = np.stack([t / np.linalg.norm(t) for t in told])
    weights = np.linalg.solve(z.T @ z + 0.7 * np.eye(23), z.T @ liked[rows])
    asked = np.array([35, 36], np.int32)
    pooled = expected(circle, 35, (1.0, 2.0), 0.5, 0.0)
    scores = model.score(queries_of(circle, asked))
    np.testing.assert_allclose(scores[0], pooled / np.linalg.norm(pooled) @ weights, atol=1e-4)
    assert not scores[1].any()
    assert len(FriendsRidge(users=3).fit(circle, None, np.random.default_rng(0)).pooled.toarray()) == 3


def _without_return(data: Dataset, user: int) -> Floats:
    """Both circles of a user, each a mean over others: walks that come back are not among them."""
    friends, liked = neighbours(), data.liked.toarray()
    first = {f: len(friends[f]) ** -0.5 for f in friends[user]}
    second: dict[int, float] = {}
    for f, value in first.items():
        for g in friends[f] - {user}:
            second[g] = second.get(g, 0) + value * len(friends[f]) ** -0.5 * len(friends[g]) ** -0.5
    total = np.zeros(23)
    for weight, circle in ((1 / 3, first), (2 / 3, second)):
        for friend, value in circle.items():
            total += weight * value / sum(circle.values()) * liked[friend]
    return total.astype(np.float32)


def test_somebody_unknown_names_their_friends(circle: Dataset) -> None:
    """They are answered as a user with these friends is."""
    model = fit(Friends(), circle)
    query = queries_of(circle, np.array([35], np.int32))
    stranger = session(circle, [], ["u20", "u00", "u01", "u01"])
    np.testing.assert_allclose(model.score(stranger), model.score(query), atol=1e-6)
    assert not model.score(session(circle, ["i03"])).any()
    with pytest.raises(UnknownNameError, match="user 'u0'"):
        session(circle, [], ["u0"])


def test_a_blend_tells_of_friends(circle: Dataset) -> None:
    """No event of their own, and yet no popularity: the blend's own part is the friends' view."""
    shares = (0.0,) * 5
    model = Blend((ItemKnn(), Friends()), shares=shares).fit(circle, None, np.random.default_rng(0))
    query = queries_of(circle, np.array([35, 36], np.int32))
    parts = model.parts(query)
    assert parts["friends"][0].any()
    assert not parts["popular"][0].any()
    assert parts["popular"][1].any()  # nobody tells anything of user 36


def test_links_that_are_hidden_tell_nothing(circle: Dataset) -> None:
    """A table without rows is a graph nobody is in; links between strangers alone are a mistake."""
    assert circle.social is not None
    hidden = replace(circle, social=circle.social.clear())
    query = queries_of(hidden, np.array([35, 0], np.int32))
    assert query.friends is not None
    for estimator in (Friends(), FriendsRidge()):
        assert not estimator.fit(hidden, None, np.random.default_rng(0)).score(query).any()
    strangers = replace(circle, social=circle.social.tail(1))
    with pytest.raises(ConfigError, match="friends needs a table social with links between users"):
        fit(Friends(), strangers)


def test_errors(world: Dataset, circle: Dataset) -> None:
    with pytest.raises(ConfigError, match="friends needs a table social with links between users"):
        fit(Friends(), world)
    with pytest.raises(ConfigError, match="l2 must be above 0 and users at least 1, got 0, 5000"):
        FriendsRidge(l2=0).fit(circle, None, np.random.default_rng(0))
    with pytest.raises(ConfigError, match=r"circles needs weights of 0 or more, one of them above 0, got \[0.0\]"):
        fit(Friends((0.0,)), circle)
    with pytest.raises(ConfigError, match="degree and activity must be 0 or more, got -1, 0"):
        fit(Friends(degree=-1), circle)
