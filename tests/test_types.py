"""The nouns: what one pair weighs, and what taking rows keeps."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuvee.errors import UnknownNameError
from cuvee.queries import queries_of
from cuvee.types import PAD, Dataset, Events, Queries

EVENT = st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 3), st.sampled_from([-1.0, -0.5, 0, 0.5, 1.0]))


def dataset(rows: list[tuple[int, int, int, float]]) -> Dataset:
    """Return 4 users x 5 items with these events (user, item, time, weight)."""
    rows = sorted(rows, key=lambda row: row[2])
    columns = np.array(rows, np.float64).reshape(-1, 4).T
    events = Events(
        columns[0].astype(np.int32),
        columns[1].astype(np.int32),
        columns[2].astype(np.int64),
        columns[3].astype(np.float32),
        np.zeros(len(rows), np.int8),
    )
    return Dataset(tuple("abcd"), tuple("vwxyz"), events, pl.DataFrame(), pl.DataFrame())


@given(st.lists(EVENT, max_size=25))
def test_matrix_takes_the_loudest_then_the_latest(rows: list[tuple[int, int, int, float]]) -> None:
    """For each pair, event by event in order of time: at least as loud replaces what was there."""
    expected = np.zeros((4, 5), np.float32)
    for user, item, _, weight in sorted(rows, key=lambda row: row[2]):
        if abs(weight) >= abs(expected[user, item]):
            expected[user, item] = weight
    data = dataset(rows)
    np.testing.assert_array_equal(data.matrix.toarray(), expected)
    np.testing.assert_array_equal(data.liked.toarray(), np.maximum(expected, 0))
    np.testing.assert_array_equal(data.popularity, (expected > 0).sum(axis=0))
    assert data.matrix.nnz == len({row[:2] for row in rows})  # a weight of 0 is kept: a touch


def test_feature_names_what_there_is(world: Dataset) -> None:
    with pytest.raises(UnknownNameError, match=r"item modality 'txt'; did you mean 'text'.*image, noise, text"):
        world.feature("item", "txt")


@pytest.mark.parametrize("rows", [slice(3, 9), np.array([36, 0, 5, 5]), np.arange(37) % 3 == 1])
def test_taking_queries_takes_every_part(
    rows: "slice | np.ndarray[tuple[int], np.dtype[np.int64]]", world: Dataset, everybody: Queries
) -> None:
    users = np.arange(37, dtype=np.int32)[rows]
    taken, asked = everybody.take(rows), queries_of(world, users)
    width = asked.history.shape[1]
    np.testing.assert_array_equal(taken.seen.toarray(), asked.seen.toarray())
    np.testing.assert_array_equal(taken.history[:, :width], asked.history)
    assert (taken.history[:, width:] == PAD).all()
    np.testing.assert_array_equal(taken.history_time[:, :width], asked.history_time)
    np.testing.assert_array_equal(taken.features["profile"].vectors, asked.features["profile"].vectors)
    np.testing.assert_array_equal(taken.features["profile"].present, users % 35 != 1)


def test_lengths_count_items_not_events(world: Dataset, everybody: Queries) -> None:
    pairs = set(zip(world.events.user.tolist(), world.events.item.tolist(), strict=True))
    np.testing.assert_array_equal(everybody.lengths, [sum(u == r for u, _ in pairs) for r in range(37)])
