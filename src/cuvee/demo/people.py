"""Who visits the demo shop: circles of friends, profiles and tastes."""

from dataclasses import dataclass, replace

import numpy as np

from cuvee.demo import world
from cuvee.demo.catalogue import Catalogue
from cuvee.demo.world import Attribute, Doubles, Rows

__all__ = ["CITIES", "People", "make_people", "utility", "with_media"]

CITIES = 10
_CIRCLE = 40
"""Mean number of people in a circle."""
_FRIENDS = 5
"""Friendships each person starts; about as many again are started by others."""
_WITHIN = 0.85
"""Probability that a friendship stays within the circle."""
_OF_AGE = 0.5
"""Part of the variance of tastes for kinds that an age band has in common."""


@dataclass(frozen=True)
class People:
    """The users, in the order of their ids."""

    ids: tuple[str, ...]
    circle: Rows
    """(u,)."""
    age: Rows
    """(u,) years."""
    gender: Rows
    """(u,) index into female, male, other: of no consequence."""
    city: Rows
    """(u,) of no consequence."""
    tastes: dict[str, Doubles]
    """Attribute -> (u, levels)."""
    leaning: Doubles
    """(u,) what the joint pair is worth: positive likes warm colours outdoors and cool ones indoors."""
    friends: Rows
    """(n, 2) user rows; every friendship stands there in both directions."""

    def __len__(self) -> int:
        return len(self.ids)


def make_people(count: int, rng: np.random.Generator) -> People:
    """Draw `count` users."""
    circles = max(3, count // _CIRCLE)
    circle = rng.choice(circles, size=count, p=rng.dirichlet(np.full(circles, 4.0)))
    age = np.clip(np.round(18 + rng.gamma(3.0, 8.0, count)), 18, 79).astype(np.int64)
    tastes = {a.name: _tastes(a, circle, rng) for a in world.ATTRIBUTES}
    tastes["scene"] = _scenes(circle)
    tastes["quality"] = rng.gamma(4.0, 0.35, count)[:, None] * np.array([-1.0, 0.0, 1.0])
    tastes["kind"] = _by_age(tastes["kind"], age, rng)
    tastes["price_band"] = _by_price(len(world.BANDS), circle, rng)
    return People(
        ids=tuple(f"u{n:0{max(4, len(str(count)))}d}" for n in range(1, count + 1)),
        circle=circle,
        age=age,
        gender=rng.choice(3, size=count, p=(0.49, 0.48, 0.03)),
        city=rng.integers(CITIES, size=count),
        tastes=tastes,
        leaning=np.where(rng.random(count) < 0.5, 1.0, -1.0) * rng.uniform(0.6, 1.4, count),
        friends=_friends(circle, rng),
    )


def with_media(people: People, rng: np.random.Generator) -> People:
    """Return the same users with tastes for moods and motions."""
    return replace(people, tastes=people.tastes | {a.name: _tastes(a, people.circle, rng) for a in world.MEDIA})


def utility(people: People, catalogue: Catalogue, users: Rows, items: Rows, without: str = "") -> Doubles:
    """Return what items are worth to users; the two index arrays broadcast against each other.

    `without` leaves one attribute out.
    """
    total = np.zeros(np.broadcast_shapes(users.shape, items.shape))
    for a in world.attributes(catalogue.levels):
        if a.name != without:
            total += a.coefficient * people.tastes[a.name][users, catalogue.levels[a.name][items]]
    pair = world.side(catalogue.levels["colour"]) * world.side(catalogue.levels["use"])
    total += world.JOINT * people.leaning[users] * pair[items]
    return total


def _tastes(a: Attribute, circle: Rows, rng: np.random.Generator) -> Doubles:
    """Return (u, levels): unit variance, partly the circle's, adding up to nothing within each group of levels."""
    common = rng.normal(size=(circle.max() + 1, len(a.levels)))[circle]
    own = rng.normal(size=common.shape)
    return _centred(np.sqrt(a.shared) * common + np.sqrt(1 - a.shared) * own, a.groups)


def _centred(tastes: Doubles, groups: int = 1) -> Doubles:
    width = tastes.shape[1] // groups
    parts = tastes.reshape(len(tastes), groups, width)
    parts = (parts - parts.mean(axis=2, keepdims=True)) * np.sqrt(width / (width - 1))
    centred: Doubles = parts.reshape(tastes.shape)
    return centred


def _scenes(circle: Rows) -> Doubles:
    """Return (u, scenes): every circle follows one scene, its members share that taste wholly."""
    follows = np.eye(len(world.SCENES))[circle % len(world.SCENES)]
    tastes: Doubles = (follows - follows.mean(axis=1, keepdims=True)) / follows.std()
    return tastes


def _by_age(own: Doubles, age: Rows, rng: np.random.Generator) -> Doubles:
    """Mix the tastes for kinds with what the age band has in common: only profiles tell them without events."""
    band = np.searchsorted(world.AGE_BANDS, age, side="right") - 1
    common = _centred(rng.normal(size=(len(world.AGE_BANDS) - 1, own.shape[1])))[band]
    tastes: Doubles = np.sqrt(_OF_AGE) * common + np.sqrt(1 - _OF_AGE) * own
    return tastes


def _by_price(bands: int, circle: Rows, rng: np.random.Generator) -> Doubles:
    """Return (u, bands): falls off on both sides of the price a person is used to."""
    used_to = (
        rng.uniform(-0.5, bands - 0.5, circle.max() + 1)[circle] * 0.3
        + rng.uniform(-0.5, bands - 0.5, len(circle)) * 0.7
    )
    tastes = -np.abs(np.arange(bands) - used_to[:, None])
    tastes -= tastes.mean(axis=1, keepdims=True)
    scaled: Doubles = tastes / tastes.std()
    return scaled


def _friends(circle: Rows, rng: np.random.Generator) -> Rows:
    """Return (n, 2) friendships in both directions, sorted, none with oneself."""
    count = len(circle)
    order = np.argsort(circle, kind="stable")
    sizes = np.bincount(circle)
    starts = np.cumsum(sizes) - sizes
    source = np.repeat(np.arange(count), rng.integers(1, 2 * _FRIENDS, count))
    own = circle[source]
    inside = order[starts[own] + (rng.random(len(source)) * sizes[own]).astype(np.int64)]
    target = np.where(rng.random(len(source)) < _WITHIN, inside, rng.integers(count, size=len(source)))
    edges = np.r_[np.c_[source, target], np.c_[target, source]]
    return np.unique(edges[edges[:, 0] != edges[:, 1]], axis=0)
