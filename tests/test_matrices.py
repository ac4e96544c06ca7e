"""Files of ready vectors, by hand."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cuvee.errors import DataError
from cuvee.matrices import as_embeddings, list_column, open_matrix


def test_zero_and_not_finite_rows_are_missing() -> None:
    found = as_embeddings(np.array([[1, 0], [0, 0], [2, np.nan], [np.inf, 1], [1e300, 1], [0, -3]]))
    assert found.present.tolist() == [True, False, False, False, False, True]
    np.testing.assert_array_equal(found.vectors, [[1, 0], [0, 0], [0, 0], [0, 0], [0, 0], [0, -3]])
    assert found.vectors.dtype == np.float32


def test_an_array_is_mapped_not_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(6, dtype=np.uint8).reshape(3, 2))
    found = open_matrix(tmp_path / "a.npy")
    assert isinstance(found, np.memmap)
    assert found.tolist() == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (np.ones(4), "got float64 of shape (4,)"),
        (np.ones((2, 0)), "got float64 of shape (2, 0)"),
        (np.ones((2, 3, 1)), "of shape (2, 3, 1)"),
        (np.array([["a", "b"]]), "got <U1 of shape (1, 2)"),
        (np.ones((2, 2), complex), "got complex128"),
    ],
)
def test_what_is_no_matrix(
    array: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]", told: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(DataError, match=re.escape(f"{tmp_path / 'a.npy'}: needs one row of numbers an item, ")) as info:
        open_matrix(tmp_path / "a.npy")
    assert told in str(info.value)


def test_what_is_no_plain_array(tmp_path: Path) -> None:
    """Objects would be unpickled, which runs code; half a file is no file."""
    np.save(tmp_path / "objects.npy", np.array([[{}]], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "archive.npz", a=np.ones((2, 2)))
    (tmp_path / "archive.npz").rename(tmp_path / "archive.npy")
    np.save(tmp_path / "half.npy", np.ones((50, 50)))
    (tmp_path / "half.npy").write_bytes((tmp_path / "half.npy").read_bytes()[:900])
    (tmp_path / "empty.npy").write_bytes(b"")
    for name in ("objects", "archive", "half", "empty", "gone"):
        with pytest.raises(DataError, match=f"{name}.npy: cannot be read as a plain array"):
            open_matrix(tmp_path / f"{name}.npy")


@pytest.mark.parametrize("dtype", [pl.List(pl.Float64), pl.Array(pl.Float32, 2), pl.List(pl.Int16)])
def test_lists_become_rows(dtype: pl.DataType) -> None:
    column = pl.Series("v", [[1, 2], None, [3, None], [5, 6]], dtype=dtype)
    found = list_column(pl.DataFrame([pl.Series("id", list("abcd")), column]), Path("v.parquet"))
    np.testing.assert_array_equal(found, np.array([[1, 2], [np.nan] * 2, [3, np.nan], [5, 6]], np.float32))


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"id": ["a"]}, "exactly one column must hold the vectors, as lists; among id there is none"),
        ({"a": [[1.0]], "b": [[1.0]]}, "as lists; a, b are"),
        ({"v": [["x"]]}, "column 'v' must hold lists of numbers, got List(String)"),
        ({"v": [[[1.0]]]}, "column 'v' must hold lists of numbers"),
        ({"v": pl.Series([[[1.0]]], dtype=pl.Array(pl.Float32, (1, 1)))}, "column 'v' must hold lists of numbers"),
        ({"v": [None, [1.0, 2.0], [1.0]]}, "row 3 of 'v' has 1 numbers, the first 2"),
        ({"v": pl.Series([[]], dtype=pl.List(pl.Float32))}, "row 1 of 'v' has 0 numbers, the first none"),
        ({"v": pl.Series([None], dtype=pl.List(pl.Float32))}, "column 'v' holds no vector"),
    ],
)
def test_what_is_no_column_of_vectors(columns: dict[str, object], told: str) -> None:
    with pytest.raises(DataError, match=re.escape("v.parquet: ")) as info:
        list_column(pl.DataFrame(columns), Path("v.parquet"))
    assert told in str(info.value)
