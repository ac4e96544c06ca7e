"""Intra-list diversity against its definition, pair by pair."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuvee.metrics import intra_list_diversity
from cuvee.metrics.intra_list_diversity import IntraListDiversity
from cuvee.types import Dataset, Embeddings
from tests.cases import Case, cases, queries, slate, train


def oracle(shown: list[int], data: Dataset) -> float:
    vectors = []
    for i in shown:
        parts = [f.vectors[i].astype(float) if f.present[i] else np.zeros(f.dim) for f in data.features.values()]
        joined = np.concatenate(parts)
        if joined.any():
            vectors.append(joined)
    pairs = [1 - a @ b / (np.linalg.norm(a) * np.linalg.norm(b)) for a, b in itertools.combinations(vectors, 2)]
    return float(np.mean(pairs)) if pairs else np.nan


@given(cases(), st.integers(0, 2**32 - 1))
def test_equals_all_pairs(case: Case, seed: int) -> None:
    """Two modalities of unequal width and length, each missing for some items, garbage where missing."""
    rng = np.random.default_rng(seed)
    features = {
        name: Embeddings(rng.normal(1, 3, (case.items, d)).astype(np.float32), rng.random(case.items) < 0.6)
        for name, d in (("text", 3), ("image", 5))
    }
    data = train([[0]], case.items, features)
    value = IntraListDiversity(case.k).describe(slate(case.shown), queries(case.shown, case.items), data)
    np.testing.assert_allclose(value, [oracle(row[: case.k], data) for row in case.shown], atol=1e-6)


def test_by_hand() -> None:
    """Distances 1, 1 - 1/sqrt 2 twice; the fourth item has no features and enters no pair."""
    vectors = np.array([[1, 0], [0, 2], [3, 3], [0, 0]], np.float32)
    data = train([[0]], 4, {"text": Embeddings(vectors, np.array([True, True, True, False]))})
    value = IntraListDiversity(k=4).describe(slate([[0, 1, 3, 2], [3, 0]]), queries([[], []], 4), data)
    np.testing.assert_allclose(value, [1 - np.sqrt(2) / 3, np.nan], atol=1e-6)


def test_without_features_it_is_undefined() -> None:
    """User features say nothing about items."""
    data = train([[0]], 3)
    assert np.isnan(IntraListDiversity().describe(slate([[0, 1]]), queries([[]], 3), data)).all()


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven lists in blocks of two."""
    rng = np.random.default_rng(0)
    features = {"text": Embeddings(rng.normal(size=(9, 4)).astype(np.float32), np.ones(9, bool))}
    data = train([[0]], 9, features)
    shown, asked = slate([rng.permutation(9)[: 2 + n].tolist() for n in range(7)]), queries([[]] * 7, 9)
    whole = IntraListDiversity().describe(shown, asked, data)
    monkeypatch.setattr(intra_list_diversity, "_BLOCK", 2)
    np.testing.assert_array_equal(IntraListDiversity().describe(shown, asked, data), whole)
