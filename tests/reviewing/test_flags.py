"""Each rule by hand, and what it leaves alone."""

import numpy as np
import polars as pl
import pytest

from cuvee.reviewing.flags import RULES, flag, helpfulness

DAY = 86_400
A = "the sound of this one is full and it stays in tune all night"
B = "i bought the second one because the first was lost by my son"
LONG = " ".join(f"word{n}" for n in range(25))


def flags(rows: list[tuple[str, str, str, int]]) -> list[list[str]]:
    found = flag(pl.DataFrame(rows, schema=["user_id", "item_id", "text", "timestamp"], orient="row"))
    return found["flags"].to_list()


def test_copies_on_an_item_and_of_a_writer() -> None:
    """The first of an item, and of a writer, counts; the same words of another writer on another item do as well."""
    rows = [("u", "i", A, 1), ("v", "i", A, 2), ("u", "j", A, 3), ("w", "k", A, 4), ("w", "k", "fine", 5)]
    assert flags(rows) == [[], ["copy"], ["copy"], [], []]


def test_the_same_words_again_and_again() -> None:
    rows = [("u", f"i{n}", A, n) for n in range(3)] + [("v", "i9", B, 9)]
    assert flags(rows) == [["repeated"], ["copy", "repeated"], ["copy", "repeated"], []]


def test_long_texts_of_many_writers() -> None:
    rows = [(f"u{n}", f"i{n}", LONG, n) for n in range(3)]
    assert flags(rows) == [["copied"]] * 3
    assert flags(rows[:2]) == [[]] * 2
    assert flags([(*row[:2], A, 0) for row in rows]) == [[]] * 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("THIS IS THE BEST STRAP EVER made", ["shouting"]),
        ("GREAT STRAP", []),
        ("I have a Fender CS and an ESP LTD", []),
        ("see www.example.com for more", ["link"]),
        ("write to me@example.com", ["link"]),
        ("the www is wide", []),
    ],
)
def test_words_of_one_review(text: str, expected: list[str]) -> None:
    assert flags([("u", "i", text, 0)]) == [expected]


def test_bursts() -> None:
    """Ten on a day where one in ten days is usual; five in all on one day say nothing of a pace."""
    slow = [(f"u{n}", "i", f"text {n}", 10 * n * DAY) for n in range(20)]
    burst = [(f"v{n}", "i", f"text {n}", 77 * DAY + n) for n in range(10)]
    first = [(f"w{n}", "j", f"text {n}", n) for n in range(5)]
    assert flags(slow + burst + first) == [[]] * 20 + [["burst"]] * 10 + [[]] * 5
    without = pl.DataFrame([("u", "i", "text")] * 6, schema=["user_id", "item_id", "text"], orient="row")
    assert flag(without)["flags"].list.len().sum() == 0


def test_which_are_alike_is_told() -> None:
    rows = [("u", "i", A, 1), ("v", "j", B, 2), ("w", "k", A, 3)]
    found = flag(pl.DataFrame(rows, schema=["user_id", "item_id", "text", "timestamp"], orient="row"))
    assert found["like"].to_list() == [0, None, 0]
    assert len(RULES) == 6


def test_helpfulness_by_hand() -> None:
    """30 of 40 votes are helpful: m = .75, so 18 of 20 weigh (18 + 3.75) / 25 / .75, none 1."""
    found = helpfulness(np.array([18, 0, 12]), np.array([20, 0, 20]))
    np.testing.assert_allclose(found, [21.75 / 25 / 0.75, 1, 15.75 / 25 / 0.75], rtol=1e-6)
    np.testing.assert_array_equal(helpfulness(np.zeros(2, np.int64), np.zeros(2, np.int64)), [1, 1])
    np.testing.assert_array_equal(helpfulness(np.zeros(1, np.int64), np.array([9])), [1])
