"""Ready vectors find their items: by order, by a column, by id."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cuvee import registry, store, testing
from cuvee.cache import VectorCache
from cuvee.encoders import precomputed as module
from cuvee.encoders.precomputed import Precomputed
from cuvee.errors import ConfigError, DataError, UnknownNameError
from cuvee.features import encode_table, encoded, fit_channels
from cuvee.projection import Projection
from cuvee.readers.folder import Folder
from cuvee.types import Dataset, Embeddings

RNG = np.random.default_rng(0)
MADE = RNG.normal(size=(30, 4)).astype(np.float16)
MADE[6], MADE[9, 1] = 0, np.nan


def encode(encoder: Precomputed, data: Dataset, role: str = "item") -> Embeddings:
    parts = list(encoder.fit(data, role).encode(data.item_table if role == "item" else data.user_table))
    return Embeddings(np.concatenate([p.vectors for p in parts]), np.concatenate([p.present for p in parts]))


@pytest.fixture
def array(tmp_path: Path) -> Path:
    np.save(tmp_path / "v.npy", MADE)
    return tmp_path / "v.npy"


def numbered(world: Dataset, rows: "list[int | None] | pl.Series") -> Dataset:
    return replace(world, item_table=world.item_table.with_columns(pl.Series("row", rows)))


TOLD: list[int | None] = [(7 * n + 3) % 30 if n != 11 else None for n in range(23)]
"""Rows in an order of their own; item 11 has none, item 9 row 6 (zeros), item 18 row 9 (NaN)."""


@pytest.mark.parametrize("block", [5, 4096])
def test_a_column_tells_the_row(block: int, world: Dataset, array: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK", block)
    found = encode(Precomputed(array, "row"), numbered(world, TOLD))
    assert np.flatnonzero(~found.present).tolist() == [9, 11, 18]
    for item, row in enumerate(TOLD):
        expected = MADE[row] if row not in (None, 6, 9) else np.zeros(4)
        np.testing.assert_array_equal(found.vectors[item], expected)


def test_order_is_that_of_the_table(world: Dataset, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The last two items of the table have no row; a part of the table keeps its rows, and an id without is missing."""
    np.save(tmp_path / "v.npy", MADE[:21])
    encoder = Precomputed(tmp_path / "v.npy")
    found = encode(encoder, world)
    np.testing.assert_array_equal(found.vectors[:6], MADE[:6])
    assert np.flatnonzero(~found.present).tolist() == [6, 9, 21, 22]
    assert "v.npy: no row for 2 of 23 items, e.g. 'i21'" in caplog.text
    (part,) = encoder.fit(world, "item").encode(pl.DataFrame({"item_id": ["i20", "new", "i02"]}))
    np.testing.assert_array_equal(part.vectors, [MADE[20], np.zeros(4), MADE[2]])
    assert part.present.tolist() == [True, False, True]


@pytest.mark.parametrize("numbers", [False, True])
def test_parquet_by_id(numbers: bool, world: Dataset, tmp_path: Path) -> None:
    """Ids of the file that the data set does not know are nobody's; ids may be numbers in the file."""
    users = tuple(str(u) for u in range(37)) if numbers else world.users
    data = replace(world, users=users, user_table=pl.DataFrame({"user_id": users}))
    ids = [35, 2, 99, 7] if numbers else ["u35", "u02", "gone", "u07"]
    file = pl.DataFrame({"who": ids, "vector": [[1.0, 2], [3, 4], [5, 6], None]})
    file.write_parquet(tmp_path / "v.parquet")
    found = encode(Precomputed(tmp_path / "v.parquet", "who", "user"), data, "user")
    assert np.flatnonzero(found.present).tolist() == [2, 35]
    np.testing.assert_array_equal(found.vectors[[2, 35]], [[3, 4], [1, 2]])
    ordered = encode(Precomputed(tmp_path / "v.parquet", role="user"), data, "user")
    np.testing.assert_array_equal(ordered.vectors[:4], [[1, 2], [3, 4], [5, 6], [0, 0]])


def test_contract(world: Dataset, array: Path, tmp_path: Path) -> None:
    testing.check_encoder(Precomputed(array, "row"), numbered(world, TOLD))
    np.save(tmp_path / "users.npy", MADE)
    testing.check_encoder(Precomputed(tmp_path / "users.npy", role="user"), world, "user")


def test_another_file_is_another_fingerprint(world: Dataset, array: Path, tmp_path: Path) -> None:
    """The place of the file is not content; a byte of it is. Cached vectors of the old file are not taken."""
    data, cache = numbered(world, TOLD), VectorCache(tmp_path / "cache")
    first = Precomputed(array, "row").fit(data, "item").fingerprint
    array.rename(tmp_path / "moved.npy")
    moved = Precomputed(tmp_path / "moved.npy", "row")
    assert moved.fit(data, "item").fingerprint == first
    encode_table(moved.fit(data, "item"), data.item_table, cache)
    changed = MADE.copy()
    changed[TOLD[0], 2] += 1
    (tmp_path / "moved.npy").unlink()
    np.save(tmp_path / "moved.npy", changed)
    fitted = moved.fit(data, "item")
    assert fitted.fingerprint != first
    found = encode_table(fitted, data.item_table, cache)
    np.testing.assert_array_equal(found.vectors[0], changed[TOLD[0]])


def test_items_that_come_later_are_looked_up(world: Dataset, array: Path, tmp_path: Path) -> None:
    """Through a bundle's channel; vectors cached before are right for rows in another order."""
    cache = VectorCache(tmp_path / "cache")
    channels, _ = fit_channels(numbered(world, TOLD), {"sound": Precomputed(array, "row")}, Projection(dim=None), cache)
    store.save(channels, tmp_path, "channels")
    kept = store.load(tmp_path, "channels")
    later = encoded(numbered(world, TOLD[::-1]), kept, cache).feature("item", "sound")
    expected = kept[0].projection.apply(encode(kept[0].encoder, numbered(world, TOLD[::-1])))
    np.testing.assert_array_equal(later.vectors, expected.vectors)
    assert np.flatnonzero(~later.present).tolist() == [4, 11, 13]


def test_a_recipe_s_path_is_relative_to_it(tmp_path: Path) -> None:
    made = registry.build("encoders", {"precomputed": {"path": "feat/v.npy"}}, tmp_path)
    assert made == Precomputed(tmp_path / "feat" / "v.npy")


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([0, 1, 30, *range(20)], "item 'i02', row 3 of its table, has 30 as row; the file has rows 0..29"),
        ([0, -1, *range(21)], "item 'i01', row 2 of its table, has -1 as row"),
        ([0.0, 1.5, *range(21)], "item 'i01', row 2 of its table, has 1.5 as row"),
        (["0", "1", "x", *"0" * 20], "item 'i02', row 3 of its table, has 'x' as row"),
    ],
)
def test_a_row_that_is_none(rows: list[int | None], told: str, world: Dataset, array: Path) -> None:
    data = numbered(world, pl.Series(rows, strict=False))
    with pytest.raises(DataError, match=re.escape(f"{array}: {told}")):
        Precomputed(array, "row").fit(data, "item")


def test_wrong_files(world: Dataset, array: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"v.npy: has 30 rows, the item table 23; name in `rows`"):
        Precomputed(array).fit(world, "item")
    with pytest.raises(UnknownNameError, match=r"v.npy: unknown column of the item table 'stok'; did you mean 'stock'"):
        Precomputed(array, "stok").fit(world, "item")
    with pytest.raises(ConfigError, match=r"must end in \.npy or \.parquet, got v\.pt"):
        Precomputed(Path("v.pt"))
    file = tmp_path / "v.parquet"
    with pytest.raises(DataError, match=r"v.parquet: cannot be read as parquet"):
        Precomputed(file, "id").fit(world, "item")
    vectors = [[1.0], [2.0], [3.0]]
    for ids, told in (
        (["i01", None, "i02"], "row 2 has no id in column 'id'"),
        (["i01", "i02", "i02"], "row 2 has an id that occurs more than once in column 'id': 'i02'"),
        ([1.0, 2.0, 3.0], "column 'id' must hold ids, got Float64"),
    ):
        pl.DataFrame({"id": ids, "v": vectors}).write_parquet(file)
        with pytest.raises(DataError, match=re.escape(f"{file}: {told}")):
            Precomputed(file, "id").fit(world, "item")
    with pytest.raises(UnknownNameError, match=r"v.parquet: unknown column 'idx'; did you mean 'id'"):
        Precomputed(file, "idx").fit(world, "item")


@pytest.mark.data
def test_tiktok(data_home: Path) -> None:
    """Features of all 6,710 videos, by the column that tells their rows, equal numpy's own reading."""
    source = data_home / "tiktok"
    data = Folder(source).read()
    rows = data.item_table["feature_row"].to_numpy()
    for name in ("image", "audio"):
        path = source / f"{name}_feat.npy"
        raw = np.load(path)
        found = encode(Precomputed(path, "feature_row"), data)
        assert found.vectors.shape == (6_710, 128)
        assert found.present.sum() == np.count_nonzero(np.abs(raw.astype(np.float64)).sum(1)) == 6_710
        video = data.items.index("4321")
        np.testing.assert_array_equal(found.vectors[video], raw[rows[video]].astype(np.float32))
