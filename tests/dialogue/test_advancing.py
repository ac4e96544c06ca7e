"""What acts do to a state."""

from cuvee.dialogue.acts import Choose, Constrain, Explain, Feel, Prefer, Shift, Tell, Wish
from cuvee.dialogue.advancing import advance
from cuvee.dialogue.state import Constraint, Lean, Question, State

RED = Constraint("any", (("colour", "Red"),))
BLUE = Constraint("any", (("colour", "Blue"),))
NOT_RED = Constraint("none", (("colour", "Red"), ("colour", "Dark Red")))
COMEDY = Constraint("any", (("genres", "Comedy"),))
DRAMA = Constraint("any", (("genres", "Drama"),))


def constraints(*acts: Constrain) -> tuple[Constraint, ...]:
    state = State()
    for act in acts:
        state = advance(state, [act])
    return state.constraints


def test_a_new_value_of_a_single_column_takes_the_place_of_the_old() -> None:
    assert constraints(Constrain(RED), Constrain(BLUE)) == (BLUE,)


def test_values_of_a_column_with_several_gather() -> None:
    assert constraints(Constrain(COMEDY, False), Constrain(DRAMA, False)) == (COMEDY, DRAMA)


def test_the_newest_word_counts_where_two_contradict() -> None:
    assert constraints(Constrain(RED), Constrain(NOT_RED, False)) == (NOT_RED,)
    kept = Constraint("none", (("colour", "Dark Red"),))
    assert constraints(Constrain(NOT_RED, False), Constrain(RED)) == (kept, RED)


def test_bounds() -> None:
    low = Constraint(">=", column="price", bound=50.0)
    high, lower = (Constraint("<=", column="price", bound=b) for b in (90.0, 40.0))
    assert constraints(Constrain(low), Constrain(high)) == (low, high)
    assert constraints(Constrain(low), Constrain(lower)) == (lower,)  # from 50 and up to 40: the newer counts
    assert constraints(Constrain(high), Constrain(lower)) == (lower,)


def test_undo_is_exact() -> None:
    first = advance(State(shown=("a", "b"), question=Question("values", "colour", ("Red",))), [Constrain(RED)])
    second = advance(first, [Feel("a", -1), Wish("warm"), Prefer(Lean("dark", 1)), Shift("price", -1, 9.0)])
    assert second != first
    assert advance(second, [Tell("undo")]) == first
    assert advance(advance(advance(first, [Tell("restart")]), [Tell("undo")]), [Explain("a")]) == first
    assert advance(State(), [Tell("undo")]) == State()


def test_only_the_newest_steps_are_kept() -> None:
    state = State()
    for n in range(30):
        state = advance(state, [Wish(f"w{n}")])
    assert len(state.past) == 20
    assert all(not earlier.past for earlier in state.past)


def test_what_was_shown_and_not_spoken_of_has_passed() -> None:
    state = advance(State(shown=("a", "b", "c", "d")), [Feel("b", 1), Choose("c")])
    assert (state.passed, state.liked, state.chosen, state.shown) == (("a", "d"), ("b",), ("c",), ())


def test_answers() -> None:
    asked = State(question=Question("values", "colour", ("Red", "Blue")))
    assert advance(asked, [Tell("skip")]).asked == ("colour",)
    neither = Constraint("none", (("colour", "Red"), ("colour", "Blue")))
    assert advance(asked, [Tell("neither")]).constraints == (neither,)
    drop = State(constraints=(RED, COMEDY), question=Question("drop", constraint=RED, count=3))
    assert advance(drop, [Tell("yes")]).constraints == (COMEDY,)
    assert advance(drop, [Tell("no")]).constraints == (RED, COMEDY)


def test_an_item_is_liked_or_disliked() -> None:
    state = advance(advance(State(), [Feel("a", 1)]), [Feel("a", -1)])
    assert (state.liked, state.disliked) == ((), ("a",))
