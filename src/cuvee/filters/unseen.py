"""Never shows what the user has already touched, or touched in a way and a time that count."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cuvee import queries as asked
from cuvee.errors import ConfigError, UnknownNameError, unknown
from cuvee.types import PAD, Bools, Dataset, Queries

__all__ = ["Unseen"]

_DAY = 86_400


@dataclass(frozen=True)
class Unseen:
    """Allows only items without an event of the user: any, or one of the `kinds`, within the last days.

    Kinds and times are known of the newest 200 events of a user. Where the history was cut and older events could
    count, every item the user has touched is hidden: rather too little is shown than what was bought once. Events
    without a time always count. Items of an anonymous session count as events of the vocabulary's first kind.
    """

    kinds: tuple[str, ...] = ()
    """Only events of these kinds hide an item, e.g. [buy]; empty for any kind."""
    within_days: float | None = None
    """Only events of the last so many days hide an item, counted from when the question is asked, or from the user's
    newest event where that is unknown; None: ever."""

    def __post_init__(self) -> None:
        if self.within_days is not None and not self.within_days > 0:
            raise ConfigError(f"within_days must be above 0, or null for ever, got {self.within_days}")

    def prepare(self, data: Dataset) -> Callable[[Queries], Bools]:
        """Return the function from queries to (q, i).

        Raises:
            UnknownNameError: a kind that the data does not have; the message suggests the nearest.
        """
        vocabulary = data.events.kinds
        for kind in self.kinds:
            if kind not in vocabulary:
                raise UnknownNameError(unknown("kind of event", kind, vocabulary))
        if not self.kinds and self.within_days is None:
            return allowed
        counting = np.array([not self.kinds or kind in self.kinds for kind in vocabulary], bool)
        return lambda queries: _allowed(queries, counting, self.within_days)


def allowed(queries: Queries) -> Bools:
    """Return (q, i): False where the user has an event on the item."""
    mask = np.ones(queries.seen.shape, bool)
    rows = np.repeat(np.arange(len(queries)), np.diff(queries.seen.indptr))
    mask[rows, queries.seen.indices] = False  # stored zeros are touches too
    return mask


def _allowed(queries: Queries, counting: Bools, days: float | None) -> Bools:
    """Return (q, i): False where an event of a kind that counts (index into the vocabulary) is recent enough."""
    filled = queries.history != PAD
    since = _since(queries, days)
    recent = (queries.history_time >= since[:, None]) | (queries.history_time == 0)
    row, step = np.nonzero(filled & recent & counting[queries.history_kind])
    mask = np.ones(queries.seen.shape, bool)
    mask[row, queries.history[row, step]] = False
    cut = filled.sum(axis=1) >= asked.HISTORY_LIMIT
    if cut.any():
        oldest = queries.history_time[:, 0]
        short = cut & ((oldest >= since) | (oldest == 0))  # older events could count, and their kinds are not known
        mask[short] = allowed(queries.take(short))
    return mask


def _since(queries: Queries, days: float | None) -> NDArray[np.float64]:
    """Return (q,) unix seconds from which on events count."""
    if days is None:
        return np.full(len(queries), -np.inf)
    newest = queries.history_time.max(axis=1, initial=0)
    return (newest if queries.now == 0 else np.full(len(queries), queries.now)) - days * _DAY
