"""States are data."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuvee.dialogue.state import Constraint, Lean, Question, State, from_json, remembered, to_json
from cuvee.errors import DataError

names = st.text(max_size=8)
pairs = st.lists(st.tuples(names, names), max_size=3).map(tuple)
numbers = st.floats(allow_nan=False, allow_infinity=False)
constraints = st.builds(Constraint, st.sampled_from(["any", "none", ">=", "<="]), pairs, names, numbers)
several = st.lists(names, max_size=4).map(tuple)
leans = st.lists(st.builds(Lean, names, st.sampled_from([-1, 1]), names), max_size=3).map(tuple)
questions = st.none() | st.builds(
    Question,
    st.sampled_from(["values", "number", "drop"]),
    names,
    several,
    numbers,
    st.none() | constraints,
    st.integers(),
)
plain = st.builds(
    State, st.lists(constraints, max_size=4).map(tuple), several, several, leans, several, several, several, several,
    questions, several, st.sampled_from(["en", "zh"]), st.none() | names,
)  # fmt: skip


@given(plain, st.lists(plain, max_size=3))
def test_json_both_ways(state: State, past: list[State]) -> None:
    state = replace(state, past=tuple(past))
    assert from_json(json.loads(json.dumps(to_json(state)))) == state


@pytest.mark.parametrize(
    ("tree", "told"),
    [
        ({"language": "fr"}, "language"),
        ({"constraints": [{"test": "like"}]}, r"constraints\.0\.test"),
        ({"liked": [3]}, r"liked\.0"),
        ([1], "the whole"),
    ],
)
def test_a_damaged_state(tree: object, told: str) -> None:
    with pytest.raises(DataError, match=told):
        from_json(tree)


def test_what_is_remembered() -> None:
    """Likes, what was taken, dislikes and refusals stay; what was looked for this time does not."""
    never = Constraint("none", (("genres", "Horror"),))
    state = State(
        constraints=(never, Constraint("any", (("genres", "War"),))), liked=("a",), disliked=("b",), wishes=("w",),
        chosen=("c", "a"), shown=("d",), leans=(Lean("dark", 1),), user="u", language="zh", past=(State(),),
    )  # fmt: skip
    assert remembered(state) == State(constraints=(never,), liked=("a", "c"), disliked=("b",), user="u", language="zh")
