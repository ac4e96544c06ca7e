"""Against the whole text decoded at once, cut at the first stop string."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuvee.generation.streams import TextStream

ALPHABET = "ab红é😀 "


def decode(tokens: object) -> str:
    """A token is one byte."""
    return bytes(tokens).decode("utf-8", errors="replace")  # type: ignore[call-overload,no-any-return]


def stream(text: str, stop: tuple[str, ...], cut: int = 0) -> list[str]:
    made = TextStream(decode, stop)
    tokens = text.encode()
    return [made.push(t) for t in tokens[: len(tokens) - cut]] + [made.end()]


@given(st.text(ALPHABET, max_size=12), st.lists(st.text(ALPHABET, min_size=1, max_size=4), max_size=3))
def test_all_of_it_up_to_the_first_stop(text: str, stop: list[str]) -> None:
    pieces = stream(text, tuple(stop))
    ends = [text.find(s) for s in stop if s in text]
    # a stop string counts when it is complete: of two, that which ends first
    first = min((text.find(s) + len(s), -len(s)) for s in stop if s in text) if ends else None
    assert "".join(pieces) == (text[: first[0] + first[1]] if first else text)


@given(st.text(ALPHABET, max_size=12), st.lists(st.text(ALPHABET, min_size=1, max_size=4), max_size=3))
def test_no_piece_has_part_of_a_character(text: str, stop: list[str]) -> None:
    assert not any("\N{REPLACEMENT CHARACTER}" in piece for piece in stream(text, tuple(stop)))


def test_a_character_that_never_became_complete_is_left_out() -> None:
    assert "".join(stream("a红", (), cut=1)) == "a"


def test_text_comes_as_soon_as_nothing_can_change_it() -> None:
    """ "x" can begin no stop string, "s" can; "sto" might go on to "stop", "stone" cannot."""
    made = TextStream(decode, ("stop",))
    assert [made.push(ord(c)) for c in "xstone"] == ["x", "", "", "", "ston", "e"]
    assert [made.push(ord(c)) for c in "stop!"] == ["", "", "", "", ""]
    assert made.stopped


def test_an_empty_stop_string() -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        TextStream(decode, ("",))
