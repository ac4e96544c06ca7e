"""Maximal marginal relevance by its definition, slate by slate."""

from dataclasses import replace

import numpy as np
import pytest

from cuvee.errors import ConfigError
from cuvee.stages.diversity import Diversity
from cuvee.types import PAD, Context, Dataset, Queries, Slate

SLATE = Slate(
    np.array([[5, 2, 9, 0, 14, 7, 4], [22, 21, 3, 8, 13, PAD, PAD], [6, *[PAD] * 6], [PAD] * 7], np.int32),
    np.array(
        [[9, 8.5, 8.4, 7, 5, 4.9, 1], [2, 2, 1.5, 1, -3, *[-np.inf] * 2], [1, *[-np.inf] * 6], [-np.inf] * 7],
        np.float32,
    ),
    np.array([[1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4], [1, 0.5, 1, 1, 1, 0, 0], [1, *[0] * 6], [0] * 7], np.float32),
)


def apply(stage: Diversity, data: Dataset, queries: Queries) -> Slate:
    return stage.prepare(data).apply(SLATE, queries.take(slice(0, 4)), Context(data, np.random.default_rng(0)))


def greedy(data: Dataset, items: list[int], scores: list[float], t: float, on: tuple[str, ...]) -> list[int]:
    """Item after item: (1 - t) relevance, scaled to 0..1, minus t times the closest mean cosine to those taken."""

    def cosine(a: int, b: int) -> float:
        found = []
        for name in on:
            x, y = (data.feature("item", name).vectors[row].astype(float) for row in (a, b))
            found.append(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)) if x.any() and y.any() else 0.0)
        return float(np.mean(found))

    relevance = {i: (s - min(scores)) / (max(scores) - min(scores)) for i, s in zip(items, scores, strict=True)}
    taken: list[int] = []
    while len(taken) < len(items):
        value = {
            i: (1 - t) * relevance[i] - t * max((cosine(i, j) for j in taken), default=0.0)
            for i in items
            if i not in taken
        }
        taken.append(max(value, key=lambda i: value[i]))
    return taken


@pytest.mark.parametrize("t", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("on", [("text",), ("image", "text")])
def test_brute_force(t: float, on: tuple[str, ...], world: Dataset, everybody: Queries) -> None:
    """Scores and propensities travel with their items; padding stays behind."""
    found = apply(Diversity(t, on), world, everybody)
    for q, n in enumerate((7, 5)):
        items, scores = SLATE.items[q, :n].tolist(), SLATE.scores[q, :n].tolist()
        assert found.items[q, :n].tolist() == greedy(world, items, scores, t, on)
    for before, after in ((SLATE.scores, found.scores), (SLATE.propensity, found.propensity)):
        for q in range(4):
            assert sorted(zip(SLATE.items[q], before[q], strict=True)) == sorted(
                zip(found.items[q], after[q], strict=True)
            )
    assert (found.items[1, 5:] == PAD).all()
    assert found.items[2:].tolist() == SLATE.items[2:].tolist()
    assert found.items[0].tolist() != SLATE.items[0].tolist()


def test_no_trade_leaves_the_order(world: Dataset, everybody: Queries) -> None:
    np.testing.assert_array_equal(apply(Diversity(0.0), world, everybody).items, SLATE.items)


def test_without_a_choice_all_modalities_count(world: Dataset, everybody: Queries) -> None:
    named = Diversity(0.5, ("text", "image", "noise"))
    np.testing.assert_array_equal(apply(Diversity(0.5), world, everybody).items, apply(named, world, everybody).items)


def test_what_cannot_be_compared(world: Dataset) -> None:
    with pytest.raises(ConfigError, match="add an encoder"):
        Diversity().prepare(replace(world, features={}))
    with pytest.raises(ConfigError, match="trade_off"):
        Diversity(1.1)
    with pytest.raises(LookupError, match="did you mean 'text'"):
        Diversity(on=("texts",)).prepare(world)


@pytest.mark.parametrize("places", [1, 3, 7])
def test_only_the_places_that_count_are_chosen(places: int, world: Dataset, everybody: Queries) -> None:
    """They are those of the whole slate; behind them stands everything else, once."""
    whole = apply(Diversity(0.5), world, everybody)
    context = Context(world, np.random.default_rng(0), places=places)
    found = Diversity(0.5).prepare(world).apply(SLATE, everybody.take(slice(0, 4)), context)
    np.testing.assert_array_equal(found.items[:, :places], whole.items[:, :places])
    np.testing.assert_array_equal(found.propensity[:, :places], whole.propensity[:, :places])
    np.testing.assert_array_equal(np.sort(found.items, axis=1), np.sort(SLATE.items, axis=1))
