"""Made-up texts in several languages."""

import pytest

from cuvee.inspection.language import language, language_shares


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A lamp for the desk", "en"),
        ("Don't let the rain into your tent", "en"),
        ("红色的茶杯", "zh"),
        ("USB 充电灯", "zh"),
        ("赤いカップとお茶", "other"),
        ("빨간 컵", "other"),
        ("красная чашка", "other"),
        ("Eine rote Tasse mit weissem Rand", "other"),
        ("Une tasse rouge avec bord doré très joli", "other"),
        ("Strap top", "short"),
        ("1984 :: 7", "short"),
        ("", "short"),
    ],
)
def test_by_script_and_common_words(text: str, expected: str) -> None:
    assert language(text) == expected


def test_shares_by_hand() -> None:
    found = language_shares(["红色的茶杯", "A lamp for the desk", "绿色的茶杯"])
    assert list(found.items()) == [("zh", 2 / 3), ("en", 1 / 3)]
    assert language_shares([]) == {}
