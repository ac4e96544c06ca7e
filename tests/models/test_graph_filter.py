"""The graph filter by its definition in dense matrices, and what content does for items without events."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from cuvee.errors import ConfigError
from cuvee.models.graph_filter import GraphFilter, GraphFilterModel
from cuvee.types import Dataset, Queries

ON = {"text": 0.5, "image": 0.25}


def fitted(estimator: GraphFilter, data: Dataset) -> GraphFilterModel:
    return estimator.fit(data, None, np.random.default_rng(0))


def behaviour(data: Dataset, a: float, b: float, s: float) -> NDArray[np.float64]:
    """Return (i, i) the graph of interactions by loops over pairs of items, its largest eigenvalue 1."""
    liked = data.liked.toarray().astype(np.float64)
    graph = np.zeros((liked.shape[1], liked.shape[1]))
    for i in range(len(graph)):
        for j in range(len(graph)):
            both = sum(row[i] * row[j] / row.sum() ** (2 * a) for row in liked if row[i] and row[j])
            if both:
                graph[i, j] = (both / (liked[:, i].sum() * liked[:, j].sum()) ** b) ** s
    return np.asarray(graph / np.linalg.eigvalsh(graph)[-1])


def content(data: Dataset, modality: str, k: int) -> NDArray[np.float64]:
    """Return (i, i): column j is the k nearest liked items of item j by cosine, over the roots of both their sums."""
    vectors = data.feature("item", modality).vectors.astype(np.float64)
    norms = np.linalg.norm(vectors, axis=1)
    liked = data.liked.toarray().sum(axis=0) > 0
    near = np.zeros((len(vectors), len(vectors)))
    for j in np.flatnonzero(norms):
        cosine = {
            i: vectors[i] @ vectors[j] / norms[i] / norms[j] for i in np.flatnonzero(liked & (norms > 0)) if i != j
        }
        for i in sorted(cosine, key=lambda i: -cosine[i])[:k]:
            near[i, j] = max(cosine[i], 0)
    sums = near.sum(axis=0)
    for j in np.flatnonzero(~liked):
        near[j] = near[:, j]  # nobody's neighbour, but it knows its own
    return near / np.sqrt(np.outer(sums, sums), where=np.outer(sums, sums) > 0, out=np.ones_like(near))


def test_the_equation(world: Dataset, everybody: Queries) -> None:
    """r (c1 A + c2 A^2) with A = (P + sum w S) / (1 + sum w), all dense and in float64."""
    model = fitted(GraphFilter(ON, 0.3, 0.6, 0.7, (2.0, -1.0), content_neighbours=3), world)
    parts = [0.5 * content(world, "text", 3), 0.25 * content(world, "image", 3)]
    graph = (behaviour(world, 0.3, 0.6, 0.7) + sum(parts)) / 1.75
    np.testing.assert_allclose(model.graph.toarray(), graph, atol=2e-6)
    expected = np.maximum(world.matrix.toarray(), 0) @ (2 * graph - graph @ graph)
    np.testing.assert_allclose(model.score(everybody), expected, atol=2e-5)


def test_only_the_strongest_edges_of_an_item_stay(world: Dataset) -> None:
    """Column j predicts item j: it keeps its own three, whether or not it is among theirs."""
    whole = behaviour(world, 0.4, 0.5, 1)
    kept = fitted(GraphFilter(user_power=0.4, item_power=0.5, neighbours=3), world).graph.toarray()
    scale = kept.max() / whole.max()  # the largest eigenvalue changes with what is left out
    for j in range(23):
        strongest = np.sort(whole[:, j])[::-1][:3]
        np.testing.assert_allclose(np.sort(kept[:, j])[::-1][:3], scale * strongest, atol=1e-5)
        assert np.count_nonzero(kept[:, j]) == np.count_nonzero(strongest)


def test_a_trace_is_each_past_item_alone(world: Dataset, everybody: Queries) -> None:
    model = fitted(GraphFilter(ON, polynomial=(1.0, 0.5), content_neighbours=3), world)
    shown = np.array([[21, 0, 5]] * len(everybody), np.int32)
    scores = model.score(everybody)
    for q, trace in enumerate(model.trace(everybody, shown)):
        np.testing.assert_allclose(np.asarray(trace.sum(axis=1)).ravel(), scores[q, shown[q]], atol=1e-5)
        assert set(trace.nonzero()[1]) <= set(everybody.liked[q].indices)
    first = model.trace(everybody.take(np.array([3])), shown[:1])[0].toarray()
    item = int(everybody.liked[3].indices[0])
    value = float(everybody.liked[3].data[0])
    whole = model.graph.toarray() + 0.5 * model.graph.toarray() @ model.graph.toarray()
    np.testing.assert_allclose(first[:, item], value * whole[item, [21, 0, 5]], atol=1e-5)


def test_a_new_item_changes_nothing_for_others(world: Dataset, everybody: Queries) -> None:
    """Item 22 has content and no events: without its content all others score the same, one edge away."""
    text = world.feature("item", "text")
    without = replace(text, vectors=text.vectors * (np.arange(23) != 22)[:, None].astype(np.float32))
    poorer = replace(world, features={**world.features, ("item", "text"): without})
    estimator = GraphFilter({"text": 1.0}, content_neighbours=3)
    rich, poor = (fitted(estimator, data).score(everybody) for data in (world, poorer))
    np.testing.assert_allclose(np.delete(rich, 22, axis=1), np.delete(poor, 22, axis=1), atol=1e-6)
    assert not poor[:, 22].any()
    assert (rich[:, 22] > 0).sum() > 10


def test_an_item_without_events_goes_to_those_who_like_its_kind(world: Dataset, everybody: Queries) -> None:
    """The cold items 21 and 22 are of the first and the third group: users of each are drawn to their own."""
    scores = fitted(GraphFilter({"text": 1.0}, content_neighbours=3), world).score(everybody)[:35]
    gap = scores[:, 22] - scores[:, 21]
    group = np.array([0, 0, 1, 0, 2, 1] * 6)[:35]
    assert gap[group == 2].min() > gap[group == 0].max()


def test_long_histories_are_cut_at_random(world: Dataset) -> None:
    """With one item a user no two are liked together."""
    graph = fitted(GraphFilter(history=1), world).graph.toarray()
    assert np.count_nonzero(graph - np.diag(np.diag(graph))) == 0
    assert np.count_nonzero(np.diag(graph)) > 3


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"neighbours": 0}, "neighbours"),
        ({"entry_power": 0.0}, "entry_power"),
        ({"polynomial": (0.0,)}, "polynomial"),
        ({"on": {"text": -1.0}}, "0 or more"),
    ],
)
def test_impossible_parameters_are_named(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        GraphFilter(**wrong)  # type: ignore[arg-type]
