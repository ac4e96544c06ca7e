"""Groups by the length of the history."""

from cuvee.slices.history_length import HistoryLength
from tests.cases import holdout, train


def test_buckets_and_their_borders() -> None:
    """Lengths 0, 1, 2, 4, 5, 9, 10, 12; nobody is lost."""
    lengths = [10, 0, 4, 1, 5, 2, 9, 12]
    asked = holdout([list(range(n)) for n in lengths], [[12]] * 8, 13)
    groups = HistoryLength().cut(asked, train([[0]] * 8, 13))
    found = {name: part.users.tolist() for name, part in groups.items()}
    assert found == {"0": [1], "1": [3], "2-4": [2, 5], "5-9": [4, 6], "10+": [0, 7]}
    assert list(found) == ["0", "1", "2-4", "5-9", "10+"]


def test_empty_groups_are_left_out_and_starts_can_be_set() -> None:
    """Shorter than the first start is a group of its own."""
    asked = holdout([[0, 1, 2], [0]], [[3], [3]], 4)
    groups = HistoryLength(starts=(3,)).cut(asked, train([[0]] * 2, 4))
    assert {name: part.users.tolist() for name, part in groups.items()} == {"0-2": [1], "3+": [0]}
