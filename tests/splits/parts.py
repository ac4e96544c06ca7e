"""Small made-up event logs, and what went where."""

from collections.abc import Iterable

import numpy as np
import polars as pl
from hypothesis import strategies as st

from cuvee.types import Dataset, Events, Holdout, Split

Pair = tuple[int, int]

KINDS = ("buy", "dislike", "view")
WEIGHTS = np.array([1, -1, 0.2], np.float32)


def log(events: Iterable[tuple[int, int, int, int]], users: int = 9, items: int = 8) -> Dataset:
    """Return a data set of (user, item, time, kind) in time order, with a review of every pair that names it."""
    rows = sorted(events, key=lambda e: e[2])
    user, item, time, kind = np.array(rows, np.int64).reshape(len(rows), 4).T
    reviews = [(f"u{u}", f"i{i}", f"u{u} on i{i}", t) for u, i, t, _ in rows]
    return Dataset(
        tuple(f"u{r}" for r in range(users)),
        tuple(f"i{r}" for r in range(items)),
        Events(
            user.astype(np.int32), item.astype(np.int32), time, WEIGHTS[kind], kind.astype(np.int8), (*KINDS, "secret")
        ),
        pl.DataFrame({"item_id": [f"i{r}" for r in range(items)]}),
        pl.DataFrame({"user_id": [f"u{r}" for r in range(users)]}),
        reviews=pl.DataFrame(reviews, schema=["user_id", "item_id", "text", "timestamp"], orient="row"),
    )


@st.composite
def logs(draw: st.DrawFn) -> Dataset:
    """Draw a log in which pairs repeat, times collide or are unknown, and some users and items have no events."""
    event = st.tuples(st.integers(0, 7), st.integers(0, 6), st.integers(0, 25), st.sampled_from([0, 0, 0, 0, 2, 2, 1]))
    return log(draw(st.lists(event, min_size=40, max_size=110)))


def wanted(held: Holdout) -> set[Pair]:
    rows, items = held.truth.nonzero()
    return set(zip(held.users[rows].tolist(), items.tolist(), strict=True))


def held_out(split: Split) -> set[Pair]:
    return wanted(split.valid).union(*(wanted(held) for held in split.tests.values()))


def pairs(data: Dataset) -> set[Pair]:
    return set(zip(data.events.user.tolist(), data.events.item.tolist(), strict=True))


def liked_since(data: Dataset, kinds: tuple[str, ...] = ()) -> dict[Pair, tuple[int, int]]:
    """Return each liked pair's first liking (time, place), event by event."""
    e = data.events
    strongest: dict[Pair, float] = {}
    first: dict[Pair, tuple[int, int]] = {}
    for place in range(len(e)):
        pair, weight = (int(e.user[place]), int(e.item[place])), float(e.weight[place])
        if abs(weight) >= abs(strongest.get(pair, 0)):
            strongest[pair] = weight
        if weight > 0 and (not kinds or e.kinds[e.kind[place]] in kinds):
            first.setdefault(pair, (int(e.time[place]), place))
    return {pair: since for pair, since in first.items() if strongest[pair] > 0}
