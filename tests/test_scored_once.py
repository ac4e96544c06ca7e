"""A view is asked once within an answer, and what is said is the same."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from cuvee.blending import spread, zscore
from cuvee.explainers.history import History
from cuvee.explainers.views import Views
from cuvee.models.blend import Blend, BlendModel
from cuvee.models.ease import Ease
from cuvee.protocols import Recommender
from cuvee.queries import queries_of
from cuvee.rank import recommend
from cuvee.scored_once import scored_once, standardised
from cuvee.types import Dataset, Floats, Queries
from tests.conftest import make_world


@dataclass(frozen=True)
class Counted:
    """Scores as another does, and counts how often it is asked."""

    model: Recommender
    asked: list[int] = field(default_factory=list)

    def score(self, queries: Queries) -> Floats:
        self.asked.append(len(queries))
        return self.model.score(queries)


@pytest.fixture
def world() -> Dataset:
    return make_world()


def counted(world: Dataset) -> BlendModel:
    parameters = Blend((Ease(), Ease(l2=7)), weights=(1.0, 0.5))
    fitted = parameters.fit(world, None, np.random.default_rng(0))
    return replace(fitted, views=tuple(Counted(view) for view in fitted.views))


def test_an_answer_with_reasons_asks_each_view_once(world: Dataset) -> None:
    queries = queries_of(world, np.array([1], np.int32))
    free = counted(world)
    plain = recommend(free, queries, 5)
    expected = Views().explain(free, queries, plain, world)
    assert [len(view.asked) for view in free.views if isinstance(view, Counted)] == [2, 2]
    model = counted(world)
    with scored_once():
        slate = recommend(model, queries, 5)
        reasons = Views().explain(model, queries, slate, world)
    assert [view.asked for view in model.views if isinstance(view, Counted)] == [[1], [1]]
    assert reasons == expected
    np.testing.assert_array_equal(slate.items, plain.items)
    np.testing.assert_array_equal(slate.scores, plain.scores)


def test_another_question_is_another_answer(world: Dataset) -> None:
    model = Ease().fit(world, None, np.random.default_rng(0))
    first, second = (queries_of(world, np.array([row], np.int32)) for row in (0, 1))
    with scored_once():
        for queries in (first, second, first):
            scores, found = standardised(model, queries)
            np.testing.assert_array_equal(scores, zscore(model.score(queries)))
            np.testing.assert_array_equal(found, spread(model.score(queries)))
    with scored_once():
        assert standardised(model, first)[0] is standardised(model, first)[0]
    assert standardised(model, first)[0] is not standardised(model, first)[0]


def test_traces_are_as_they_were(world: Dataset) -> None:
    model = Blend((Ease(), Ease(l2=7)), weights=(1.0, 0.5))
    fitted = model.fit(world, None, np.random.default_rng(0))
    queries = queries_of(world, np.arange(3, dtype=np.int32))
    slate = recommend(fitted, queries, 4)
    plain = History().explain(fitted, queries, slate, world)
    with scored_once():
        recommend(fitted, queries, 4)
        assert History().explain(fitted, queries, slate, world) == plain
