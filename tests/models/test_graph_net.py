"""Propagation and prediction in dense matrices, the loss by hand, what is sampled, and items without events."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import sparse

from cuvee.errors import ConfigError
from cuvee.models.graph_net import GraphNet, GraphNetModel, _both, _content, _loss, _Net, _tensor, pruned, triples
from cuvee.neighbour_graphs import content_graph
from cuvee.queries import one_each, queries_of
from cuvee.testing import first_items, toy
from cuvee.train import Training
from cuvee.types import Dataset

SHORT = Training(epochs=3, lr=1e-2, patience=None)
ON = {"text": 1.0, "image": 0.5}


def fitted(data: Dataset, **changes: Any) -> GraphNetModel:
    parameters = replace(GraphNet(ON, dim=8, batch_size=64, training=SHORT), **changes)
    return parameters.fit(data, None, np.random.default_rng(0))


def dense(data: Dataset) -> NDArray[np.float64]:
    """Return R~ by loops over the pairs."""
    likes = data.liked.toarray() > 0
    graph = np.zeros(likes.shape)
    for u, i in zip(*likes.nonzero(), strict=True):
        graph[u, i] = 1 / np.sqrt(likes[u].sum() * likes[:, i].sum())
    return graph


def test_propagation_in_dense_matrices() -> None:
    """Three layers as powers of the whole bipartite matrix, two of content; a source that nobody likes says nothing."""
    data = toy()
    parameters = GraphNet(ON, neighbours=3, layers=3, item_layers=2, dim=5)
    known = data.popularity > 0
    liked = data.liked.copy()
    liked.data[:] = 1
    net = _Net(parameters, len(data.users), known)
    users, items = (p.detach().numpy().astype(np.float64) for p in (net.users, net.items))
    cross = dense(data)
    n = len(users)
    square = np.zeros((n + len(items), n + len(items)))
    square[:n, n:], square[n:, :n] = cross, cross.T
    layer = np.concatenate([users, items])
    mean = sum(np.linalg.matrix_power(square, power) @ layer for power in range(4)) / 4
    told = sum(w * content_graph(data, m, 3).toarray().T for m, w in ON.items()) * known
    content = _content(parameters, data, known)
    found = net(*_both(liked), _tensor(content))
    assert not known.all(), "the toy has an item without events"
    np.testing.assert_allclose(found[0].detach().numpy(), mean[:n], atol=1e-6)
    np.testing.assert_allclose(found[1].detach().numpy(), mean[n:] + told @ told @ items, atol=1e-6)


def test_a_training_user_is_one_more_layer_over_the_items() -> None:
    data = toy()
    model = fitted(data)
    scores = model.score(queries_of(data, np.arange(len(data.users), dtype=np.int32)))
    np.testing.assert_allclose(scores, dense(data) @ model.vectors @ model.vectors.T, atol=1e-6)


def test_somebody_new_by_hand() -> None:
    """Two liked items of 4 and 1 likes: (1/2 (1, 0) + (0, 2)) / sqrt(2), before the product with each item."""
    vectors, history = np.array([[1, 0], [0, 2], [1, 1]], np.float32), fitted(toy()).history
    model = GraphNetModel(GraphNet(), vectors, np.array([4, 1, 9], np.float32), np.zeros_like(vectors), history)
    scores = model.score(one_each(3, np.array([[0, 1]], np.int32)))
    np.testing.assert_allclose(scores, [[0.5 / np.sqrt(2), 4 / np.sqrt(2), 2.5 / np.sqrt(2)]], rtol=1e-6)


def test_loss_by_hand() -> None:
    """One user (1, 1); items at 2, 1 and 4: -ln sigmoid(2 - 1) and -ln sigmoid(1 - 4), their mean."""

    class Fixed(torch.nn.Module):
        def forward(self, *_: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return torch.tensor([[1.0, 1.0]]), torch.tensor([[2.0, 0.0], [0.0, 1.0], [2.0, 2.0]])

    nothing = torch.zeros(0)
    found = float(_loss(Fixed(), (nothing, nothing, nothing, torch.tensor([[0, 0, 1], [0, 1, 2]]))))
    expected = -np.log(1 / (1 + np.exp(-1))) - np.log(1 / (1 + np.exp(3)))
    assert found == pytest.approx(expected / 2, rel=1e-6)


def test_every_pair_meets_an_item_its_user_does_not_like() -> None:
    """Each pair once; over many epochs every other known item comes, no other does; who likes all has no triple."""
    likes = sparse.csr_matrix(np.array([[1, 1, 0, 0, 0], [1, 1, 1, 1, 0], [0, 0, 1, 0, 0]], np.float32))
    known, rng = np.arange(4), np.random.default_rng(0)
    drawn = [triples(likes, known, rng) for _ in range(40)]
    assert all(sorted(map(tuple, rows[:, :2])) == [(0, 0), (0, 1), (2, 2)] for rows in drawn)
    met = {(u, other) for rows in drawn for u, _, other in rows}
    assert met == {(0, 2), (0, 3), (2, 0), (2, 1), (2, 3)}


def test_pruning_drops_the_pairs_of_the_popular_first() -> None:
    """Weights 1/sqrt(d_u d_i): 1/2 for each of a long history's four, 1 for a pair that stands alone."""
    likes = np.zeros((2, 5), np.float32)
    likes[0, :4] = likes[1, 4] = 1
    rng = np.random.default_rng(0)
    kept = [pruned(sparse.csr_matrix(likes), 0.8, rng).toarray() for _ in range(3000)]
    assert all(graph.sum() == 1 and (graph <= likes).all() for graph in kept)
    assert np.mean([graph[1, 4] for graph in kept]) == pytest.approx(1 / 3, abs=0.03)


def test_content_speaks_for_an_item_without_events_which_may_come_later() -> None:
    data = toy(users=60)
    shorter = first_items(data, len(data.items) - 1)
    whole, part = (fitted(d, item_layers=2, edge_drop=0.2) for d in (data, shorter))
    grown = part.extend(data)
    assert data.popularity[-1] == 0
    assert grown.vectors[-1].any(), "content gives the new item a vector"
    for name in ("vectors", "degrees", "sources"):
        np.testing.assert_allclose(getattr(grown, name), getattr(whole, name), atol=1e-6)
    assert not fitted(data, on={}).vectors[-1].any(), "without content it has none"


def test_it_learns() -> None:
    losses = fitted(toy(users=120), training=replace(SHORT, epochs=20)).curves["loss"]
    assert losses[-1] < 0.8 * losses[0]


def test_wrong_parameters_are_named() -> None:
    with pytest.raises(ConfigError, match=r"layers.*>= 1"):
        GraphNet(layers=0)
    with pytest.raises(ConfigError, match="edge_drop < 1"):
        GraphNet(edge_drop=1.0)
    with pytest.raises(ConfigError, match="weights `on`"):
        GraphNet({"text": -1.0})
