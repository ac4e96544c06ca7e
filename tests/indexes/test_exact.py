"""Every item is looked at, so an index by this name finds everything."""

import numpy as np

from cuvee.indexes.exact import Exact


def test_by_hand() -> None:
    """Products with (2, 1): 2, 3, 5 and, of the one that came later, 4."""
    vectors = np.array([[1, 0], [1, 1], [3, -1], [0, 4]], np.float32)
    built = Exact().build(vectors[:3])
    asked = np.array([[2, 1]], np.float32)
    assert built.search(asked, 2)[0].tolist() == [[2, 1]]
    rows, scores = built.grown(vectors).search(asked, 3, np.array([True, True, False, True]))
    assert (rows.tolist(), scores.tolist()) == ([[3, 1, 0]], [[4, 3, 2]])
