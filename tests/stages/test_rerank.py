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


def test_the_models_order_stands_when_time_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that goes on by a second at each look, then by ten: the second block comes too late."""
    ticks = iter([0.0, 1.0, 10.0, 20.0, 30.0, 31.0])
    monkeypatch.setattr("cuvee.stages.rerank.perf_counter", lambda: next(ticks))
    given = slate([[3, 9, 1, 7], [8, 4, 6, 0], [2, 5, 1, 0]])
    found = shown(Rerank(trust=1.0, deadline=5.0, block=1), given)
    assert found.degraded is not None
    assert found.degraded.tolist() == [False, True, False]
    assert found.items.tolist() == [[9, 7, 3, 1], [8, 4, 6, 0], [5, 2, 1, 0]]


def test_without_a_ranker_nothing_moves() -> None:
    given = slate([[3, 9, 1, 7]])
    found = shown(Rerank(), given, None)
    np.testing.assert_array_equal(found.items, given.items)
    np.testing.assert_array_equal(found.scores, given.scores)


@pytest.mark.parametrize("changes", [{"depth": 0}, {"deadline": 0}, {"trust": 1.5}, {"block": 0}])
def test_refuses_parameters_without_a_meaning(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(changes))):
        Rerank(**changes)
