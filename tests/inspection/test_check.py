"""A sound folder counted by hand; each kind of bad input ends in a finding that names file, row, field and way out."""

import logging
import re
import struct
import zlib
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cuvee import plain_yaml
from cuvee.inspection.check import Inspection, inspect_folder
from cuvee.readers.folder import Folder
from cuvee.recipe import read_recipe
from tests.inspection.conftest import EVENTS, ITEMS


def told(found: Inspection) -> str:
    return "\n".join(map(str, found.findings))


def test_a_sound_folder_by_hand(shop: Path) -> None:
    found = inspect_folder(shop)
    assert found.findings == ()
    assert found.usable
    assert found.rows == {"interactions": 6, "items": 4, "users": 3, "reviews": 1, "social": 1, "triples": 2}
    assert found.figures is not None
    assert asdict(found.figures) == {
        "users": 3,
        "items": 3,
        "events": 6,
        "pairs": 5,
        "density": 5 / 9,
        "timed": 5,
        "first": "1970-01-01",
        "last": "1970-01-03",
        "kinds": {"buy": 2, "view": 2, "event": 1, "cart": 1},
        "ratings": {"low": 1, "high": 5, "mean": 3, "known": 5, "different": 5},
    }
    assert found.columns == {"title": 0.75, "price": 0.75}
    assert asdict(found.media["image"]) == {"share": 0.75, "named": 3, "there": 3, "readable": 3, "same": 1}
    assert found.languages == {"en": 2 / 3, "short": 1 / 3}
    assert found.same_texts == {"items": 1, "reviews": 0}
    assert found.orphans == {
        "interactions.item_id": 0,
        "interactions.user_id": 0,
        "reviews.user_id": 0,
        "reviews.item_id": 0,
        "social.src": 0,
        "social.dst": 0,
        "triples": 1,
    }


def test_the_recipe_is_one(shop: Path) -> None:
    """As `cuvee init` would write it: kinds of event decide, not ratings, unless there are ratings only."""
    tree = plain_yaml.load(inspect_folder(shop).recipe or "")
    assert read_recipe(tree, shop).reader == Folder(shop)
    EVENTS.drop("event").with_columns(pl.col("rating").fill_null(5)).write_csv(shop / "interactions.csv")
    tree = plain_yaml.load(inspect_folder(shop).recipe or "")
    assert tree["reader"]["folder"]["min_rating"] == pytest.approx(4, abs=0.1)


def csv(frame: pl.DataFrame) -> bytes:
    return frame.write_csv().encode()


def spoilt(frame: pl.DataFrame, column: str, row: int, value: object) -> bytes:
    """Return the table as csv with one field written over."""
    values = frame[column].to_list()
    values[row - 1] = value
    return csv(frame.with_columns(pl.Series(column, [None if v is None else str(v) for v in values])))


LATE = b"item_id,size\n" + b"".join(b"i%d,7\n" % n for n in range(10_050)) + b"x,big\n"
BAD = {
    "missing column": (
        "interactions.csv",
        csv(EVENTS.rename({"item_id": "item"})),
        "error: {}, item_id: the column is missing; rename one of user_id, item",
    ),
    "empty id": (
        "interactions.csv",
        spoilt(EVENTS, "user_id", 3, ""),
        "error: {}, row 3, user_id: it is empty; give it a value or remove the row",
    ),
    "wrong type": (
        "interactions.csv",
        spoilt(EVENTS, "timestamp", 4, "noon"),
        "error: {}, row 4, timestamp: 'noon' is no time; write whole unix seconds",
    ),
    "wrong rating": (
        "interactions.csv",
        spoilt(EVENTS, "rating", 2, "good"),
        "warning: {}, row 2, rating: 'good' is no number",
    ),
    "wrong price": ("items.csv", spoilt(ITEMS, "price", 4, "1 EUR"), "warning: {}, row 4, price: '1 EUR' is no number"),
    "duplicate id": (
        "items.csv",
        spoilt(ITEMS, "item_id", 3, "i1"),
        "error: {}, row 3, item_id: 'i1' occurs more than once; keep one row an id",
    ),
    "negative time": (
        "interactions.csv",
        spoilt(EVENTS, "timestamp", 5, -3),
        "error: {}, row 5, timestamp: -3 is a negative time; write unix seconds",
    ),
    "milliseconds": (
        "interactions.csv",
        spoilt(EVENTS, "timestamp", 2, 1_600_000_000_000),
        "error: {}, row 2, timestamp: 1600000000000 looks like milliseconds",
    ),
    "bad encoding": (
        "items.csv",
        "item_id,title\ni1,a\ni2,Tüte\n".encode("latin-1"),
        "error: {}: cannot be read as csv: line 3 is not utf-8: invalid start byte; save the file as UTF-8",
    ),
    "empty file": (
        "interactions.csv",
        b"",
        "error: {}: cannot be read as csv: the file is empty; it needs at least a header",
    ),
    "no rows": ("interactions.csv", csv(EVENTS.clear()), "error: {}: there are no rows"),
    "too many fields": (
        "items.csv",
        b"item_id,title\ni1,a\ni2,b, c\n",
        "error: {}: cannot be read as csv: row 2 has 3 fields, the header 2; quote fields",
    ),
    "a late slip": (
        "items.csv",
        LATE,
        "error: {}: cannot be read as csv: row 10051, column 'size' holds 'big', the rows before whole numbers",
    ),
    "broken json": ("reviews.jsonl", b'{"user_id": "a"\n', "error: {}: cannot be read as jsonl"),
    "long field": (
        "items.csv",
        spoilt(ITEMS, "title", 2, "a" * 1_000_000),
        "warning: {}, row 2, title: 1000000 characters, more than 100,000; encoders",
    ),
    "no picture": (
        "images/b.png",
        b"<html>",
        "warning: {shop}/items.csv, row 2, image: {} cannot be used (UnidentifiedImageError",
    ),
    "broken picture": ("images/b.png", None, "warning: {shop}/items.csv, row 2, image: {} cannot be used (OSError"),
    "bomb": ("images/b.png", b"bomb", "warning: {shop}/items.csv, row 2, image: {} cannot be used (DecompressionBomb"),
    "orphan event": (
        "items.csv",
        csv(ITEMS.filter(pl.col("item_id") != "i3")),
        "warning: {shop}/interactions.csv, row 3, item_id: 'i3' has no row in {} and so no content; add one",
    ),
    "orphan person": (
        "users.csv",
        b"user_id\na\nb\n",
        "warning: {shop}/interactions.csv, row 4, user_id: 'c' has no row in {}",
    ),
    "orphan review": (
        "reviews.jsonl",
        b'{"user_id": "a", "item_id": "zz", "text": "x"}\n',
        "warning: {}, row 1, item_id: 'zz' occurs nowhere else",
    ),
    "orphan friend": ("social.csv", b"src,dst\na,b\nb,nobody\n", "warning: {}, row 2, dst: 'nobody' is no user"),
    "orphan facts": ("kg.csv", b"head,relation,tail\nm1,is,m2\n", "warning: {}, row 1, head: no triple names an item"),
    "two tables": (
        "items.jsonl",
        b'{"item_id": "i1"}\n',
        "error: {shop}: both items.csv and items.jsonl; keep one of them",
    ),
    "lost picture": (
        "items.csv",
        spoilt(ITEMS, "image", 4, "../secret.png"),
        "warning: {}, row 4, image: '../secret.png' is not there, or not below the folder",
    ),
}


def bomb() -> bytes:
    """Return a PNG that claims 60,000 by 60,000 pixels and holds almost nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_named(kind: str, shop: Path) -> None:
    """Errors leave no recipe; with warnings the folder is read, and a broken picture is a missing one."""
    name, content, message = BAD[kind]
    path = shop / name
    if content == b"bomb":
        content = bomb()
    path.write_bytes(path.read_bytes()[:-30] if content is None else content)
    found = inspect_folder(shop)
    expected = message.format(path.resolve() if path.suffix == ".png" else path, shop=shop)
    assert expected in told(found)
    error = message.startswith("error")
    assert found.usable != error
    assert (found.recipe is None) == error
    if path.suffix == ".png":
        assert found.media["image"].readable == 2


def test_broken_pictures_are_named_up_to_a_number(shop: Path) -> None:
    for n in range(30):
        (shop / "images" / f"{n}.png").write_bytes(b"no")
    items = pl.DataFrame({"item_id": [f"i{n}" for n in range(30)], "image": [f"images/{n}.png" for n in range(30)]})
    items.write_csv(shop / "items.csv")
    lines = [line for line in told(inspect_folder(shop)).splitlines() if "cannot be used" in line]
    assert len(lines) == 21
    assert "row 21, image: 10 further images cannot be used" in lines[20]


def test_links_make_facts_of_use(shop: Path) -> None:
    """An entity that is an item under another name is no orphan."""
    (shop / "kg.csv").write_bytes(b"head,relation,tail\nm1,is,m2\nm3,is,m2\n")
    (shop / "kg_item_link.csv").write_bytes(b"item_id,entity_id\ni1,m1\nzz,m9\n")
    found = inspect_folder(shop)
    assert (found.orphans["triples"], found.orphans["links.item_id"]) == (1, 1)
    assert told(found) == f"warning: {shop}/kg_item_link.csv, row 2, item_id: 'zz' is no item; the link is of no use"


def test_errors_come_first_and_all_are_told(shop: Path) -> None:
    """One error does not hide another."""
    (shop / "users.csv").write_bytes(b"user_id\na\na\n")
    (shop / "social.csv").write_bytes(b"src,dst\na,nobody\n")
    (shop / "kg.csv").write_bytes(b"head,tail\na,b\n")
    levels = [finding.level for finding in inspect_folder(shop).findings]
    assert levels == sorted(levels)
    assert levels.count("error") == 2
    assert "nobody" in told(inspect_folder(shop))


def test_no_folder_and_no_interactions(tmp_path: Path) -> None:
    assert "gone: no such folder" in told(inspect_folder(tmp_path / "gone"))
    assert "no interactions.parquet, .csv or .jsonl here; it needs user_id and item_id" in told(
        inspect_folder(tmp_path)
    )
    (tmp_path / "ratings.dat").write_text("1::2::3::4\n")
    assert re.search(r"the files look like movielens-1m: .*layout: movielens-1m", told(inspect_folder(tmp_path)))


FACTS = {
    "ml-100k": {
        "users": 943,
        "items": 1_682,
        "events": 100_000,
        "pairs": 100_000,
        "density": 0.0630467,
        "image": 1_358,
    },
    "ml-latest-small": {
        "users": 610,
        "items": 9_724,
        "events": 100_836,
        "pairs": 100_836,
        "density": 0.0169997,
        "image": 9_521,
    },
}
DATES = {"ml-100k": ("1997-09-20", "1998-04-22"), "ml-latest-small": ("1996-03-29", "2018-09-24")}


@pytest.mark.data
@pytest.mark.slow
def test_real_folders(data_home: Path, caplog: pytest.LogCaptureFixture) -> None:
    """None crashes; the counts of two are those their READMEs state."""
    caplog.set_level(logging.ERROR)
    folders = sorted(path for path in data_home.iterdir() if path.is_dir())
    found = {path.name: inspect_folder(path) for path in folders}
    for name, inspection in found.items():
        assert inspection.usable == ("interactions" in inspection.rows), f"{name}: {told(inspection)}"
    for name, facts in FACTS.items():
        figures, image = found[name].figures, found[name].media["image"]
        assert figures is not None
        assert [figures.users, figures.items, figures.events, figures.pairs] == list(facts.values())[:4]
        assert figures.density == pytest.approx(facts["density"], abs=5e-8)
        assert (figures.first, figures.last) == DATES[name]
        assert image.there == image.readable == facts["image"]
        assert found[name].languages["en"] > 0.95
    assert np.isclose(found["ml-100k"].columns["description"], 1_672 / 1_682)
