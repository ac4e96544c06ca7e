"""What is praised, planted."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from cuvee import testing
from cuvee.explainers.reviews import Reviews
from cuvee.models.popular import Popular
from cuvee.queries import session
from cuvee.types import PAD, Dataset, Reason
from tests.explainers.test_views import slate

ROWS = [
    ("u01", "i04", "The tone is lovely and warm.", 5.0),
    ("u02", "i04", "I think that the tone is great.", 4.0),
    ("u03", "i04", "The tone is awful.", 2.0),
    ("u04", "i04", "A tone as any other tone.", 3.0),
    ("u05", "i04", "The case is terrible, and I hate the case.", 2.0),
    ("u06", "i04", "A case that I hate.", 2.0),
    ("u07", "i09", "The case is fine, a great case.", 5.0),
    ("u08", "i09", "I love the case.", 5.0),
]
SCHEMA = ["user_id", "item_id", "text", "rating"]


def told(world: Dataset, reviewed: pl.DataFrame | None, explainer: Reviews) -> list[list[Reason]]:
    model = Popular().fit(world, None, np.random.default_rng(0))
    return explainer.explain(model, session(world, []), slate([[4, 9, 3, PAD]]), replace(world, reviews=reviewed))[0]


def test_praise_by_hand(world: Dataset) -> None:
    """Of 4 who mention the tone 2 praise it and 1 blames it; the case of i04 is only blamed, that of i09 praised."""
    found = told(world, pl.DataFrame(ROWS, schema=SCHEMA, orient="row"), Reviews(most=5, sentiment="vader"))
    assert [len(place) for place in found] == [1, 1, 0, 0]
    reason = found[0][0]
    assert reason.kind == "reviews"
    assert reason.weight == pytest.approx(1 / 4)
    quote = str(reason.evidence["quote"])
    assert reason.text == f'praised for tone by 2 of 4 who mention it: "{quote}"'
    writer = next(row for row in ROWS if row[0] == reason.evidence["user_id"])
    assert quote in writer[2]
    assert writer[3] >= 4
    counts = {"item_id": "i04", "aspect": "tone", "praised": 2, "blamed": 1, "mentions": 4}
    assert {name: reason.evidence[name] for name in counts} == counts
    assert found[1][0].text.startswith("praised for case by 2 of 2 who mention it")


def test_only_the_newest_are_read(world: Dataset) -> None:
    rows = [(*row, time) for time, row in enumerate(ROWS)]
    reviewed = pl.DataFrame(rows, schema=[*SCHEMA, "timestamp"], orient="row")
    found = told(world, reviewed, Reviews(sentiment="vader", newest=3))
    assert [len(place) for place in found] == [0, 1, 0, 0]


def test_nothing_was_written(world: Dataset) -> None:
    assert told(world, None, Reviews()) == [[], [], [], []]
    empty = pl.DataFrame(ROWS, schema=SCHEMA, orient="row").clear()
    assert told(world, empty, Reviews()) == [[], [], [], []]
    testing.check_explainer(Reviews(), Popular().fit(world, None, np.random.default_rng(0)), world)


def test_nothing_can_tell_praise(world: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the packages stars do; without stars nothing is said."""
    monkeypatch.setattr("cuvee.reviewing.profiles.installed", lambda _: False)
    reviewed = pl.DataFrame(ROWS, schema=SCHEMA, orient="row")
    assert told(world, reviewed, Reviews())[0][0].evidence["praised"] == 2
    assert told(world, reviewed.drop("rating"), Reviews()) == [[], [], [], []]
