"""Rows by id."""

import numpy as np
import polars as pl

from cuvee.looked_up import LookedUp
from cuvee.types import Embeddings


def test_rows_are_found_by_id() -> None:
    """In any order; ids that are unknown, and those without a vector, are missing."""
    vectors = np.array([[1, 2], [0, 0], [3, 4]], np.float32)
    fitted = LookedUp("item_id", {"a": 0, "b": 1, "c": 2}, Embeddings(vectors, np.array([True, False, True])))
    table = pl.DataFrame({"item_id": ["c", "x", "b", "a", "c"]})
    (found,) = fitted.encode(table)
    np.testing.assert_array_equal(found.vectors, [[3, 4], [0, 0], [0, 0], [1, 2], [3, 4]])
    assert found.present.tolist() == [True, False, False, True, True]
    contents = fitted.contents(table)
    assert [bool(content) for content in contents] == [True, False, False, True, True]
    assert contents[0] == contents[4] != contents[3]


def test_a_changed_vector_is_other_content() -> None:
    table = pl.DataFrame({"item_id": ["a"]})
    first, second = (
        LookedUp("item_id", {"a": 0}, Embeddings(np.array([[x]], np.float32), np.ones(1, bool))) for x in (1, 2)
    )
    assert first.fingerprint == second.fingerprint
    assert first.contents(table) != second.contents(table)
