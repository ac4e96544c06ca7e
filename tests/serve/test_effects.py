"""What rules do to one slate, against hand arithmetic and against a plain loop."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuvee.queries import one_each
from cuvee.serve.effects import Effects, Pin, Touch, ruled
from cuvee.serve.rules import book_of, profile_of
from cuvee.sql.rules import Rule
from cuvee.types import PAD, Bools, Context, Dataset, Events, Floats, Queries, Slate

NOBODY = one_each(6, np.zeros((1, 0), np.int32))
NO_EVENTS = Events(*(np.zeros(0, t) for t in (np.int32, np.int32, np.int64, np.float32, np.int8)))  # type: ignore[arg-type]
CONTEXT = Context(Dataset((), (), NO_EVENTS, pl.DataFrame(), pl.DataFrame()), np.random.default_rng(0))


@dataclass(frozen=True)
class Fixed:
    scores: tuple[float, ...]

    def score(self, queries: Queries) -> Floats:  # noqa: ARG002
        return np.array([self.scores], np.float32)


class Reversed:
    """A stage that turns the list round."""

    def apply(self, slate: Slate, queries: Queries, context: Context) -> Slate:  # noqa: ARG002
        real = int((slate.items[0] != PAD).sum())
        order = [*range(real)[::-1], *range(real, slate.items.shape[1])]
        return replace(slate, items=slate.items[:, order], scores=slate.scores[:, order])


def mask(*rows: int) -> Bools:
    found = np.zeros(6, bool)
    found[list(rows)] = True
    return found


def shown(effects: Effects, k: int = 6, stages: Any = (), **options: Any) -> list[int]:
    return [int(row) for row in slate(effects, k, stages, **options)[0].items[0]]


def slate(effects: Effects, k: int = 6, stages: Any = (), **options: Any) -> tuple[Slate, Effects]:
    model = Fixed((-1.0, 0.0, 2.0, 1.0, -0.5, 0.5))  # order: 2 3 5 1 4 0
    given = {"filters": (), "candidates": np.ones(6, bool), **options}
    return ruled(model, NOBODY, k, effects, stages=stages, context=CONTEXT, **given)


def test_boosts_multiply_the_distance_to_the_lowest_score() -> None:
    """Distances 0, 1, 3, 2, .5, 1.5: item 4 times 5 is 2.5, item 2 times 1/2 is 1.5, one score of the two."""
    touches = (Touch("up", mask(4), 5.0), Touch("down", mask(2), 0.5))
    assert shown(Effects(touches=touches)) == [4, 3, 2, 5, 1, 0]
    found, _ = slate(Effects(touches=touches))
    assert found.scores[0].tolist() == pytest.approx([1.5, 1.0, 0.5, 0.5, 0.0, -1.0])
    twice = (Touch("a", mask(4), 2.5), Touch("b", mask(4, 0), 2.0), Touch("down", mask(2), 0.5))
    assert shown(Effects(touches=twice)) == [4, 3, 2, 5, 1, 0]


def test_what_is_buried_comes_after_everything_else_and_after_the_stages() -> None:
    buried = Effects(touches=(Touch("b", mask(2, 5), None),))
    assert shown(buried) == [3, 1, 4, 0, 2, 5]
    assert shown(buried, k=4) == [3, 1, 4, 0]
    assert shown(buried, stages=(Reversed(),)) == [0, 4, 1, 3, 5, 2]


def test_pins_come_last_and_shift_the_others() -> None:
    pins = Effects(pins=(Pin("p", 0, 1),))
    assert shown(pins) == [2, 0, 3, 5, 1, 4]
    assert shown(pins, k=3) == [2, 0, 3]
    assert shown(pins, stages=(Reversed(),)) == [4, 0, 1, 5, 3, 2]
    found, acted = slate(pins, k=3)
    assert found.propensity[0].tolist() == [1, 1, 1]
    assert found.scores[0].tolist() == [2.0, -1.0, 1.0]
    assert [acted.of(row) for row in (2, 0, 3)] == [[], ["p"], []]


def test_two_pins_of_one_place() -> None:
    """The first has it, the next goes behind it; the same item is pinned once; past the end is at the end."""
    pins = (Pin("a", 0, 0), Pin("b", 4, 0), Pin("c", 0, 3), Pin("d", 1, 50))
    assert shown(Effects(pins=pins)) == [0, 4, 2, 3, 5, 1]
    _, acted = slate(Effects(pins=pins))
    assert acted.of(0) == ["a"]
    assert acted.of(1) == []  # place 50 is none of this answer's
    assert shown(Effects(pins=(Pin("d", 2, 5),)), candidates=mask(2, 3)) == [3, 2, PAD, PAD, PAD, PAD]


@pytest.mark.parametrize(
    "options",
    [{"candidates": mask(1, 2, 3, 4, 5)}, {"filters": (lambda _: mask(1, 2, 3, 4, 5)[None, :],)}],
    ids=["hidden, excluded or not a candidate", "the recipe's filters"],
)
def test_a_pin_shows_nothing_that_may_not_be_shown(options: dict[str, Any]) -> None:
    pins = Effects(pins=(Pin("p", 0, 0), Pin("q", 5, 0)))
    assert shown(pins, **options) == [5, 2, 3, 1, 4, PAD]
    assert shown(replace(pins, allowed=mask(1, 2, 5))) == [5, 2, 1, PAD, PAD, PAD]


def test_limits_count_pins_and_keep_the_best() -> None:
    limited = Effects(limits=((mask(2, 3, 5), 1),))
    assert shown(limited, k=4) == [2, 1, 4, 0]
    assert shown(replace(limited, pins=(Pin("p", 5, 1),)), k=4) == [1, 5, 4, 0]
    two = (Pin("p", 5, 1), Pin("q", 3, 0))
    assert shown(replace(limited, pins=two), k=4) == [1, 5, 4, 0]  # the second is one too many
    assert shown(Effects(limits=((mask(2, 3, 5), 0),)), k=4) == [1, 4, 0, PAD]


@given(st.data())
def test_against_a_plain_loop(data: st.DataObject) -> None:
    """Random rules: nothing that is not allowed, no limit overstepped, order by (buried, score moved)."""
    subset = st.sets(st.integers(0, 5)).map(lambda rows: mask(*rows))
    allowed, buried = data.draw(subset), data.draw(subset)
    factors = [data.draw(st.sampled_from([0.0, 0.5, 1.0, 3.0])) for _ in range(2)]
    boosted = [data.draw(subset) for _ in range(2)]
    limit, most = data.draw(subset), data.draw(st.integers(0, 3))
    touches = (*(Touch(f"t{n}", m, f) for n, (m, f) in enumerate(zip(boosted, factors, strict=True))),)
    effects = Effects(allowed, (*touches, Touch("b", buried, None)), ((limit, most),))
    scores = np.array([-1.0, 0.0, 2.0, 1.0, -0.5, 0.5])
    moved = scores + 1.0
    for m, f in zip(boosted, factors, strict=True):
        moved = np.where(m, moved * f, moved)
    kept: list[int] = []
    for row in sorted(np.flatnonzero(allowed), key=lambda r: -moved[r]):  # the best of the limited stay
        if not limit[row] or sum(bool(limit[r]) for r in kept) < most:
            kept.append(int(row))
    want = sorted(kept, key=lambda r: (bool(buried[r]), -moved[r], r))
    found = [r for r in shown(effects) if r != PAD]
    assert [(bool(buried[r]), round(float(moved[r]), 5)) for r in found] == [
        (bool(buried[r]), round(float(moved[r]), 5)) for r in want
    ]


def test_rules_for_some_people() -> None:
    """What is stored goes before what the fit knew; a missing value fulfils nothing; unknown people have no profile."""
    people = pl.DataFrame({"user_id": ["a", "b"], "country": ["de", "fr"], "age": [30, None]})
    table = pl.DataFrame({"item_id": [*"uvwxyz"], "price": [1.0, 2, 3, 4, 5, 6]})
    data = Dataset(("a", "b"), tuple("uvwxyz"), NO_EVENTS, table, people)
    rules = [
        Rule("old", "boost", users="age > 20", factor=2.0),
        Rule("german", "filter", users='country == "de"', items="price < 4"),
        Rule("all", "bury", items="price > 5"),
        Rule("broken", "filter", items="prise > 5"),
        Rule("off", "filter", items="also broken", enabled=False),
        Rule("home", "pin", scenario="home", item="z", position=0),
    ]
    book = book_of(rules, data)
    assert set(book.errors) == {"broken"}
    for profile, want in (
        (profile_of(data, "a"), {"old", "german", "all"}),
        (profile_of(data, "b"), {"all"}),
        (profile_of(data, "b") | {"country": "de"}, {"german", "all"}),
        (profile_of(data, "nobody"), {"all"}),
        (None, {"all"}),
    ):
        assert {p.rule.rule for p in book.in_force("shop", 0.0, profile)} == want
    effects = book.effects("home", 0.0, profile_of(data, "a"))
    assert effects is not None
    assert effects.allowed is not None
    assert effects.allowed.tolist() == [True] * 3 + [False] * 3
    assert [(p.rule, p.row) for p in effects.pins] == [("home", 5)]
    assert book_of([Rule("later", "bury", valid_from=5.0, valid_until=7.0)], data).effects("x", 4.9) is None
    for now, holds in ((5.0, True), (6.9, True), (7.0, False)):
        assert Rule("r", "bury", valid_from=5.0, valid_until=7.0).holds("x", now) == holds
