"""What people do in the demo shop: they look, put into the cart, buy, and sometimes say what they think."""

from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from cuvee.demo import world
from cuvee.demo.catalogue import Catalogue
from cuvee.demo.people import People, utility
from cuvee.demo.world import Doubles, Rows
from cuvee.types import Bools

__all__ = ["EVENTS", "Log", "Visits", "happen", "simulate"]

EVENTS = ("view", "cart", "buy", "like", "dislike")

_BLOCK = 1000
_CANDIDATES = 1024
"""Items a person could come across; all of them in a shop no larger than this."""
_VIEWS = (3.6, 0.6)
"""Mean and spread of the log of the number of items a person looks at."""
_CURIOSITY = 0.3
"""How strongly the appeal of an item draws looks, beside its fame."""
_TO_CART, _TO_BUY, _RESOLVE = 4.0, 3.7, 1.2
"""Utility at which half of the looks end in the cart, and half of the carts at the till; steepness of both."""
_STARS = (1.9, 3.0, 4.2, 5.5)
"""Experiences that separate 1 from 2 stars, 2 from 3 ..."""
_LUCK = 1.4
"""Spread of how an item turns out for one person."""
_SAY, _WAVE_AWAY, _REVIEW = 0.6, 0.5, 0.45
"""Probabilities of a like or dislike after buying, of a dislike after only looking at what disappoints, of a review."""
_WAVED_AWAY = -1.6
"""Experience below which something is waved away after only looking."""
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


@dataclass(frozen=True)
class Visits:
    """Every pair of user and item that met, (n,) arrays, ordered by user."""

    user: Rows
    item: Rows
    carted: Bools
    bought: Bools
    said: Bools
    """A like or a dislike followed."""
    reviewed: Bools
    stars: Rows
    """1..5: how it turned out, whether said or not."""


@dataclass(frozen=True)
class Log:
    """The event log in time order, (n,) arrays, and the reviews."""

    user: Rows
    item: Rows
    time: Rows
    """Unix seconds."""
    kind: Rows
    """Index into `EVENTS`."""
    rating: Doubles
    """Stars behind a like or dislike of something bought, else NaN."""
    reviews: Rows
    """(r, 4): user row, item row, stars, unix seconds; in time order."""


def simulate(people: People, catalogue: Catalogue, rng: np.random.Generator) -> Visits:
    """Let everybody look around once; blocks of users keep memory flat."""
    counts = np.clip(np.exp(rng.normal(*_VIEWS, len(people))), 4, 250).astype(np.int64)
    starts = range(0, len(people), _BLOCK)
    parts = [
        _look(people, catalogue, np.arange(s, min(s + _BLOCK, len(people))), counts, rng)
        for s in tqdm(starts, desc="shoppers", unit="block", disable=len(starts) < 10)
    ]
    user, item = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _decide(people, catalogue, user, item, rng)


def _look(
    people: People, catalogue: Catalogue, users: Rows, counts: Rows, rng: np.random.Generator
) -> tuple[Rows, Rows]:
    """Return who looks at what: the best of fame + appeal + Gumbel noise, which draws without replacement."""
    shelf = np.flatnonzero(~catalogue.arrival)
    if len(shelf) <= _CANDIDATES:
        items = np.broadcast_to(shelf, (len(users), len(shelf)))
        keys = catalogue.fame[items].copy()
    else:  # drawn in proportion to fame, which therefore is not counted again
        odds = np.cumsum(np.exp(catalogue.fame[shelf]))
        drawn = np.searchsorted(odds, rng.random((len(users), _CANDIDATES)) * odds[-1])
        items = np.sort(shelf[np.minimum(drawn, len(shelf) - 1)], axis=1)
        keys = np.zeros(items.shape)
        keys[:, 1:][items[:, 1:] == items[:, :-1]] = -np.inf
    keys += _CURIOSITY * utility(people, catalogue, users[:, None], items, without="quality")
    keys += rng.gumbel(size=keys.shape)
    ranks = np.argsort(-keys, axis=1, kind="stable")
    wanted = np.arange(ranks.shape[1]) < np.minimum(counts[users], np.isfinite(keys).sum(axis=1))[:, None]
    seen = np.take_along_axis(items, ranks, axis=1)[wanted]
    return np.repeat(users, wanted.sum(axis=1)), seen


def _decide(people: People, catalogue: Catalogue, user: Rows, item: Rows, rng: np.random.Generator) -> Visits:
    """Follow the funnel: people judge looks without knowing the quality, and buy knowing it from others."""
    appeal = utility(people, catalogue, user, item, without="quality")
    worth = utility(people, catalogue, user, item)
    carted = _chance(appeal - _TO_CART, rng)
    bought = carted & _chance(worth - _TO_BUY, rng)
    experience = worth + rng.normal(0.0, _LUCK, len(worth))
    stars = 1 + np.searchsorted(_STARS, experience)
    says = rng.random(len(worth)) < np.where(bought, _SAY, _WAVE_AWAY)
    said = says & np.where(bought, stars != 3, ~carted & (experience < _WAVED_AWAY))
    reviewed = bought & (rng.random(len(worth)) < _REVIEW)
    return Visits(user, item, carted, bought, said, reviewed, stars)


def _chance(odds: Doubles, rng: np.random.Generator) -> Bools:
    chance: Bools = rng.random(len(odds)) < 1 / (1 + np.exp(-_RESOLVE * odds))
    return chance


def happen(visits: Visits, rng: np.random.Generator) -> Log:
    """Give every step of every visit its time, in the order of the funnel, and sort."""
    count = len(visits.user)
    looked = _sessions(visits.user, rng)
    carted = looked + rng.integers(10, 10 * _MINUTE, count)
    bought = carted + np.where(
        rng.random(count) < 0.7, rng.integers(30, _HOUR, count), rng.integers(_HOUR, _DAY, count)
    )
    tried = bought + rng.integers(_DAY, 8 * _DAY, count)
    said = np.where(visits.bought, tried, looked + rng.integers(5, _MINUTE, count))
    opinion = np.where(visits.stars > 3, EVENTS.index("like"), EVENTS.index("dislike"))
    steps = [
        (np.ones(count, np.bool_), looked, np.zeros(count, np.int64)),
        (visits.carted, carted, np.full(count, EVENTS.index("cart"))),
        (visits.bought, bought, np.full(count, EVENTS.index("buy"))),
        (visits.said, said, opinion),
    ]
    rows = np.concatenate([np.flatnonzero(mask) for mask, _, _ in steps])
    time = np.concatenate([when[mask] for mask, when, _ in steps])
    kind = np.concatenate([what[mask] for mask, _, what in steps])
    rating = np.where((kind >= EVENTS.index("like")) & visits.bought[rows], visits.stars[rows], np.nan)
    order = np.lexsort((kind, rows, time))
    return Log(
        visits.user[rows][order],
        visits.item[rows][order],
        time[order],
        kind[order],
        rating[order],
        _reviews(visits, tried),
    )


def _sessions(user: Rows, rng: np.random.Generator) -> Rows:
    """Return when each look happened: people come on a few days, mostly in the evening, for half an hour."""
    days = world.DAYS - 10  # the rest is for trying things out
    most = 12
    comes = rng.integers(1, most + 1, user.max() + 1)
    first = rng.integers(days, size=(len(comes), most)) * _DAY
    opens = first + np.clip(rng.normal(19, 3, first.shape) * _HOUR, 0, _DAY - _HOUR).astype(np.int64)
    session = (rng.random(len(user)) * comes[user]).astype(np.int64)
    started: Rows = world.START + opens[user, session] + rng.integers(_HOUR // 2, size=len(user))
    return started


def _reviews(visits: Visits, tried: Rows) -> Rows:
    rows = np.flatnonzero(visits.reviewed)
    rows = rows[np.argsort(tried[rows], kind="stable")]
    table: Rows = np.c_[visits.user[rows], visits.item[rows], visits.stars[rows], tried[rows]]
    return table
