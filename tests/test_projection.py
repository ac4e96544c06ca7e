"""Centring, unit length and PCA, and the state that serves rows to come."""

import numpy as np
import pytest

from cuvee.projection import Projection
from cuvee.types import Embeddings

RNG = np.random.default_rng(0)
MIX = RNG.normal(size=(4, 9))


def raw(n: int) -> Embeddings:
    """Rows of rank 4 around a large common mean, of uneven lengths; every fifth is missing and holds rubbish."""
    vectors = (5 + RNG.normal(size=(n, 4)) * [9, 3, 1, 0.1]) @ MIX
    present = np.arange(n) % 5 != 3
    return Embeddings(np.where(present[:, None], vectors, np.nan).astype(np.float32), present)


SOME, TRAIN = raw(61), np.arange(61) < 40


def test_centred_unit_and_missing() -> None:
    """The training rows lose their mean, every present row has length 1, missing rows are zero."""
    state = Projection(dim=None).fit(SOME, TRAIN)
    np.testing.assert_allclose(state.mean, SOME.vectors[SOME.present & TRAIN].mean(axis=0), rtol=1e-5)
    found = state.apply(SOME)
    centred = SOME.vectors - state.mean
    np.testing.assert_allclose(found.vectors[0], centred[0] / np.linalg.norm(centred[0]), rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found.vectors[SOME.present], axis=1), 1, rtol=1e-5)
    assert not found.vectors[~SOME.present].any()
    np.testing.assert_array_equal(found.present, SOME.present)


def test_pca_keeps_what_there_is() -> None:
    """Rows of rank 4 keep their inner products in 4 dimensions: orthonormal axes, the largest spread first."""
    whole, state = Projection(dim=None).fit(SOME, TRAIN), Projection(dim=4).fit(SOME, TRAIN)
    full, small = whole.apply(SOME).vectors, state.apply(SOME).vectors
    np.testing.assert_allclose(state.axes.T @ state.axes, np.eye(4), atol=1e-5)
    np.testing.assert_allclose(small @ small.T, full @ full.T, atol=1e-4)
    np.testing.assert_allclose(small @ state.axes.T, full, atol=1e-4)
    spread = (small[TRAIN] ** 2).sum(axis=0)
    assert (np.diff(spread) < 0).all()


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_no_other_axes_keep_more(dim: int) -> None:
    """The squares that are left are those of the largest singular values (of the unit training rows)."""
    known = Projection(dim=None).fit(SOME, TRAIN).apply(SOME).vectors[TRAIN & SOME.present]
    kept = Projection(dim=dim).fit(SOME, TRAIN).apply(SOME).vectors[TRAIN & SOME.present]
    singular = np.linalg.svd(known, compute_uv=False)
    assert (kept**2).sum() == pytest.approx((singular[:dim] ** 2).sum(), rel=1e-4)


def test_a_row_to_come_gets_what_it_would_have_got() -> None:
    state = Projection(dim=3).fit(SOME, TRAIN)
    np.testing.assert_allclose(
        state.apply(SOME.take(np.array([50, 53, 2]))).vectors, state.apply(SOME).vectors[[50, 53, 2]], atol=1e-6
    )


def test_rows_outside_training_teach_nothing() -> None:
    other = Embeddings(np.where(TRAIN[:, None], SOME.vectors, 100 + SOME.vectors**2), SOME.present)
    one, two = Projection(dim=3).fit(SOME, TRAIN), Projection(dim=3).fit(other, TRAIN)
    np.testing.assert_array_equal(one.axes, two.axes)
    np.testing.assert_array_equal(one.mean, two.mean)


def test_the_sign_of_an_axis_is_fixed() -> None:
    """Its largest entry is positive, whichever way the rows point."""
    turned = Embeddings(-SOME.vectors, SOME.present)
    one, two = (Projection(dim=3).fit(rows, TRAIN).axes for rows in (SOME, turned))
    np.testing.assert_allclose(one, two, atol=1e-4)
    assert (one[np.abs(one).argmax(axis=0), range(3)] > 0).all()


def test_uncentred() -> None:
    state = Projection(centre=False, dim=None).fit(SOME, TRAIN)
    assert not state.mean.any()


@pytest.mark.parametrize("rows", [0, 1])
def test_too_little_training_learns_from_all(rows: int) -> None:
    few = Projection(dim=2).fit(SOME, np.arange(61) < rows)
    np.testing.assert_array_equal(few.axes, Projection(dim=2).fit(SOME, np.ones(61, bool)).axes)


def test_nothing_present() -> None:
    """A modality that nobody has stays zero and changes no shape."""
    nothing = Embeddings(np.zeros((5, 3), np.float32), np.zeros(5, bool))
    found = Projection(dim=2).fit(nothing, np.ones(5, bool)).apply(nothing)
    assert found.vectors.shape == (5, 3)
    assert not found.vectors.any()
