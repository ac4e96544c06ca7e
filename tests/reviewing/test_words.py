"""Reviews cut by hand."""

import pytest

from cuvee.reviewing.words import chinese, clauses, fold, sentences, tokens


def test_sentences_stand_in_the_text() -> None:
    text = 'Great tone!  Version 2.0 is out... I paid $5.99.It holds.\nWow (really). "So loud." !!'
    found = sentences(text)
    assert found == [
        "Great tone!",
        "Version 2.0 is out...",
        "I paid $5.99.It holds.",
        "Wow (really).",
        '"So loud.',
    ]
    assert all(sentence in text for sentence in found)
    assert sentences("I use it.The tone is fine.") == ["I use it.", "The tone is fine."]
    assert sentences("做工精美。很耐用！不会再买") == ["做工精美。", "很耐用！", "不会再买"]
    assert sentences(" ... ") == []


def test_clauses_part_praise_from_blame() -> None:
    told = "Great tone, but the case is flimsy (and heavy) however it holds."
    assert clauses(told) == ["Great tone", "the case is flimsy", "and heavy", "it holds"]
    assert clauses("目前没坏，就是收尾简单。") == ["目前没坏", "收尾简单"]
    assert clauses("a butter knife") == ["a butter knife"]


def test_words() -> None:
    assert tokens("Don’t use E-strings 2.0, 手感!") == ["don't", "use", "e-strings", "2.0", "手", "感"]
    assert [fold(w.split()) for w in ("guitar strings", "batteries", "glass", "bus", "gas", "player's")] == [
        ("guitar", "string"),
        ("battery",),
        ("glass",),
        ("bus",),
        ("gas",),
        ("player",),
    ]


@pytest.mark.parametrize(("text", "han"), [("手感 X100", True), ("a 手 in a sea of letters", False), ("12", False)])
def test_chinese_by_script(text: str, *, han: bool) -> None:
    assert chinese(text) is han
