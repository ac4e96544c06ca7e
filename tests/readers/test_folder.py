"""The canonical folder in its three formats, and what is not let in."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cuvee.errors import DataError
from cuvee.readers.folder import Folder

TABLES = {
    "interactions": pl.DataFrame(
        {
            "user_id": ["01", "1", "01"],
            "item_id": ["007", "x", "x"],
            "timestamp": [30, 10, 20],
            "event": ["buy", "view", "like"],
        }
    ),
    "items": pl.DataFrame({"item_id": ["x", "007"], "title": ["Plain", '鸭子, "quoted"'], "price": [1.5, None]}),
    "users": pl.DataFrame({"user_id": ["1", "01"], "age": [30, 41]}),
    "reviews": pl.DataFrame({"user_id": ["01"], "item_id": ["007"], "text": ["two\nlines"]}),
    "social": pl.DataFrame({"src": ["01"], "dst": ["1"]}),
    "kg": pl.DataFrame({"head": ["007"], "relation": ["5"], "tail": ["0"]}),
}
WRITE: dict[str, Callable[[pl.DataFrame, Path], None]] = {
    "parquet": lambda table, path: table.write_parquet(path),
    "csv": lambda table, path: table.write_csv(path),
    "jsonl": lambda table, path: table.write_ndjson(path),
}


def folder(path: Path, ending: str = "csv", **changes: pl.DataFrame) -> Path:
    path.mkdir(exist_ok=True)
    for name, table in {**TABLES, **changes}.items():
        WRITE[ending](table, path / f"{name}.{ending}")
    return path


@pytest.mark.parametrize("ending", WRITE)
def test_every_format_gives_the_same(ending: str, tmp_path: Path) -> None:
    """Ids stay text: 007 keeps its zeros, 01 and 1 are two users."""
    data = Folder(folder(tmp_path, ending)).read()
    assert (data.users, data.items) == (("1", "01"), ("x", "007"))
    assert data.events.user.tolist() == [0, 1, 1]
    assert data.events.item.tolist() == [0, 0, 1]
    assert data.events.time.tolist() == [10, 20, 30]
    np.testing.assert_allclose(data.events.weight, [0.2, 1, 1])
    assert data.item_table.equals(TABLES["items"])
    assert data.user_table.equals(TABLES["users"])
    for found, name in ((data.reviews, "reviews"), (data.social, "social"), (data.triples, "kg")):
        assert found is not None
        assert found.equals(TABLES[name])


def test_parameters_reach_the_events(tmp_path: Path) -> None:
    rated = TABLES["interactions"].with_columns(rating=pl.Series([5, 1, 3]))
    data = Folder(folder(tmp_path, interactions=rated), kinds={"buy": 3.0}, min_rating=2.5).read()
    assert data.events.weight.tolist() == [0, 1, 3]


def test_media_inside_the_folder_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A path out of the folder, by name, by link or absolute, is missing; so is what is not there or cannot be."""
    (tmp_path / "secret.png").write_bytes(b"")
    inside = tmp_path / "shop"
    (inside / "images").mkdir(parents=True)
    (inside / "images" / "a.png").write_bytes(b"")
    (inside / "link.png").symlink_to(tmp_path / "secret.png")
    good = ["images/a.png", "images/../images/a.png"]
    bad = ["../secret.png", str(tmp_path / "secret.png"), "link.png", "images", "gone.png", "a\x00b", "x" * 300]
    names = [*good, *bad, None, ""]
    items = pl.DataFrame({"item_id": [f"i{n}" for n in range(len(names))], "image": names})
    with caplog.at_level("WARNING", logger="cuvee"):
        data = Folder(folder(inside, "parquet", items=items)).read()
    rest = data.item_table["image"].to_list()
    assert rest[:2] == [str((inside / "images" / "a.png").resolve())] * 2
    assert rest[2:] == [None] * (len(rest) - 2)
    assert "7 files of column 'image' are not there" in caplog.text


def test_names_in_the_knowledge_graph(tmp_path: Path) -> None:
    """They stand beside the items in the items' order; an item has the first of several, or none."""
    folder(tmp_path)
    (tmp_path / "kg_item_link.csv").write_text("item_id,entity_id\n007,m.1\nold,m.2\n007,m.3\n")
    data = Folder(tmp_path).read()
    assert data.item_table.select("item_id", "entity_id").rows() == [("x", None), ("007", "m.1")]
    (tmp_path / "kg_item_link.csv").write_text("item,entity_id\n007,m.1\n")
    with pytest.raises(DataError, match=r"kg_item_link\.csv: no column 'item_id'"):
        Folder(tmp_path).read()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("items.parquet", b"PAR1 cut short", "items.parquet: cannot be read as parquet"),
        ("items.csv", b"item_id,price\na,1\nb,2,3\n", "items.csv: cannot be read as csv"),
        ("items.csv", b"", "items.csv: cannot be read as csv"),
        ("items.csv", b"item_id\n\xff\xfe\n", "items.csv: cannot be read as csv"),
        ("items.jsonl", b'{"item_id": "a"}\n{"item_id":', "items.jsonl: cannot be read as jsonl"),
        ("items.csv", b"item_id,t\na,1\n,2\n", "items.csv: row 2 has no item_id"),
        ("interactions.csv", b"user_id,item_id,timestamp\na,b,yesterday\n", "interactions.csv: column 'timestamp'"),
    ],
)
def test_what_cannot_be_read_is_named(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    folder(tmp_path)
    (tmp_path / f"{name.partition('.')[0]}.csv").unlink()
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=re.escape(str(tmp_path / message))):
        Folder(tmp_path).read()


def test_a_folder_needs_its_interactions_once(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="gone: no such folder"):
        Folder(tmp_path / "gone").read()
    with pytest.raises(DataError, match=r"no interactions\.parquet, \.csv or \.jsonl"):
        Folder(tmp_path).read()
    folder(tmp_path, "csv")
    folder(tmp_path, "jsonl")
    with pytest.raises(DataError, match=r"both interactions\.csv and interactions\.jsonl"):
        Folder(tmp_path).read()
