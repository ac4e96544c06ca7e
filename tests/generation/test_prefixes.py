import torch

from cuvee.generation.prefixes import BLOCK, KeyValues, Prefixes, shared_blocks


def states(tokens: list[int], width: int = 4) -> KeyValues:
    """Keys that are the tokens, values their negatives."""
    keys = torch.tensor(tokens, dtype=torch.float32)[None, None, :, None].repeat(1, 1, 1, width)
    return ((keys, -keys),)


def test_whole_blocks_of_the_longest_beginning() -> None:
    prefixes = Prefixes(8)
    a, b = list(range(200)), [*range(100), *range(500, 600)]
    prefixes.keep(a, states(a))
    prefixes.keep(b, states(b))
    length, known = prefixes.find([*range(150), 7, 7])
    assert length == 2 * BLOCK
    assert known[0][0][0, 0, :, 0].tolist() == list(range(128))
    assert known[0][1][0, 0, :, 0].tolist() == [-t for t in range(128)]
    assert prefixes.find(list(range(130)))[0] == 128
    assert prefixes.find(list(range(128)))[0] == 64  # one token must be left to be computed
    assert prefixes.find([1, *range(1, 200)]) == (0, ())


def test_the_oldest_goes_first_and_a_longer_one_replaces() -> None:
    one = 64 * 4 * 4 * 2  # bytes of a block
    prefixes = Prefixes(1)
    prefixes._bound = 2 * one
    rows = {name: [name] * 65 for name in (1, 2, 3)}
    for row in (rows[1], rows[2]):
        prefixes.keep(row, states(row))
    assert prefixes.find(rows[1])[0] == 64  # now 2 is the oldest
    prefixes.keep(rows[3], states(rows[3]))
    assert [prefixes.find(rows[n])[0] for n in (1, 2, 3)] == [64, 0, 64]
    prefixes.keep([1] * 130, states([1] * 130))
    assert len(prefixes) == 1
    prefixes.keep([5] * 300, states([5] * 300))  # larger than all that may be kept
    assert len(prefixes) == 1
    assert not Prefixes(0).find(rows[1])[0]


def test_what_rows_share() -> None:
    assert shared_blocks([[1] * 200, [1] * 130]) == 128
    assert shared_blocks([[1] * 200, [1] * 70 + [2] * 100, [1] * 90]) == 64
    assert shared_blocks([[1] * 63, [1] * 63]) == 0
