"""Near duplicates against brute force over all pairs."""

import numpy as np

from cuvee.reviewing.duplicates import jaccard, near_duplicates, shingles
from cuvee.reviewing.words import tokens

LONG = "the tone of this little pedal is warm and full and it fits on every board i own today"


def test_like_brute_force() -> None:
    """Random texts of a small vocabulary with changed copies: groups are those of the pairs at .8 and above."""
    rng = np.random.default_rng(0)
    words = [f"w{n}" for n in range(300)]
    texts = [" ".join(rng.choice(words, rng.integers(8, 80))) for _ in range(60)]
    for row in range(60):
        told = texts[row].split()
        for place in rng.integers(0, len(told), rng.integers(0, 4)):
            told[place] = "changed"
        texts.append(" ".join(told))
    sets = [set(zip(*(tokens(t)[n:] for n in range(3)), strict=False)) for t in texts]
    alike = np.array([[len(a & b) >= 0.8 * len(a | b) for b in sets] for a in sets])
    for _ in range(7):
        alike = alike @ alike
    expected = alike.argmax(axis=1)
    assert 20 < (expected != np.arange(120)).sum() < 60
    np.testing.assert_array_equal(near_duplicates(texts), expected)


def test_case_and_marks_do_not_count_but_brevity_does() -> None:
    assert near_duplicates(["Works great", LONG, "works great!", LONG.upper() + "!!", LONG + " again"]).tolist() == [
        0,
        1,
        2,
        1,
        1,
    ]
    assert near_duplicates([]).tolist() == []


def test_jaccard_by_hand() -> None:
    """Runs abc, bcd, cde and abc, bcd, cdx: 2 of 4."""
    assert jaccard(shingles([*"abcde"]), shingles([*"abcdx"])) == 0.5
    assert len(shingles(["a"])) == 1
