"""What a card says of reviews, by hand, and on the page."""

import html
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from cuvee.report.opinions import Named, Opinion, opinions
from cuvee.report.page import write_report
from cuvee.types import PAD, Dataset
from tests.runs import small_run

SCHEMA = ["user_id", "item_id", "text", "rating"]
ROWS = [
    ("u01", "i04", "The tone is lovely & warm, <b>really</b> lovely.", 5.0),
    ("u02", "i04", "I think that the tone is great.", 4.0),
    ("u03", "i04", "The tone is fine. The case is terrible.", 2.0),
    ("u04", "i04", "A terrible case, I hate the case.", 1.0),
    ("u05", "i04", "SEE WWW.EXAMPLE.COM FOR A LOVELY TONE", 5.0),
    ("u06", "i07", "Fine.", 3.0),
    ("u07", "i08", "I am happy with this one, it is lovely.", 4.0),
]


def told(world: Dataset, items: list[str]) -> dict[str, Opinion]:
    return opinions(replace(world, reviews=pl.DataFrame(ROWS, schema=SCHEMA, orient="row")), items)


def test_by_hand(world: Dataset) -> None:
    """The tone is praised by 3 of 3, the case blamed by 2 of 2; the one that shouts a link is not read."""
    found = told(world, ["i04", "i07", "i08", "i09"])
    card = found["i04"]
    assert card.read == 4
    assert card.stars == pytest.approx(3.0)
    assert card.praised == (Named("tone", 3, 3),)
    assert card.blamed == (Named("case", 2, 2),)
    text = next(text for user, _, text, _ in ROWS if user == card.writer)
    assert card.quote in text
    assert "tone" in card.quote
    assert (found["i08"].praised, found["i08"].quote) == ((), "I am happy with this one, it is lovely.")
    assert "i09" not in found
    assert told(world, ["i09"]) == {}
    assert opinions(world, ["i04"]) == {}


def test_on_the_page(tmp_path: Path) -> None:
    """Every recommended item has its card, escaped; without reviews there is neither card nor word of them."""
    done = small_run(tmp_path)
    write_report(done, tmp_path / "plain.html")
    plain = (tmp_path / "plain.html").read_text(encoding="utf-8")
    assert 'class="opinion"' not in plain
    assert "what reviews known" not in plain
    train = done.split.train
    rows = [(u + item, item, text, stars) for item in train.items for u, _, text, stars in ROWS[:4]]
    reviews = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    split = replace(done.split, train=replace(train, reviews=reviews))
    write_report(replace(done, split=split), tmp_path / "told.html")
    page = (tmp_path / "told.html").read_text(encoding="utf-8")
    shown = page.count('<span class="rank">')
    assert page.count('class="opinion"') == shown > 0
    assert "<b>really" not in page
    assert html.escape("The tone is lovely & warm, <b>really</b> lovely.") in page
    assert (done.tests["test"].slate.items != PAD).any()
