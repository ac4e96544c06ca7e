"""Whole conversations: what holds whatever is said."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuvee.dialogue.acts import Explain, Tell
from cuvee.dialogue.conversation import Conversation, Turn
from cuvee.dialogue.state import Constraint, State, from_json, to_json
from tests.dialogue.catalogues import CATALOGUES
from tests.dialogue.conftest import talk_of
from tests.dialogue.test_utterances import utterances

SAID = {
    "films": [u["say"] for u in utterances("en") if u["at"] == "films"],
    "shop": [u["say"] for u in utterances("en") if u["at"] == "shop"],
    "films_zh": [u["say"] for u in utterances("zh") if u["at"] == "films_zh"],
    "shop_zh": [u["say"] for u in utterances("zh") if u["at"] == "shop_zh"],
}
WORDS = [
    *("not", "no", "but", "and", "or", "the", "first", "second", "like", "under", "20", "$", "1990s", ",", ".", "?"),
    *("不要", "要", "第", "二个", "个", "以下", "200", "元", "更", "一点", "和", "或", "comedy", "红色", "undo"),
]
messages = st.text(max_size=40) | st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join)


def fulfils(row: dict[str, object], constraint: Constraint) -> bool:
    """Look the values up in the table itself."""
    if constraint.pairs:
        hit = any(value in str(row[column]).split("|") for column, value in constraint.pairs)
        return hit if constraint.test == "any" else not hit
    value = float(str(row[constraint.column]).split()[0])
    return value <= constraint.bound if constraint.test == "<=" else value >= constraint.bound


def check(turn: Turn, name: str) -> None:
    table = {row["item_id"]: row for row in CATALOGUES[name].iter_rows(named=True)}
    assert turn.reply
    for item in turn.items:
        assert item.item_id in table  # nothing invented
        assert item.title == table[item.item_id]["title"]
        for constraint in turn.state.constraints:
            assert fulfils(table[item.item_id], constraint), (item, constraint)
        assert item.item_id not in (*turn.state.liked, *turn.state.disliked, *turn.state.chosen)
    assert from_json(json.loads(json.dumps(turn.tree()["state"]))) == turn.state


@pytest.mark.parametrize("name", sorted(SAID))
@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_whatever_is_said(name: str, data: st.DataObject) -> None:
    """Nothing crashes, no constraint is broken, nothing is invented, a state answers alike twice, undo is exact."""
    talk, state = talk_of(name), State()
    for message in data.draw(st.lists(st.sampled_from(SAID[name]) | messages, min_size=1, max_size=5)):
        turn = talk.turn(state, message)
        check(turn, name)
        if turn.acts and not any(isinstance(act, Explain) for act in turn.acts):
            again = talk.answer(turn.state)
            assert (again.items, again.question, again.state) == (turn.items, turn.question, turn.state)
        told = {act.command for act in turn.acts if isinstance(act, Tell)}
        explained = bool(turn.acts) and all(isinstance(act, Explain) for act in turn.acts)
        if turn.acts and "undo" not in told and not explained:
            assert replace(talk.turn(turn.state, "undo").state, language=state.language) == with_answer(talk, state)
        state = turn.state


def with_answer(talk: Conversation, state: State) -> State:
    """Return a state as an answer leaves it: the very first was never answered."""
    return state if state.shown or state.question else talk.answer(state).state


def test_replay() -> None:
    """The same messages come to the same turns, from a state that went through JSON too."""
    said = ["a comedy", "from the 90s", "not the first one", "more like the second one"]
    first = second = State()
    for message in said:
        one, two = talk_of("films").turn(first, message), talk_of("films").turn(second, message)
        assert one == two
        first, second = one.state, from_json(to_json(two.state))


def test_nothing_fits_says_what_to_drop() -> None:
    """Of western, comedy and 1990s the western is in the way of two films, the others of one and of none."""
    talk = talk_of("films")
    state = talk.turn(State(), "a comedy from the 90s").state
    turn = talk.turn(state, "a western")
    assert turn.items == ()
    assert turn.question is not None
    assert turn.question.constraint == Constraint("any", (("genres", "Western"),))
    assert turn.question.count == 2
    assert "“Western”" in turn.reply
    assert "2 would fit" in turn.reply
    after = talk.turn(turn.state, "yes")
    assert {item.item_id for item in after.items} == {"f05", "f11"}
    assert talk.turn(turn.state, "撤销").state.constraints == state.constraints


def test_explains() -> None:
    talk = talk_of("shop")
    state = talk.turn(State(), "wool under 100").state
    turn = talk.turn(state, "why the second one?")
    assert turn.state == state
    assert turn.items[1].item_id == "s12"
    assert turn.reply.startswith(turn.items[1].title + ": price 29, Wool, as asked")
    assert talk.turn(state, "为什么是第二个").reply.startswith(turn.items[1].title + "：符合：价格 29、Wool")


def test_what_was_shown_comes_last() -> None:
    talk = talk_of("shop")
    first = talk.turn(State(), "something from Velo")
    more = talk.turn(first.state, "show me more")
    assert not {i.item_id for i in first.items} & {i.item_id for i in more.items[:1]}
    assert {i.item_id for i in first.items} | {i.item_id for i in more.items} == {"s03", "s06", "s09", "s11"}


def test_a_known_person_gets_nothing_they_have() -> None:
    """u3 touched some films; the recipe's filter hides them here as everywhere."""
    talk = talk_of("films")
    data = talk.retriever.bundle.data
    own = {data.items[i] for i in data.matrix[[data.user_rows["u3"]]].indices}
    assert own
    found = talk.retriever.rank(State(user="u3"))
    assert not own & {data.items[row] for row in found.rows}
    assert len(found.rows) == len(data.items) - len(own)
    assert len(talk.retriever.rank(State(user="nobody we know")).rows) == len(data.items)
