"""The funnel, its times, what is missing, and who knows whom."""

from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from cuvee.demo import catalogue as catalogues
from cuvee.demo import words, world
from cuvee.demo.behaviour import EVENTS, simulate
from cuvee.demo.people import utility
from tests.demo.conftest import Shop, World


def test_every_funnel_runs_in_order(shop: Shop) -> None:
    """A pair is viewed once, first; then put into the cart, bought, judged: no step without the one before it."""
    log = shop.table("interactions")
    assert log["timestamp"].is_sorted()
    assert log.select("user_id", "item_id", "event").is_duplicated().sum() == 0
    for steps in log.group_by("user_id", "item_id").agg(pl.col("event"), pl.col("timestamp")).iter_rows(named=True):
        assert steps["event"] in (
            ["view"],
            ["view", "dislike"],
            ["view", "cart"],
            ["view", "cart", "buy"],
            ["view", "cart", "buy", "like"],
            ["view", "cart", "buy", "dislike"],
        )
        assert all(a < b for a, b in pairwise(steps["timestamp"]))
    assert log["timestamp"][0] >= world.START
    assert log["timestamp"][-1] < world.START + world.DAYS * 86_400


def test_ratings_follow_likes_and_reviews(shop: Shop) -> None:
    log = shop.table("interactions")
    assert log.filter(pl.col("event") == "like")["rating"].is_in([4.0, 5.0]).all()
    assert log.filter(event="dislike")["rating"].drop_nulls().is_in([1.0, 2.0]).all()
    assert log.filter(pl.col("event").is_in(["view", "cart", "buy"]))["rating"].is_null().all()
    both = log.filter(pl.col("rating").is_not_null()).join(shop.table("reviews"), on=["user_id", "item_id"])
    assert both.height > 20
    assert (both["rating"] == both["rating_right"]).all()
    assert (both["timestamp"] == both["timestamp_right"]).all()


def test_only_buyers_review_after_buying(shop: Shop) -> None:
    bought = shop.table("interactions").filter(event="buy")
    reviews = shop.table("reviews")
    both = reviews.join(bought, on=["user_id", "item_id"])
    assert both.height == reviews.height
    assert (both["timestamp"] > both["timestamp_right"]).all()


def test_wording_follows_the_stars_and_the_quality(shop: Shop) -> None:
    """Every review holds a verdict that belongs to its stars and a sentence that belongs to the item's quality."""
    voices = words.LANGUAGES[shop.truth["parameters"]["lang"]].voices
    quality = dict(zip(shop.truth["items"]["item_id"], shop.truth["items"]["quality"], strict=True))
    for review in shop.table("reviews").iter_rows(named=True):
        star, level = int(review["rating"]) - 1, world.QUALITIES.index(quality[review["item_id"]])
        assert review["summary"] in voices.summaries[star]
        assert any(verdict in review["text"] for verdict in voices.verdicts[star])
        assert any(sentence in review["text"] for sentence in voices.quality[level])


def test_stars_follow_utility(world_at_large: World) -> None:
    visits = world_at_large.visits
    worth = utility(world_at_large.people, world_at_large.catalogue, visits.user, visits.item)
    means = [worth[visits.reviewed & (visits.stars == n)].mean() for n in range(1, 6)]
    assert means == sorted(means)


def test_missing_shares() -> None:
    catalogue = catalogues.make_catalogue(1000, world.generator(0, 1))
    assert (~catalogue.has_image).sum() == 60
    assert (~catalogue.has_text).sum() == 50
    assert catalogue.arrival.sum() == 80
    assert (catalogue.has_image | catalogue.has_text).all()


def test_arrivals_are_without_events_but_not_without_content(shop: Shop) -> None:
    told = shop.truth["items"]
    arrivals = {name for name, new in zip(told["item_id"], told["arrival"], strict=True) if new}
    assert arrivals
    assert not arrivals & set(shop.table("interactions")["item_id"])
    assert not arrivals & set(shop.table("reviews")["item_id"])
    items = shop.table("items")
    assert items["title"].is_null().sum() == items["description"].is_null().sum() == 2
    assert items["image"].is_null().sum() == 3


def test_friends_share_tastes(world_at_large: World) -> None:
    """Mean correlation of taste vectors between friends against that between everybody."""
    people = world_at_large.people
    tastes = np.concatenate(list(people.tastes.values()), axis=1)
    tastes = (tastes - tastes.mean(axis=0)) / np.linalg.norm(tastes - tastes.mean(axis=0), axis=1, keepdims=True)
    between = tastes @ tastes.T
    assert between[people.friends[:, 0], people.friends[:, 1]].mean() > between.mean() + 0.15
    same_scene = people.tastes["scene"].argmax(axis=1)
    assert (same_scene[people.friends[:, 0]] == same_scene[people.friends[:, 1]]).mean() > 0.8


def test_friendship_is_mutual_and_never_with_oneself(shop: Shop) -> None:
    edges = set(shop.table("social").rows())
    assert len(edges) == shop.table("social").height
    assert all((b, a) in edges and a != b for a, b in edges)


@pytest.mark.parametrize("candidates", [2000, 200])
def test_people_look_at_each_item_at_most_once(world_at_large: World, candidates: int) -> None:
    """Both when everything is in reach and when only a sample in proportion to fame is."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("cuvee.demo.behaviour._CANDIDATES", candidates)
        visits = simulate(world_at_large.people, world_at_large.catalogue, np.random.default_rng(2))
    pairs = visits.user * len(world_at_large.catalogue) + visits.item
    assert len(np.unique(pairs)) == len(pairs)
    assert np.bincount(visits.user, minlength=len(world_at_large.people)).min() >= 4
    seen = np.bincount(visits.item, minlength=len(world_at_large.catalogue))
    assert seen[world_at_large.catalogue.arrival].sum() == 0
    famous = np.argsort(world_at_large.catalogue.fame)[-60:]
    assert seen[famous].mean() > 1.8 * seen.mean()
    assert set(EVENTS) == {"view", "cart", "buy", "like", "dislike"}
