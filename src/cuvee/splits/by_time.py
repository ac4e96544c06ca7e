"""One cut through time for everybody: train on the past, be asked about the future."""

import logging
from dataclasses import dataclass, replace

import numpy as np

from cuvee.errors import ConfigError, DataError
from cuvee.holdouts import check_shares, check_times, first_liked, keep_until, targets
from cuvee.queries import holdout
from cuvee.types import Bools, Dataset, Holdout, Longs, Split

__all__ = ["ByTime"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ByTime:
    """Training ends at one moment; what was first liked after it is validation, and after a second moment test.

    Nothing later than the first moment is trained on, whoever did or wrote it: repeated events and reviews included.
    All events of a pair held out go with it. Whoever has no events before the first moment is asked with an empty
    history, as a new visitor is, unless `known_users` is set; items that only appear later stay in the catalogue.
    """

    valid: float = 0.1
    """Share of all events between the two moments."""
    test: float = 0.1
    """Share of all events after the second moment."""
    valid_from: int | None = None
    """Unix seconds at which validation starts; None to go by the shares."""
    test_from: int | None = None
    """Unix seconds at which the test starts; None to go by the shares."""
    known_users: bool = False
    """Ask only users with training events; how many pairs of others are left out is logged."""
    targets: tuple[str, ...] = ()
    """Only pairs with an event of these kinds are held out, e.g. [buy]; empty for all that are liked."""

    def __post_init__(self) -> None:
        check_shares(self.valid, self.test)
        if (self.valid_from is None) != (self.test_from is None):
            raise ConfigError("give both valid_from and test_from, or neither")
        if self.valid_from is not None and self.test_from is not None and self.valid_from >= self.test_from:
            raise ConfigError(f"valid_from must be before test_from, got {self.valid_from}, {self.test_from}")

    def split(self, data: Dataset, rng: np.random.Generator) -> Split:  # noqa: ARG002 - time has decided
        """Cut by time.

        Raises:
            DataError: no event has a time, or one of the three parts would be empty.
        """
        check_times(data)
        start, middle = self._moments(data.events.time)
        users, items = targets(data, self.targets)
        times, _ = first_liked(data, (users, items), self.targets)
        later = times >= start
        train = keep_until(data, (users[later], items[later]), np.full(len(data.users), start - 1))
        if not train.liked.nnz:
            raise DataError(f"nothing that is liked lies before {_date(start)}; let validation start later")
        asked = np.ones(len(users), bool)
        if self.known_users:
            asked = np.bincount(train.events.user, minlength=len(data.users))[users] > 0
            logger.info("%d pairs of users without training events are left out", int((later & ~asked).sum()))

        def held(mask: Bools, now: int, name: str) -> Holdout:
            mask = mask & asked
            if not mask.any():
                raise DataError(f"nothing was newly liked in {name}, from {_date(now)}; move valid_from or test_from")
            found = holdout(train, (users[mask], items[mask]))
            return replace(found, queries=replace(found.queries, now=now))

        valid = held(later & (times < middle), start, "validation")
        return Split(train, valid, {"test": held(times >= middle, middle, "test")}, data)

    def _moments(self, time: Longs) -> tuple[int, int]:
        """Return the unix seconds from which on events are for validation, and for the test."""
        if self.valid_from is not None and self.test_from is not None:
            return self.valid_from, self.test_from
        ordered, n = np.sort(time), len(time)
        places = [n - max(1, round(n * share)) for share in (self.valid + self.test, self.test)]
        start, middle = (int(ordered[max(0, place)]) for place in places)
        if ordered[0] == start or start == middle:
            raise DataError(
                f"too many events at one moment ({_date(start)}) to cut by shares; give valid_from and test_from, "
                "or use the split random"
            )
        return start, middle


def _date(seconds: int) -> str:
    return f"{np.datetime64(seconds, 's')} UTC"
