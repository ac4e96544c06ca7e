"""Users that training never met."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, assume, given, settings

from cuvee.errors import ConfigError, DataError
from cuvee.models.item_knn import ItemKnn
from cuvee.queries import with_features
from cuvee.splits.cold_users import ColdUsers
from cuvee.types import PAD, Dataset, Split
from tests.splits.parts import held_out, liked_since, log, logs, pairs, wanted


def split(data: Dataset, splitter: ColdUsers, seed: int = 0) -> Split:
    return splitter.split(data, np.random.default_rng(seed))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=logs())
def test_the_later_part_is_asked_for(data: Dataset) -> None:
    """The question is what the user did until the first thing asked for, and holds a share of what they like."""
    since = {pair: time for pair, (time, _) in liked_since(data).items()}
    try:
        cut = split(data, ColdUsers(0.2, 0.3, 0.4))
    except DataError:
        assume(False)
    assert not {u for u, _ in wanted(cut.valid)} & {u for u, _ in wanted(cut.tests["test"])}
    for held in (cut.valid, cut.tests["test"]):
        for row, user in enumerate(held.users.tolist()):
            mine = {pair for pair in since if pair[0] == user}
            asked = {pair for pair in wanted(held) if pair[0] == user}
            shown = {(user, int(item)) for item in held.queries.seen[row].indices}
            assert len(asked) == len(mine) - max(1, int(0.4 * len(mine)))
            assert asked <= mine
            assert max(since[pair] for pair in mine - asked) <= min(since[pair] for pair in asked)
            assert mine - asked <= shown
            assert not asked & shown
            steps = held.queries.history[row] != PAD
            assert held.queries.history_time[row][steps].max() <= min(since[pair] for pair in asked)
            assert user not in cut.train.events.user
            assert cut.train.reviews is not None
            assert f"u{user}" not in cut.train.reviews["user_id"]


def test_others_are_trained_on_whole(world: Dataset) -> None:
    cut = split(world, ColdUsers())
    new = {user for user, _ in held_out(cut)}
    assert pairs(cut.train) == {pair for pair in pairs(world) if pair[0] not in new}
    assert len(new) == 6


def test_they_are_answered_from_their_history_and_profile(world: Dataset) -> None:
    """By a model that never saw them: as it answers the same history under another name."""
    cut = split(world, ColdUsers())
    held = with_features(cut.valid, cut.train)
    model = ItemKnn().fit(cut.train, None, np.random.default_rng(0))
    scores = model.score(held.queries)
    assert (np.abs(scores).sum(axis=1) > 0).all()
    profile = world.features["user", "profile"].vectors
    np.testing.assert_array_equal(held.queries.features["profile"].vectors, profile[held.users])


def test_without_times_the_order_is_drawn() -> None:
    data = log([(u, i, 0, 0) for u in range(9) for i in range(8) if (u + i) % 4])
    found = {frozenset(held_out(split(data, ColdUsers(), seed))) for seed in range(4)}
    assert len(found) == 4
    for row in split(data, ColdUsers()).valid.queries.lengths.tolist():
        assert row == 3


@given(data=logs())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
def test_asked_with_nothing_beside_those_who_stay(data: Dataset) -> None:
    """With known 0 the whole history is asked for; with warm each other user's share is held out of training too."""
    since = set(liked_since(data))
    try:
        cut = split(data, ColdUsers(0.2, 0.3, 0, warm=0.3))
    except DataError:
        assume(False)
    new = {u for u, _ in wanted(cut.tests["test"])}
    warm = wanted(cut.tests["test_warm"])
    assert not cut.tests["test"].queries.seen.nnz
    assert wanted(cut.tests["test"]) == {pair for pair in since if pair[0] in new}
    fresh = new | {u for u, _ in wanted(cut.valid)} - {u for u, _ in pairs(cut.train)}
    assert not {u for u, _ in warm} & fresh
    for user in {u for u, _ in since} - fresh:
        mine = {pair for pair in since if pair[0] == user}
        share = max(1, int(0.3 * len(mine))) if len(mine) >= 3 else 0
        assert len(warm & mine) == len(wanted(cut.valid) & mine) == share
    assert pairs(cut.train) == {p for p in pairs(data) if p[0] not in fresh} - held_out(cut)


def test_linked_asks_those_with_a_friend_in_training() -> None:
    """Users 0..4 know user 8; the others know nobody. Whoever is new and knows nobody who stays is in no part."""
    data = log([(u, i, 0, 0) for u in range(9) for i in range(4)])
    edges = [("u8", f"u{u}") for u in range(5)]
    data = replace(data, social=pl.DataFrame(edges, schema=["src", "dst"], orient="row"))
    left_out = 0
    for seed in range(20):
        try:
            cut = split(data, ColdUsers(0.3, 0.3, 0, linked=True), seed)
        except DataError as error:
            assert "has a friend in training" in str(error)  # noqa: PT017
            continue
        asked = {u for u, _ in held_out(cut)}
        trained = {u for u, _ in pairs(cut.train)}
        assert 8 in trained
        assert asked <= set(range(5))
        assert len(trained) == 5
        left_out += len(asked) < 4
    assert left_out, "in some of the draws somebody new knows nobody who stays"


def test_too_few_users() -> None:
    with pytest.raises(DataError, match="1 users like two items, too few"):
        split(log([(0, 1, 1, 0), (0, 2, 2, 0), (1, 1, 3, 0)]), ColdUsers())
    with pytest.raises(ConfigError, match="known must be 0 or more and below 1, got 1"):
        ColdUsers(known=1)
    with pytest.raises(ConfigError, match=r"warm must be 0 or more and below 0\.5, got 0\.5"):
        ColdUsers(warm=0.5)
