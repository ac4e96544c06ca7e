"""The oracle of no leakage: change what an example must not know, and nothing that it is told may move."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from cuvee.errors import ConfigError, UnknownNameError
from cuvee.examples import examples_of
from cuvee.models.ease import Ease
from cuvee.models.item_knn import ItemKnn
from cuvee.queries import queries_at, queries_of
from cuvee.ranking.evidence import Evidence, Told
from cuvee.ranking.judgements import PRIOR, judgements
from cuvee.types import PAD, Dataset, Examples
from tests.rated import ITEMS, USERS, rated


def evidence(known: Any) -> Evidence:
    return Evidence(known, folds=3, scores=(Ease(20.0), ItemKnn(5)), history=6, taste=("image",), items=("year",),
                    users=("age",))  # fmt: skip


def told(data: Dataset, known: Any, examples: Examples | None = None) -> Told:
    examples = examples_of(data) if examples is None else examples
    return evidence(known).fit(data, examples, np.random.default_rng(3))[1]


def rerated(data: Dataset, rows: "np.ndarray[Any, Any]") -> Dataset:
    """Return the data with other ratings and likings at these events."""
    assert data.events.rating is not None
    rating, weight = data.events.rating.copy(), data.events.weight.copy()
    rating[rows], weight[rows] = 6 - rating[rows], 1 - weight[rows]
    return replace(data, events=replace(data.events, rating=rating, weight=weight))


def same(a: Told, b: Told, row: int) -> bool:
    equal = [np.array_equal(getattr(a, f)[row], getattr(b, f)[row]) for f in ("statistics", "history", "surprise")]
    return all(equal)


@pytest.mark.parametrize("known", ["others", "past"])
def test_no_example_is_told_of_itself_or_of_its_users_future(known: str) -> None:
    """The target and whatever its user does at that moment or later; ties in time count as later."""
    data = rated()
    before, examples = told(data, known), examples_of(data)
    moved = 0
    for row in range(0, len(examples), 17):
        user, time = examples.user[row], examples.time[row]
        future = np.flatnonzero((data.events.user == user) & (data.events.time >= time))
        after = told(rerated(data, future), known)
        assert same(before, after, row), f"example {row} knows its own future"
        moved += not all(same(before, after, other) for other in range(len(examples)))
    assert moved > 10, "others must be told something by these judgements"


def test_the_past_knows_nothing_of_anybodys_future() -> None:
    data = rated()
    before, examples = told(data, "past"), examples_of(data)
    for row in range(5, len(examples), 23):
        after = told(rerated(data, np.flatnonzero(data.events.time >= examples.time[row])), "past")
        assert same(before, after, row)
        earlier = told(rerated(data, np.flatnonzero(data.events.time < examples.time[row])), "past")
        assert not same(before, earlier, row)


def test_others_are_told_apart_by_folds_of_users() -> None:
    """Nothing that a user of its own fold judged says anything to an example of another user there."""
    data, folds = rated(), 3
    examples = examples_of(data)
    rng = np.random.default_rng(3)
    fold = np.random.default_rng(int(rng.integers(2**62))).permutation(USERS) % folds
    before = told(data, "others")
    user = int(examples.user[0])
    after = told(rerated(data, np.flatnonzero(data.events.user == user)), "others")
    for row in range(len(examples)):
        other = int(examples.user[row])
        if other != user:
            assert same(before, after, row) == (fold[other] == fold[user]), row


def test_held_out_examples_know_training_only() -> None:
    """Whatever they say of themselves: the label never enters."""
    data = rated()
    examples = examples_of(data)
    late = np.arange(len(examples)) >= len(examples) - 40
    train = replace(data, events=data.events.take(~late))
    fitted, _ = evidence("others").fit(train, examples.take(~late), np.random.default_rng(0))
    held = examples.take(late)
    found = fitted.at(train, held)
    other = fitted.at(train, replace(held, label=6 - held.label))
    np.testing.assert_array_equal(found.statistics, other.statistics)
    names = list(fitted.names)
    assert found.statistics.shape == (40, 1, len(names))
    item = held.item[7]
    theirs = train.events.rating[train.events.item == item]  # type: ignore[index]
    centre = (float(np.sum(train.events.rating)) + PRIOR * 3) / (len(train.events) + PRIOR)  # type: ignore[arg-type]
    expected = (theirs.sum() + PRIOR * centre) / (len(theirs) + PRIOR)
    assert found.statistics[7, 0, names.index("item_mean")] == pytest.approx(expected, abs=1e-5)
    assert found.statistics[7, 0, names.index("item_count")] == pytest.approx(np.log1p(len(theirs)), abs=1e-5)
    score = fitted.models[0].score(queries_at(train, held.user, held.time))
    assert found.statistics[7, 0, names.index("score_0")] == pytest.approx(score[7, item], abs=1e-5)


def test_surprises_by_hand() -> None:
    """What a user gave, less what the others in training gave to the item on average."""
    data = rated()
    fitted, _ = evidence("others").fit(data, examples_of(data), np.random.default_rng(0))
    users = np.array([4], np.int32)
    found = fitted.of(queries_of(data, users), np.array([[0, 1]], np.int32))
    theirs = np.flatnonzero(data.events.user == 4)[-6:]
    assert found.history[0].tolist() == data.events.item[theirs].tolist()
    assert data.events.rating is not None
    centre = (float(data.events.rating.sum()) + PRIOR * 3) / (len(data.events) + PRIOR)
    for place, event in enumerate(theirs):
        given = data.events.rating[data.events.item == data.events.item[event]]
        mean = (given.sum() + PRIOR * centre) / (len(given) + PRIOR)
        assert found.surprise[0, place] == pytest.approx(data.events.rating[event] - mean, abs=1e-4)
    image = data.feature("item", "image").vectors
    liking = found.surprise[0] @ image[found.history[0]] / np.sqrt(7)
    place = list(fitted.names).index("taste_image")
    np.testing.assert_allclose(found.statistics[0, :, place], image[:2] @ liking, atol=1e-4)


def test_somebody_and_something_unknown_are_values() -> None:
    data = rated()
    fitted, _ = evidence("past").fit(data, examples_of(data), np.random.default_rng(0))
    found = fitted.of(queries_of(data, np.array([USERS - 1], np.int32)), np.array([[ITEMS - 1, 2]], np.int32))
    assert np.isfinite(found.statistics).all()
    assert (found.history == PAD).all()
    names = list(fitted.names)
    assert found.statistics[0, 0, names.index("item_count")] == 0
    assert found.statistics[0, 1, names.index("user_count")] == 0


def test_judgements_before_a_moment_by_brute_force() -> None:
    data = rated()
    examples = examples_of(data)
    known = judgements(data, examples)
    rng = np.random.default_rng(0)
    items, times = rng.integers(0, ITEMS, 50).astype(np.int32), rng.choice(examples.time, 50) + rng.integers(-1, 2, 50)
    found = known.of_items(items, times)
    for row, (item, time) in enumerate(zip(items, times, strict=True)):
        there = (examples.item == item) & (examples.time < time)
        value = examples.label[there].astype(np.float64)
        np.testing.assert_allclose(found[row, :3], [there.sum(), value.sum(), (value**2).sum()], atol=1e-6)
        np.testing.assert_allclose(found[row, 3], known.surprise[there].sum(), atol=1e-5)
    np.testing.assert_allclose(known.of_items(items), known.of_items(items, np.full(50, 10**9)), atol=1e-9)


def test_what_cannot_be_evidence() -> None:
    with pytest.raises(ConfigError, match="folds >= 2"):
        Evidence(folds=1)
    data = rated()
    with pytest.raises(UnknownNameError, match=r"column of the item table: 'yaer'; did you mean 'year'"):
        Evidence(items=("yaer",)).fit(data, examples_of(data), np.random.default_rng(0))
