from dataclasses import replace

import numpy as np
import pytest

from cuvee.errors import ConfigError, DataError
from cuvee.examples import Target, examples_of, last_by_user, latest, split_examples
from cuvee.registry import build
from cuvee.types import Dataset, Events, Examples
from tests.rated import rated


def test_targets_by_hand() -> None:
    stars = np.array([1, 2.5, 3, 4, 5], np.float32)
    assert Target().of(stars).tolist() == [0, 0, 0, 1, 1]
    assert Target(at_least=5).of(stars).tolist() == [0, 0, 0, 0, 1]
    classes = Target("classes", edges=(2.5, 4))
    assert classes.of(stars).tolist() == [0, 0, 1, 1, 2]
    assert (classes.classes, Target().classes, Target("rating").classes) == (3, 2, 0)
    assert Target("rating").of(stars).tolist() == stars.tolist()
    with pytest.raises(ConfigError, match=r"edges must be ascending.*\(3\.0, 2\.0\)"):
        Target("classes", edges=(3.0, 2.0))


def test_an_example_is_the_latest_judgement_of_a_pair() -> None:
    data = rated()
    column = np.array([0, 0, 1, 0], np.int32)
    events = Events(column, np.array([4, 4, 4, 5], np.int32), np.array([1, 7, 8, 9]), np.ones(4, np.float32),
                    np.zeros(4, np.int8), ("a",), np.array([1, 5, np.nan, 2], np.float32))  # fmt: skip
    found = examples_of(replace(data, events=events))
    assert (found.user.tolist(), found.item.tolist(), found.time.tolist(), found.label.tolist()) == (
        [0, 0], [4, 5], [7, 9], [5, 2],
    )  # fmt: skip
    unrated = examples_of(
        replace(data, events=replace(events, rating=None, weight=np.array([1, -1, 1, 0], np.float32)))
    )
    assert unrated.label.tolist() == [-1, 1, 0]


def test_a_users_last_examples_by_hand() -> None:
    """Ten of user 0, three of user 1, two of user 2, in one order of time."""
    user = np.array([0] * 5 + [1, 2, 1] + [0] * 5 + [1, 2], np.int32)
    examples = Examples(user, np.arange(15, dtype=np.int32), np.arange(15), np.ones(15, np.float32))
    valid, test = last_by_user(examples, 0.1, 0.2)
    assert np.flatnonzero(test).tolist() == [11, 12, 13]
    assert np.flatnonzero(valid).tolist() == [7, 10]


def test_everybodys_last_examples() -> None:
    examples = Examples(*(np.arange(20, dtype=np.int32),) * 2, np.arange(20) * 3, np.ones(20, np.float32))
    valid, test = latest(examples, 0.1, 0.2)
    assert (np.flatnonzero(valid).tolist(), np.flatnonzero(test).tolist()) == ([14, 15], [16, 17, 18, 19])
    with pytest.raises(DataError, match="cut by user"):
        latest(replace(examples, time=np.zeros(20, np.int64)), 0.1, 0.1)


@pytest.mark.parametrize("by", ["user", "time"])
def test_the_split_holds_out_what_was_not_liked_as_well(by: str) -> None:
    data = rated()
    split = build("splits", {"last_judged": {"valid": 0.1, "test": 0.15, "by": by}}).split(
        data, np.random.default_rng(0)
    )
    parts = split.examples
    assert sum(map(len, parts.values())) == len(data.events)
    pairs = {name: set(zip(p.user.tolist(), p.item.tolist(), strict=True)) for name, p in parts.items()}
    assert not pairs["train"] & (pairs["valid"] | pairs["test"])
    trained = set(zip(split.train.events.user.tolist(), split.train.events.item.tolist(), strict=True))
    assert trained == pairs["train"]
    for name, held in {"valid": split.valid, "test": split.tests["test"]}.items():
        liked = {
            (u, i) for u, i, r in zip(parts[name].user, parts[name].item, parts[name].label, strict=True) if r >= 4
        }
        rows, items = held.truth.nonzero()
        assert {(int(held.users[r]), int(i)) for r, i in zip(rows, items, strict=True)} == liked
        assert (parts[name].label < 4).any()
    if by == "time":
        assert parts["train"].time.max() < parts["valid"].time.min() <= parts["valid"].time.max()
        assert parts["valid"].time.max() < parts["test"].time.min() == split.tests["test"].queries.now
    for user in range(39):
        moments = [p.time[p.user == user] for p in parts.values()]
        for earlier, later in ((0, 1), (1, 2)):
            if len(moments[earlier]) and len(moments[later]):
                assert moments[earlier].max() <= moments[later].min()
    assert split.train.reviews is not None
    told = set(zip(split.train.reviews["user_id"], split.train.reviews["item_id"], strict=True))
    assert not told & {(data.users[u], data.items[i]) for u, i in pairs["valid"] | pairs["test"]}


def test_what_cannot_be_split() -> None:
    data = rated()
    none = np.zeros(len(data.events), bool)
    with pytest.raises(DataError, match="three judged"):
        split_examples(data, none, ~none)
    disliked: Dataset = replace(data, events=replace(data.events, weight=np.zeros(len(data.events), np.float32)))
    with pytest.raises(DataError, match="nothing in valid is liked"):
        build("splits", "last_judged").split(disliked, np.random.default_rng(0))
