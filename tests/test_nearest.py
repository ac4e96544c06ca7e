"""What is exact is sorted by hand; what an index finds is ordered, filled and grown the same way."""

import numpy as np
import pytest

from cuvee.errors import BundleError
from cuvee.nearest import Known, check_fits, found, nearest
from cuvee.types import PAD, Bools, Floats, Ints

VECTORS = np.array([[1, 0], [0, 2], [3, 0], [1, 1], [0, 2]], np.float32)
ASKED = np.array([[1, 0], [1, 2]], np.float32)
"""Inner products 1 0 3 1 0 and 1 4 3 3 4."""
NOTHING = np.zeros(0, np.int32)


def test_by_hand() -> None:
    rows, scores = nearest(VECTORS, ASKED, 3)
    assert rows.tolist() == [[2, 0, 3], [1, 4, 2]]
    assert scores.tolist() == [[3, 1, 1], [4, 4, 3]]


def test_only_what_is_allowed_and_the_rest_is_filled() -> None:
    rows, scores = nearest(VECTORS, ASKED, 3, np.array([True, False, False, True, False]))
    assert rows.tolist() == [[0, 3, PAD], [3, 0, PAD]]
    assert scores.tolist() == [[1, 1, -np.inf], [3, 1, -np.inf]]
    each = np.array([[True] * 5, [False, False, True, False, False]])
    assert nearest(VECTORS, ASKED, 2, each)[0].tolist() == [[2, 0], [2, PAD]]
    assert nearest(VECTORS, ASKED, 2, np.zeros(5, bool))[0].tolist() == [[PAD, PAD]] * 2


def test_few_allowed_among_many_are_found() -> None:
    """Gathered, not masked."""
    rng = np.random.default_rng(0)
    vectors, asked = rng.normal(size=(500, 4)).astype(np.float32), rng.normal(size=(3, 4)).astype(np.float32)
    allowed = np.arange(500) % 50 == 7
    rows, _ = nearest(vectors, asked, 6, allowed)
    products = np.where(allowed, asked @ vectors.T, -np.inf)
    assert rows.tolist() == np.argsort(-products, axis=1)[:, :6].tolist()


@pytest.mark.parametrize("finds", [0, 1, 2])
def test_an_answer_is_never_short(finds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the index finds too little of is made up for; where it finds enough it is taken at its word."""
    monkeypatch.setattr("cuvee.nearest.LARGE", 2)
    asked_for: list[tuple[int, list[bool] | None, float]] = []

    def find(query: Floats, k: int, allowed: Bools | None, share: float) -> Ints:
        assert query.shape == (1, 2)
        asked_for.append((k, None if allowed is None else allowed.tolist(), share))
        return np.array([0, 1][:finds] + [PAD] * (k - finds), np.int32)

    rows, _ = found(find, Known(3, NOTHING), VECTORS, ASKED[:1], 2, None)
    assert asked_for == [(2, None, 1.0)]
    assert rows.tolist() == ([[0, 3]] if finds == 2 else [[2, 0]])  # row 3 came after the index was made
    rows, _ = found(find, Known(3, NOTHING), VECTORS, ASKED[:1], 4, np.array([True, True, False, False, True]))
    assert asked_for[1] == (2, [True, True, False], 0.6)
    assert rows.tolist() == [[0, 1, 4, PAD]]
    moved = Known(5, np.array([2, 3], np.int32))
    rows, _ = found(find, moved, VECTORS, ASKED[:1], 2, np.array([True, True, True, False, True]))
    assert rows.tolist() == [[2, 0]]
    before = len(asked_for)
    rows, _ = found(find, moved, VECTORS, ASKED[:1], 2, np.arange(5) == 4)
    assert (rows.tolist(), len(asked_for)) == ([[4, PAD]], before)  # one item left: the index is not asked


def test_an_index_of_other_vectors_is_refused() -> None:
    check_fits(VECTORS, 4, 2)
    for known, width in ((6, 2), (5, 3)):
        with pytest.raises(BundleError, match=f"holds {known} vectors of width {width}, the model 5 of width 2"):
            check_fits(VECTORS, known, width)
