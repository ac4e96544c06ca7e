"""What splits share: which pairs may be held out, when they came about, and the parts that are made of them."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cuvee.errors import ConfigError, DataError
from cuvee.queries import holdout, keep_events
from cuvee.types import Bools, Dataset, Holdout, Ints, Longs, Split

__all__ = [
    "ChooseOn",
    "Pairs",
    "check_shares",
    "check_times",
    "ends_of",
    "first_liked",
    "keep_until",
    "leading",
    "members",
    "pairs_in",
    "shares_of",
    "split_latest",
    "targets",
    "warm_and_cold",
    "without_reviews",
]

logger = logging.getLogger(__name__)

Pairs = tuple[Ints, Ints]
"""(n,) user rows and (n,) item rows."""

ChooseOn = Literal["warm", "cold_among_cold", "cold_among_all", "both"]
"""A validation set where some items are new; `both` asks for old and new among all."""


def check_shares(valid: float, test: float) -> None:
    """Raise a ConfigError unless both shares are above 0 and leave something to learn from."""
    if min(valid, test) <= 0 or valid + test >= 1:
        raise ConfigError(f"valid and test must be above 0 and sum to less than 1, got {valid}, {test}")


def targets(data: Dataset, kinds: tuple[str, ...] = ()) -> Pairs:
    """Return the pairs that may be held out: liked, and with an event of these kinds where any are named."""
    liked = data.liked.tocoo()
    users, items = liked.row.astype(np.int32), liked.col.astype(np.int32)
    if not kinds:
        return users, items
    for kind in kinds:
        if kind not in data.events.kinds:
            raise DataError(f"no event of the kind {kind!r}; the data has {', '.join(data.events.kinds)}")
    wanted = pairs_in((users, items), _named(data, kinds), len(data.items))
    return users[wanted], items[wanted]


def check_times(data: Dataset) -> None:
    """Raise a DataError if no event has a time; say so in the log if some have none."""
    time = data.events.time
    if not time.any():
        raise DataError("the events have no times, so none is the last; give them a timestamp or use the split random")
    if not time.all():
        logger.warning("%d of %d events have no time; they count as the oldest", int((time == 0).sum()), len(time))


def first_liked(data: Dataset, pairs: Pairs, kinds: tuple[str, ...] = ()) -> tuple[Longs, Longs]:
    """Return (n,) the unix seconds and (n,) the place among the events of each pair's first liking.

    It is the first event of the kinds named, or of positive weight where none are. Every pair must come from `targets`.
    """
    events, width = data.events, len(data.items)
    wanted = _of_kind(data, kinds) if kinds else events.weight > 0
    rows = np.flatnonzero(wanted)
    rows = rows[np.argsort(events.time[rows], kind="stable")]
    keys, first = np.unique(_keys((events.user[rows], events.item[rows]), width), return_index=True)
    place = rows[first][np.searchsorted(keys, _keys(pairs, width))].astype(np.int64)
    return events.time[place], place


def shares_of(counts: NDArray[np.int64], share: float) -> Longs:
    """Return (u,) how many of each user's items a share is: rounded down, but one from three items on."""
    return np.where(counts >= 3, np.maximum(1, np.floor(share * counts)), 0).astype(np.int64)


def leading(users: Ints, order: NDArray[np.int64], first: Longs, second: Longs) -> tuple[Bools, Bools]:
    """Return the masks (n,) of the first pairs of each user in `order`, and of those that come next.

    Args:
        users: (n,) the pairs' users.
        order: (n,) the places of the pairs, users ascending.
        first: (u,) how many of each user are first.
        second: (u,) how many come next.
    """
    users = users[order]
    counts = np.bincount(users, minlength=len(first))
    rank = np.arange(len(users)) - np.repeat(np.cumsum(counts) - counts, counts)  # place within the user
    masks = np.zeros((2, len(users)), bool)
    masks[0, order] = rank < first[users]
    masks[1, order] = (rank >= first[users]) & (rank < (first + second)[users])
    if not masks.any(axis=1).all():
        raise DataError("no user has three liked items, so nothing can be held out; check the kinds and weights")
    return masks[0], masks[1]


def ends_of(users: Ints, times: Longs, n: int) -> Longs:
    """Return (u,) the earliest of each user's times; for users without any, the end of time."""
    ends = np.full(n, np.iinfo(np.int64).max)
    np.minimum.at(ends, users, times)
    return ends


def keep_until(data: Dataset, held: Pairs, ends: Longs) -> Dataset:
    """Return the data set without the held pairs and without what each user did or wrote after `ends` (u,).

    Such later events would tell of the time that is to be foretold; how many there are is logged.
    """
    events = data.events
    apart = pairs_in((events.user, events.item), held, len(data.items))
    late = ~apart & (events.time > ends[events.user])
    if late.any():
        logger.info("%d events later than what is held out are in no part", int(late.sum()))
    return _written_until(keep_events(data, ~apart & ~late), ends)


def split_latest(data: Dataset, pairs: Pairs, kinds: tuple[str, ...], n_valid: Longs, n_test: Longs) -> Split:
    """Return the split in which each user's latest pairs are for the test and those before for validation.

    Args:
        pairs: the pairs that may be held out.
        kinds: what they were taken for, see `targets`.
        n_valid: (u,) pairs of each user.
        n_test: (u,) pairs of each user.
    """
    check_times(data)
    users, items = pairs
    times, place = first_liked(data, pairs, kinds)
    test, valid = leading(users, np.lexsort((-place, -times, users)), n_test, n_valid)
    held = valid | test
    ends = ends_of(users[held], times[held], len(data.users))
    train = keep_until(data, (users[held], items[held]), ends)
    return Split(
        train,
        holdout(train, (users[valid], items[valid])),
        {"test": holdout(train, (users[test], items[test]))},
        data,
    )


def warm_and_cold(
    train: Dataset, everything: Dataset, warm: tuple[Pairs, Pairs], cold: tuple[Pairs, Pairs], choose_on: ChooseOn
) -> Split:
    """Return the split with tests `test_warm`, `test_cold_among_cold` and `test_cold_among_all`.

    Args:
        warm: pairs of validation and test on items that are in training.
        cold: pairs of validation and test on items that are not.
        choose_on: the validation set that choices are made on.
    """
    n = len(train.items)
    valid: dict[ChooseOn, Callable[[], Holdout]] = {
        "warm": lambda: holdout(train, warm[0]),
        "cold_among_cold": lambda: holdout(train, cold[0], members(cold[0][1], n)),
        "cold_among_all": lambda: holdout(train, cold[0]),
        "both": lambda: holdout(train, (np.append(warm[0][0], cold[0][0]), np.append(warm[0][1], cold[0][1]))),
    }
    tests = {
        "test_warm": holdout(train, warm[1]),
        "test_cold_among_cold": holdout(train, cold[1], members(cold[1][1], n)),
        "test_cold_among_all": holdout(train, cold[1]),
    }
    return Split(train, valid[choose_on](), tests, everything)


def members(rows: Ints, n: int) -> Bools:
    """Return (n,): whether each row is among `rows`."""
    mask = np.zeros(n, bool)
    mask[rows] = True
    return mask


def without_reviews(data: Dataset, column: str, ids: Sequence[str]) -> Dataset:
    """Return the data set without the reviews by these users, or of these items, whether they have events or not."""
    if data.reviews is None:
        return data
    return replace(data, reviews=data.reviews.filter(~pl.col(column).is_in(list(ids))))


def pairs_in(pairs: Pairs, others: Pairs, width: int) -> Bools:
    """Return (n,): whether each pair is among the others; `width` is the number of items."""
    return np.isin(_keys(pairs, width), _keys(others, width))


def _keys(pairs: Pairs, width: int) -> Longs:
    return pairs[0].astype(np.int64) * width + pairs[1]


def _of_kind(data: Dataset, kinds: tuple[str, ...]) -> Bools:
    return np.isin(data.events.kind, [data.events.kinds.index(kind) for kind in kinds])


def _named(data: Dataset, kinds: tuple[str, ...]) -> Pairs:
    events = data.events.take(_of_kind(data, kinds))
    return events.user, events.item


def _written_until(data: Dataset, ends: Longs) -> Dataset:
    """Return the data set without reviews that their user wrote later; for people unknown the latest end counts."""
    if data.reviews is None or "timestamp" not in data.reviews.columns:
        return data
    time = data.reviews["timestamp"]
    seconds = time.dt.epoch("s") if time.dtype in (pl.Date, pl.Datetime) else time.cast(pl.Int64, strict=False)
    limits = pl.DataFrame({"user_id": data.users, "end": ends}, schema={"user_id": pl.String, "end": pl.Int64})
    end = data.reviews.select("user_id").join(limits, on="user_id", how="left", maintain_order="left")["end"]
    written = seconds <= end.fill_null(int(ends.max(initial=0)))
    return replace(data, reviews=data.reviews.filter(written.fill_null(value=True)))
