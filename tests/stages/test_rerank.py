import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from cuvee.errors import ConfigError
from cuvee.queries import queries_of
from cuvee.stages.rerank import Rerank
from cuvee.testing import toy
from cuvee.types import PAD, Context, Dataset, Floats, Ints, Queries, Slate
from tests.cases import slate


@dataclass(frozen=True)
class Backwards:
    """Likes items of larger rows."""

    def score(self, queries: Queries, items: Ints) -> Floats:
        return np.asarray(items + 0 * queries.lengths[:, None], np.float32)

    def judge(self, data: Dataset, examples: Any) -> Floats:
        raise NotImplementedError


def shown(stage: Rerank, given: Slate, ranker: Any = Backwards()) -> Slate:
    data = toy()
    queries = queries_of(data, np.arange(len(given), dtype=np.int32))
    return stage.prepare(data).apply(given, queries, Context(data, np.random.default_rng(0), ranker=ranker))


def test_by_hand() -> None:
    given = slate([[3, 9, 1, 7], [5, 2], [8, 4, 6, 0]])
    found = shown(Rerank(trust=1.0), given)
    assert found.items.tolist() == [[9, 7, 3, 1], [5, 2, PAD, PAD], [8, 6, 4, 0]]
    np.testing.assert_array_equal(found.scores, given.scores)  # those of the places
    assert found.degraded is not None
    assert not found.degraded.any()
    top = shown(Rerank(trust=1.0, depth=3), given)
    assert top.items.tolist() == [[9, 3, 1, 7], [5, 2, PAD, PAD], [8, 6, 4, 0]]


def test_trust_mixes_places() -> None:
    """Places by the model 0..3 and by the ranker 2, 0, 3, 1: means 1, .5, 2.5, 2."""
    given = slate([[3, 9, 1, 7]])
    assert shown(Rerank(trust=0.5), given).items.tolist() == [[9, 3, 7, 1]]
    assert shown(Rerank(trust=0.0), given).items.tolist() == given.items.tolist()


@dataclass(frozen=True)
class Slow(Backwards):
    """Takes its time over slates that begin with item 8."""

    seconds: float = 0.6

    def score(self, queries: Queries, items: Ints) -> Floats:
        if items[0, 0] == 8:
            time.sleep(self.seconds)
        return super().score(queries, items)


def test_the_models_order_stands_when_time_runs_out() -> None:
    """The answer does not wait for a ranker that is late; whoever comes while it is busy is not kept waiting either."""
    given = slate([[3, 9, 1, 7], [8, 4, 6, 0], [2, 5, 1, 0]])
    start = time.monotonic()
    found = shown(Rerank(trust=1.0, deadline=0.2, block=1), given, Slow())
    assert time.monotonic() - start < 0.55
    assert found.degraded is not None
    assert found.degraded.tolist() == [False, True, True]
    assert found.items.tolist() == [[9, 7, 3, 1], [8, 4, 6, 0], [2, 5, 1, 0]]
    time.sleep(0.6)
    again = shown(Rerank(trust=1.0, deadline=0.2), slate([[3, 9, 1, 7]]), Slow())
    assert again.degraded is not None
    assert not again.degraded.any()
    assert again.items.tolist() == [[9, 7, 3, 1]]


def test_without_a_ranker_nothing_moves() -> None:
    given = slate([[3, 9, 1, 7]])
    found = shown(Rerank(), given, None)
    np.testing.assert_array_equal(found.items, given.items)
    np.testing.assert_array_equal(found.scores, given.scores)


@pytest.mark.parametrize("changes", [{"depth": 0}, {"deadline": 0}, {"trust": 1.5}, {"block": 0}])
def test_refuses_parameters_without_a_meaning(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(changes))):
        Rerank(**changes)
