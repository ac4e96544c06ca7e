"""What messages say, case by case."""

import pytest

from cuvee.dialogue.acts import Act, Choose, Constrain, Explain, Feel, Prefer, Shift, Tell
from cuvee.dialogue.state import Constraint, Lean, Question, State
from cuvee.dialogue.understanding import Words, language_of, understand
from tests.dialogue.conftest import words_of


def any_of(*pairs: tuple[str, str], single: bool = True) -> Act:
    return Constrain(Constraint("any", pairs), single)


def none_of(*pairs: tuple[str, str]) -> Act:
    return Constrain(Constraint("none", pairs), single=False)


def bound(test: str, column: str, value: float) -> Act:
    return Constrain(Constraint("<=" if test == "<=" else ">=", column=column, bound=value))


CASES: list[tuple[str, str, set[Act]]] = [
    ("films", "comedy or drama", {any_of(("genres", "Comedy"), ("genres", "Drama"), single=False)}),
    (
        "films",
        "comedy and drama",
        {any_of(("genres", "Comedy"), single=False), any_of(("genres", "Drama"), single=False)},
    ),
    ("films", "not horror, drama please", {none_of(("genres", "Horror")), any_of(("genres", "Drama"), single=False)}),
    ("films", "no horror, war or crime", {none_of(("genres", g)) for g in ("Horror", "War", "Crime")}),
    ("films", "early nineties", {bound(">=", "year", 1990), bound("<=", "year", 1993)}),
    ("films", "in 1999", {bound(">=", "year", 1999), bound("<=", "year", 1999)}),
    ("films", "not longer than an hour and a half", {bound("<=", "runtime", 90)}),
    ("shop", "dark red or black", {any_of(("colour", "Dark Red"), ("colour", "Black"))}),
    ("shop", "not red", {none_of(("colour", "Red"), ("colour", "Dark Red"))}),
    ("shop", "up to $1,200", {bound("<=", "price", 1200)}),
    ("shop", "at least thirty-five dollars", {bound(">=", "price", 35)}),
    ("shop", "cheaper", {Shift("price", -1, 59.0)}),
    ("shop", "a cheap hat", {Shift("price", -1, None), any_of(("category", "Hat"))}),
    ("shop", "why the third?", {Explain("s03")}),
    ("shop", "why?", {Explain("s01")}),
    ("shop", "I'll take the second one", {Choose("s02")}),
    ("shop", "not the second one but something darker", {Feel("s02", -1), Prefer(Lean("dark", 1))}),
    ("shop", "the ninth one", set()),
    ("shop", "", set()),
    ("shop_zh", "一百二十块以内", {bound("<=", "price", 120)}),
    ("shop_zh", "一千零五十元以上", {bound(">=", "price", 1050)}),
    ("shop_zh", "两百五以下", {bound("<=", "price", 250)}),
    ("films_zh", "一个半小时以内", {bound("<=", "runtime", 90)}),
    ("films_zh", "六十年代", {bound(">=", "year", 1960), bound("<=", "year", 1969)}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "message", "wanted"), CASES, ids=[c[1] for c in CASES])
def test_by_hand(name: str, message: str, wanted: set[Act]) -> None:
    words = words_of(name)
    found = set(understand(message, State(shown=words.facts.items[:5]), words))
    if message == "cheaper":  # below the middle of 129, 59.9, 45, 12.5, 79, which is 59.9
        wanted = {Shift("price", -1, 45.0)}
    assert found == wanted


def test_an_answer_goes_to_the_column_that_was_asked_for(films: Words) -> None:
    """French is a language here; asked for a bound, `below` needs no number."""
    asked = State(question=Question("number", "runtime", bound=100.0))
    assert understand("below", asked, films) == (bound("<=", "runtime", 100.0),)
    assert understand("longer than that", asked, films) == (bound(">=", "runtime", 100.0),)
    assert understand("below 90", asked, films) != understand("below", asked, films)


def test_a_title_is_the_one_that_is_written(films: Words) -> None:
    assert understand("something like iron harbor", State(), films) == (Feel("f01", 1),)
    assert Feel("f01", 1) not in understand("something like a ship in a storm", State(), films)


@pytest.mark.parametrize(("text", "language"), [("好的", "zh"), ("ok then", "en"), ("42", "zh"), ("T恤", "zh")])
def test_language(text: str, language: str) -> None:
    assert language_of(text, "zh") == language


@pytest.mark.parametrize("command", ["undo", "start over", "撤销", "重新开始", "show me more", "换一批"])
def test_commands(command: str, films: Words) -> None:
    (act,) = understand(command, State(), films)
    assert isinstance(act, Tell)
