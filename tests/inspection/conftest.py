"""A small shop on disk, uneven and sound, that each test spoils in one way."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

EVENTS = pl.DataFrame(
    {
        "user_id": ["b", "a", "b", "c", "a", "b"],
        "item_id": ["i1", "i2", "i3", "i2", "i1", "i1"],
        "timestamp": [86_400, 20, None, 20, 10, 172_801],
        "event": ["buy", "view", "view", None, "cart", "buy"],
        "rating": [4.0, 2.0, None, 3.0, 5.0, 1.0],
    }
)
ITEMS = pl.DataFrame(
    {
        "item_id": ["i1", "i2", "i3", "i4"],
        "title": ["A lamp for the desk", "A lamp for the desk", "Tasse", None],
        "price": [3.5, None, 2.0, 1.0],
        "image": ["images/a.png", "images/b.png", "", "images/c.png"],
    }
)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for name, shade in (("a", 10), ("b", 200), ("c", 10)):
        Image.fromarray(np.full((6, 5, 3), shade, np.uint8)).save(tmp_path / "images" / f"{name}.png")
    EVENTS.write_csv(tmp_path / "interactions.csv")
    ITEMS.write_csv(tmp_path / "items.csv")
    pl.DataFrame({"user_id": ["a", "b", "c"], "age": [30, None, 50]}).write_csv(tmp_path / "users.csv")
    review = {"user_id": "a", "item_id": "i2", "text": "Good"}
    (tmp_path / "reviews.jsonl").write_text(json.dumps(review) + "\n", encoding="utf-8")
    pl.DataFrame({"src": ["a"], "dst": ["c"]}).write_csv(tmp_path / "social.csv")
    triples = {"head": ["i1", "m2"], "relation": ["made", "made"], "tail": ["m1", "m1"]}
    pl.DataFrame(triples).write_csv(tmp_path / "kg.csv")
    return tmp_path
