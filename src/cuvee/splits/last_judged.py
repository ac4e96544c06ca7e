"""The last share of what was judged, liked or not: examples for a ranker, and questions for the model before it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from cuvee.examples import examples_of, last_by_user, latest, split_examples
from cuvee.holdouts import check_shares, check_times
from cuvee.types import Dataset, Split

__all__ = ["LastJudged"]


@dataclass(frozen=True)
class LastJudged:
    """The last share of each user's ratings, or of everybody's, is for the test, the share before for validation.

    Unlike `last_share` it holds out what was not liked as well, which a ranker has to tell from what was. A pair stands
    where it was judged last, and all of its events go with it.
    """

    valid: float = 0.1
    """Share of the judgements."""
    test: float = 0.1
    """Share of the judgements."""
    by: Literal["user", "time"] = "user"
    """Whether each user's last are held out, or what came after one moment for everybody."""

    def __post_init__(self) -> None:
        check_shares(self.valid, self.test)

    def split(self, data: Dataset, rng: np.random.Generator) -> Split:  # noqa: ARG002 - time has decided
        """Cut by time.

        Raises:
            DataError: no event has a time, or nothing can be held out.
        """
        check_times(data)
        examples = examples_of(data)
        if self.by == "user":
            return split_examples(data, *last_by_user(examples, self.valid, self.test))
        valid, test = latest(examples, self.valid, self.test)
        return split_examples(data, valid, test, (int(examples.time[valid].min()), int(examples.time[test].min())))
