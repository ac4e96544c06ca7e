"""MMRec's layout on made-up files, and on a real data set written in it."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cuvee.errors import DataError
from cuvee.models.content import Content
from cuvee.readers.folder import Folder
from cuvee.readers.mmrec import Mmrec
from cuvee.splits.given import Given

INTER = (
    "userID\titemID\trating\ttimestamp\tx_label\n"
    "0\t2\t5.0\t30\t0\n0\t1\t4.0\t20\t1\n7\t2\t3.0\t10\t0\n7\t0\t1.0\t40\t2\n"
)
IMAGE = np.array([[1, 2], [0, 0], [3, np.nan], [5, 6]])


def folder(path: Path, inter: str = INTER) -> Path:
    (path / "tiny.inter").write_text(inter)
    np.save(path / "image_feat.npy", IMAGE)
    np.save(path / "text_feat.npy", np.arange(12, dtype=np.float16).reshape(4, 3) + 1)
    return path


def test_rows_of_the_features_are_item_numbers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Item 3 has no event and stays; a row of zeros or with NaN is a missing modality."""
    data = Mmrec(folder(tmp_path)).read()
    assert (data.users, data.items) == (("7", "0"), ("0", "1", "2", "3"))
    assert data.events.time.tolist() == [10, 20, 30, 40]
    assert [data.items[i] for i in data.events.item] == ["2", "1", "2", "0"]
    image = data.feature("item", "image")
    assert image.present.tolist() == [True, False, False, True]
    np.testing.assert_array_equal(image.vectors, [[1, 2], [0, 0], [0, 0], [5, 6]])
    assert data.feature("item", "text").vectors[3].tolist() == [10, 11, 12]
    assert "image_feat.npy: 2 rows are zero or not finite" in caplog.text
    assert Mmrec(tmp_path, min_rating=4).read().liked.nnz == 2


def test_the_published_split(tmp_path: Path) -> None:
    """x_label 0, 1, 2 is train, valid, test; features follow the catalogue of the split."""
    data = Mmrec(folder(tmp_path)).read()
    cut = Given(tmp_path / "tiny.inter").split(data, np.random.default_rng(0))
    train = cut.train
    pairs = zip(train.events.user, train.events.item, strict=True)
    assert [(train.users[u], train.items[i]) for u, i in pairs] == [("7", "2"), ("0", "2")]
    assert [train.items[i] for i in cut.valid.truth.indices] == ["1"]
    assert [train.items[i] for i in cut.tests["test"].truth.indices] == ["0"]
    assert train.items == ("0", "1", "2")
    assert train.feature("item", "image").present.tolist() == [True, False, False]
    model = Content({"text": 1.0}).fit(train, None, np.random.default_rng(0))
    assert np.isfinite(model.score(cut.valid.queries)).all()


def test_without_features(tmp_path: Path) -> None:
    (tmp_path / "a.inter").write_text("userID\titemID\n1\tx\n")
    data = Mmrec(tmp_path).read()
    assert (data.items, dict(data.features)) == (("x",), {})


@pytest.mark.parametrize(
    ("inter", "message"),
    [
        (INTER.replace("\t2\t5.0", "\t4\t5.0"), "tiny.inter: row 1 has the itemID '4'; features have rows 0..3"),
        (INTER.replace("\t0\t1.0", "\tx\t1.0"), "tiny.inter: row 4 has the itemID 'x'"),
        (INTER.replace("\t3.0\t", "\tgood\t"), "tiny.inter: row 3 has 'good' as rating"),
        (INTER.replace("userID", "user"), "tiny.inter: no column 'user_id'; it has user, item_id"),
        ("", "tiny.inter: the file is empty"),
    ],
)
def test_what_is_wrong_with_the_events(inter: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=re.escape(str(tmp_path / message))):
        Mmrec(folder(tmp_path, inter)).read()


def test_what_is_wrong_with_the_features(tmp_path: Path) -> None:
    """Arrays of objects would be unpickled, which runs code: they are refused."""
    np.save(folder(tmp_path) / "text_feat.npy", np.ones((3, 2)))
    with pytest.raises(DataError, match=r"differ in the number of rows: image_feat\.npy 4, text_feat\.npy 3"):
        Mmrec(tmp_path).read()
    np.save(tmp_path / "text_feat.npy", np.ones(4))
    with pytest.raises(
        DataError, match=r"text_feat\.npy: needs one row of numbers an item, got float64 of shape \(4,\)"
    ):
        Mmrec(tmp_path).read()
    np.save(tmp_path / "text_feat.npy", np.array([[{}]] * 4, dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match=r"text_feat\.npy: cannot be read as a plain array"):
        Mmrec(tmp_path).read()
    (tmp_path / "b.inter").write_text(INTER)
    with pytest.raises(DataError, match=r"exactly one \.inter file is needed, there is b\.inter, tiny\.inter"):
        Mmrec(tmp_path).read()
    with pytest.raises(DataError, match="gone: no such folder"):
        Mmrec(tmp_path / "gone").read()


@pytest.mark.data
def test_tiktok_in_this_layout(data_home: Path, tmp_path: Path) -> None:
    """The same events, split and features as in the canonical folder they were written from."""
    source = data_home / "tiktok"
    marks = {"train": "0", "valid": "1", "test": "2"}
    table = pl.read_parquet(source / "interactions.parquet")
    inter = table.select(userID="user_id", itemID="item_id", x_label=pl.col("split").replace(marks))
    inter.write_csv(tmp_path / "tiktok.inter", separator="\t")
    for name in ("image_feat.npy", "audio_feat.npy"):
        (tmp_path / name).symlink_to(source / name)
    data, wanted = Mmrec(tmp_path).read(), Folder(source).read()
    assert set(data.items) == set(wanted.items)
    assert data.matrix.nnz == wanted.matrix.nnz == 68_722
    raw = np.load(source / "image_feat.npy")
    for item in data.items[::500]:
        np.testing.assert_array_equal(data.feature("item", "image").vectors[data.item_rows[item]], raw[int(item)])
    cut = Given(tmp_path / "tiktok.inter").split(data, np.random.default_rng(0))
    counts = [cut.train.matrix.nnz, cut.valid.truth.nnz, cut.tests["test"].truth.nnz]
    assert counts == [59_541, 3_051, 6_130]
