"""What stands in the folder, that it is the same every time, and that no other folder is touched."""

import hashlib
import json
from pathlib import Path

import polars as pl
import pytest
from PIL import Image

from cuvee.demo import write, write_shop
from cuvee.errors import ConfigError, DataError, UnknownNameError
from tests.demo.conftest import Shop


def digests(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_same_parameters_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        assert write_shop(tmp_path / name, seed=seed, scale=0.02)
    a, b, c = (digests(tmp_path / name) for name in "abc")
    assert a == b
    assert a.keys() & c.keys() >= {"items.parquet", "interactions.parquet", "truth.json"}
    assert all(a[f"{name}.parquet"] != c[f"{name}.parquet"] for name in ("items", "interactions", "users", "social"))


def test_languages_differ_in_words_only(tmp_path: Path) -> None:
    for lang in ("en", "zh"):
        write_shop(tmp_path / lang, lang=lang, scale=0.02)
    english, chinese = (digests(tmp_path / lang) for lang in ("en", "zh"))
    same = {name for name in english if english[name] == chinese.get(name)}
    assert {"interactions.parquet", "social.parquet", "kg_item_link.parquet"} <= same
    assert not {"items.parquet", "reviews.parquet", "kg.parquet", "users.parquet"} & same
    assert {name for name in english if name.startswith("images")} <= same


@pytest.mark.usefixtures("undrawn")
def test_a_complete_shop_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert write_shop(tmp_path / "shop", scale=0.03)
    before = digests(tmp_path / "shop")
    with monkeypatch.context() as patched:
        patched.delattr(write, "_fill")
        assert not write_shop(tmp_path / "shop", scale=0.03)
    assert write_shop(tmp_path / "shop", scale=0.03, force=True)
    assert digests(tmp_path / "shop") == before


@pytest.mark.usefixtures("undrawn")
def test_another_shop_replaces_the_first_wholly(tmp_path: Path) -> None:
    write_shop(tmp_path / "shop", scale=0.06)
    write_shop(tmp_path / "shop", scale=0.03, lang="zh")
    write_shop(tmp_path / "fresh", scale=0.03, lang="zh")
    assert digests(tmp_path / "shop") == digests(tmp_path / "fresh")


def test_a_killed_run_is_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(write, "draw", killed)
        with pytest.raises(KeyboardInterrupt):
            write_shop(tmp_path / "shop", scale=0.03)
    assert write_shop(tmp_path / "shop", scale=0.03)
    assert json.loads((tmp_path / "shop" / "truth.json").read_text(encoding="utf-8"))["complete"]


@pytest.mark.usefixtures("undrawn")
def test_a_shop_that_lost_a_table_is_written_again(tmp_path: Path) -> None:
    write_shop(tmp_path / "shop", scale=0.03)
    (tmp_path / "shop" / "kg.parquet").unlink()
    assert write_shop(tmp_path / "shop", scale=0.03)
    assert (tmp_path / "shop" / "kg.parquet").is_file()


@pytest.mark.usefixtures("undrawn")
def test_refuses_a_folder_with_something_else(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep", encoding="utf-8")
    with pytest.raises(DataError, match=r"not a demo shop.*--force"):
        write_shop(tmp_path, scale=0.03)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
    assert write_shop(tmp_path, scale=0.03, force=True)
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "keep"


def test_refuses_a_file_and_wrong_parameters(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(DataError, match="is a file"):
        write_shop(tmp_path / "file")
    with pytest.raises(UnknownNameError, match=r"'zn'.*did you mean 'zh'"):
        write_shop(tmp_path / "new", lang="zn")
    for scale in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="scale"):
            write_shop(tmp_path / "new", scale=scale)
    with pytest.raises(ConfigError, match="seed"):
        write_shop(tmp_path / "new", seed=-1)
    assert not (tmp_path / "new").exists()


def test_tables_have_the_canonical_columns(shop: Shop) -> None:
    text, number = pl.String, pl.Float64
    event = {"user_id": text, "item_id": text, "rating": number, "timestamp": pl.Int64, "event": text}
    assert dict(shop.table("interactions").schema) == event
    assert shop.table("items").schema["price"] == number
    assert {"item_id", "title", "description", "category", "brand", "price", "image", "slogan"} == set(
        shop.table("items").columns
    )
    assert shop.table("users").columns == ["user_id", "age", "gender", "city"]
    assert shop.table("reviews").columns == ["user_id", "item_id", "text", "summary", "rating", "timestamp"]
    assert shop.table("social").columns == ["src", "dst"]
    assert shop.table("kg").columns == ["head", "relation", "tail"]
    assert shop.table("kg_item_link").columns == ["item_id", "entity_id"]


def test_every_reference_leads_somewhere(shop: Shop) -> None:
    items, users = set(shop.table("items")["item_id"]), set(shop.table("users")["user_id"])
    for name in ("interactions", "reviews"):
        assert set(shop.table(name)["item_id"]) <= items
        assert set(shop.table(name)["user_id"]) <= users
    assert set(shop.table("social")["src"]) | set(shop.table("social")["dst"]) <= users
    assert set(shop.table("kg_item_link")["item_id"]) == items
    assert set(shop.table("kg_item_link")["entity_id"]) <= set(shop.table("kg")["head"])
    images = {f"images/{p.name}" for p in (shop.folder / "images").iterdir()}
    assert images == set(shop.table("items")["image"].drop_nulls())


def test_pictures_open(shop: Shop) -> None:
    for name in shop.table("items")["image"].drop_nulls().head(3):
        with Image.open(shop.folder / name) as picture:
            assert picture.size == (224, 224)
            assert picture.mode == "RGB"


def test_readme_counts_rows(shop: Shop) -> None:
    text = (shop.folder / "README.md").read_text(encoding="utf-8")
    assert f"`interactions.parquet`: {shop.table('interactions').height:,} rows" in text
