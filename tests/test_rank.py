"""The only door to a user, against sorting in plain Python."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cuvee import rank
from cuvee.queries import one_each
from cuvee.rank import recommend, similar, top_k
from cuvee.types import PAD, Bools, Context, Dataset, Floats, Queries, Slate

SCORES = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 6), st.integers(1, 300)),
    elements=st.sampled_from([-math.inf, math.nan, -1.0, 0.0, 0.5, 2.0]),
)


@dataclass(frozen=True)
class Table:
    """A model that reads its scores from a table: query q, who knows item q, gets row q."""

    scores: Floats

    def score(self, queries: Queries) -> Floats:
        return self.scores[queries.history[:, 0]]


def ask(q: int, i: int) -> Queries:
    return one_each(i, np.arange(q, dtype=np.int32)[:, None])


def brute(row: Floats, k: int) -> list[int]:
    """Best first, the smaller row first among equals, what has no score left out, PAD to k."""
    known = [(-s, i) for i, s in enumerate(row.tolist()) if not math.isnan(s) and s != -math.inf]
    return ([i for _, i in sorted(known)] + [PAD] * k)[:k]


@settings(deadline=None)
@given(SCORES, st.integers(1, 40))
def test_equals_sorting(scores: Floats, k: int) -> None:
    q, i = scores.shape
    slate = recommend(Table(scores), ask(q, max(q, i)), k)
    assert slate.items.tolist() == [brute(row, k) for row in scores]
    for row, items, best, propensity in zip(scores, slate.items, slate.scores, slate.propensity, strict=True):
        assert best.tolist() == [-math.inf if item == PAD else row[item] for item in items]
        assert propensity.tolist() == [float(item != PAD) for item in items]


def test_among_equals_the_smaller_row_is_shown() -> None:
    """Also where the cut falls into a long run of equals."""
    scores = np.zeros((2, 5000), np.float32)
    scores[:, 4000] = 1
    scores[1, :100] = -1
    items, best = top_k(scores, 4)
    assert items.tolist() == [[4000, 0, 1, 2], [4000, 100, 101, 102]]
    assert best.tolist() == [[1, 0, 0, 0]] * 2


def test_filters_act_before_the_cut_and_together() -> None:
    """Of items 9 8 7 ... 0 the even ones and those below 8 are allowed; candidates leave 0, 2, 4, 7."""
    model = Table(np.arange(10, dtype=np.float32)[None, :])
    candidates = np.isin(np.arange(10), [0, 2, 4, 7])

    def even(queries: Queries) -> Bools:
        return np.tile(np.arange(10) % 2 == 0, (len(queries), 1))

    def low(_: Queries) -> Bools:
        return np.arange(10)[None, :] < 8

    assert recommend(model, ask(1, 10), 3, filters=[even, low]).items.tolist() == [[6, 4, 2]]
    short = recommend(model, ask(1, 10), 5, filters=[even], candidates=candidates)
    assert short.items.tolist() == [[4, 2, 0, PAD, PAD]]


def test_scores_that_belong_to_the_model_are_not_touched() -> None:
    """Popularity hands out one row for everybody, which cannot be written to."""

    class Shared:
        def score(self, queries: Queries) -> Floats:
            return np.broadcast_to(np.array([1, math.nan, 2], np.float32), (len(queries), 3))

    assert recommend(Shared(), ask(2, 3), 3).items.tolist() == [[2, 0, PAD]] * 2


def test_blocks_give_what_one_block_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block is filtered by its own queries."""
    scores = np.random.default_rng(0).normal(size=(11, 13)).astype(np.float32)

    def unknown(queries: Queries) -> Bools:
        return np.asarray(queries.seen.toarray() == 0)

    whole = recommend(Table(scores), ask(11, 13), 12, filters=[unknown])
    sizes = []

    def counted(queries: Queries) -> Bools:
        sizes.append(len(queries))
        return unknown(queries)

    monkeypatch.setattr(rank, "_CELLS", 13 * 4 + 1)
    parts = recommend(Table(scores), ask(11, 13), 12, filters=[counted])
    assert sizes == [4, 4, 3]
    np.testing.assert_array_equal(parts.items, whole.items)
    assert not any(q in row for q, row in enumerate(whole.items))


@dataclass(frozen=True)
class Rotate:
    """Puts the last item first, notes the width it saw."""

    widths: list[int]

    def apply(self, slate: Slate, queries: Queries, context: Context) -> Slate:
        assert len(slate) == len(queries)
        assert context.now == 5
        self.widths.append(slate.items.shape[1])
        return Slate(np.roll(slate.items, 1, 1), np.roll(slate.scores, 1, 1), np.roll(slate.propensity, 1, 1))


@dataclass(frozen=True)
class Odds:
    """Gives odd items half the propensity, by their place."""

    def apply(self, slate: Slate, queries: Queries, context: Context) -> Slate:  # noqa: ARG002
        return replace(slate, propensity=slate.propensity / (1 + np.arange(slate.items.shape[1], dtype=np.float32)))


def test_stages_see_the_depth_in_order(world: Dataset) -> None:
    """The worst of the best 200 comes first; propensity is by the place after the turn."""
    model = Table(np.arange(300, dtype=np.float32)[None, :])
    context, widths = Context(world, np.random.default_rng(0), now=5), list[int]()
    slate = recommend(model, ask(1, 300), 3, stages=[Rotate(widths), Odds()], context=context)
    assert slate.items.tolist() == [[100, 299, 298]]
    np.testing.assert_allclose(slate.propensity, [[1, 1 / 2, 1 / 3]])
    recommend(model, ask(1, 300), 250, stages=[Rotate(widths)], context=context)
    assert widths == [200, 250]
    with pytest.raises(ValueError, match="context"):
        recommend(model, ask(1, 300), 3, stages=[Odds()])


@dataclass(frozen=True)
class Told:
    """Notes how many places it is told of."""

    places: list[int | None]

    def apply(self, slate: Slate, queries: Queries, context: Context) -> Slate:  # noqa: ARG002
        self.places.append(context.places)
        return slate


def test_only_the_last_stage_knows_how_many_places_are_seen(world: Dataset) -> None:
    told = list[int | None]()
    stages = [Told(told)] * 2
    recommend(
        Table(np.zeros((1, 9), np.float32)),
        ask(1, 9),
        3,
        stages=stages,
        context=Context(world, np.random.default_rng(0)),
    )
    assert told == [None, 3]


def test_no_queries() -> None:
    slate = recommend(Table(np.zeros((1, 4), np.float32)), ask(0, 4), 3)
    assert slate.items.shape == slate.scores.shape == slate.propensity.shape == (0, 3)
    assert slate.items.dtype == np.int32


@dataclass(frozen=True)
class Own(Table):
    """Leaves out what everybody gets: the first item is only popular."""

    def personal(self, queries: Queries) -> Floats:
        return self.score(queries) - np.eye(1, self.scores.shape[1], dtype=np.float32) * 99


SIMILAR: Mapping[type[Table], Sequence[int]] = {Table: [0, 3, 1, PAD, PAD, PAD], Own: [3, 1, 0, PAD, PAD, PAD]}


@pytest.mark.parametrize("kind", SIMILAR)
def test_similar_leaves_out_the_item_itself(kind: type[Table]) -> None:
    """By what is personal where the model can tell; what has no score is not shown."""
    model = kind(np.array([[0] * 5, [0] * 5, [9, 1, 8, 2, math.nan]], np.float32))
    slate = similar(model, one_each(5, np.array([[2]], np.int32)), 6)
    assert slate.items.tolist() == [SIMILAR[kind]]
    assert slate.propensity.tolist() == [[float(item != PAD) for item in SIMILAR[kind]]]
