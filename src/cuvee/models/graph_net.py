"""LightGCN, and a frozen item-item graph of content on it.

With R~ = D_u^-1/2 R D_i^-1/2 the layers are U_l+1 = R~ I_l and I_l+1 = R~' U_l, from embeddings U_0 and I_0; a user is
the mean of U_0 ... U_L, an item the mean of I_0 ... I_L plus A^n I_0, A the weighted sum of the graphs of nearest
neighbours in content. The loss is BPR, each liked pair against one item that the user does not like; the embeddings
shrink by `training.weight_decay`. A query has no U_0: its user is one more layer, R~ over the items of its history.
References: X. He et al., "LightGCN", SIGIR 2020, equations 3 to 8 and 15; X. Zhou, Z. Shen, "A tale of two graphs:
freezing and denoising graph structures for multimodal recommendation", MM 2023 (FREEDOM: A and the pruning of edges;
its second loss, on projected features, is left out); S. Rendle et al., "BPR", UAI 2009.
"""

import hashlib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.nn import functional

from cuvee.errors import ConfigError
from cuvee.filters.unseen import allowed
from cuvee.metrics.ndcg import Ndcg
from cuvee.neighbour_graphs import content_graph
from cuvee.rank import recommend
from cuvee.train import History, Training, train
from cuvee.types import Bools, Dataset, Floats, Holdout, Longs, Queries

__all__ = ["GraphNet", "GraphNetModel"]

Matrix = sparse.csr_matrix[np.float32]

_K, _SPREAD, _ROUNDS = 20, 0.1, 20
"""Depth of the NDCG that chooses the epoch; deviation of the first embeddings; draws for a triple."""


@dataclass(frozen=True)
class GraphNet:
    """Learns embeddings that spread over who likes what, and over which items are alike in content.

    Cost: (events x layers + i x neighbours x item_layers) x dim a step, events / batch_size steps an epoch; the graphs
    of content O(i^2 d) time in blocks. An item without events is what its neighbours in content say.
    """

    on: Mapping[str, float] = field(default_factory=dict)
    """Item modality -> weight of its frozen graph; empty: LightGCN."""
    neighbours: int = 10
    """Edges an item has in the graph of each modality."""
    layers: int = 2
    """L: steps over the graph of users and items."""
    item_layers: int = 1
    """n: steps over the graph of content."""
    dim: int = 64
    """Width of the embeddings."""
    batch_size: int = 2048
    """Liked pairs a step."""
    edge_drop: float = 0.0
    """Share of the pairs that the graph of an epoch is without, those of popular items and long histories first."""
    training: Training = field(default_factory=lambda: Training(epochs=150, lr=5e-3, weight_decay=0.1, patience=40))
    """The loop over the liked pairs; patience is on validation NDCG@20. Its weight_decay shrinks the embeddings."""

    def __post_init__(self) -> None:
        if min(self.neighbours, self.layers, self.item_layers, self.dim, self.batch_size) < 1:
            raise ConfigError(f"graph_net needs neighbours, layers, item_layers, dim, batch_size >= 1, got {self}")
        if not 0 <= self.edge_drop < 1 or min(self.on.values(), default=0) < 0:
            raise ConfigError(f"graph_net needs 0 <= edge_drop < 1 and weights `on` of 0 or more, got {self}")

    def fit(self, train: Dataset, valid: Holdout | None, rng: np.random.Generator) -> "GraphNetModel":
        return _fit(self, train, valid, rng)


@dataclass(frozen=True)
class GraphNetModel:
    settled: GraphNet
    """The parameters with the number of epochs that validation chose."""
    vectors: Floats
    """(i, dim)."""
    degrees: Floats
    """(i,) users who like each item in training, at least 1."""
    sources: Floats
    """(i, dim) what an item gives to those whose neighbour in content it is; zero without events."""
    history: History

    @property
    def plain(self) -> "GraphNetModel":
        return self

    @property
    def curves(self) -> Mapping[str, list[float]]:
        """Figure -> (e,) after each epoch; without validation its figure is NaN."""
        return {"loss": self.history.losses.tolist(), f"valid/ndcg@{_K}": self.history.scores.tolist()}

    def score(self, queries: Queries) -> Floats:
        return np.asarray(self.query_factors(queries) @ self.vectors.T, np.float32)

    def item_factors(self) -> Floats:
        return self.vectors

    def query_factors(self, queries: Queries) -> Floats:
        liked = queries.liked.copy()
        liked.data[:] = 1 / np.sqrt(self.degrees)[liked.indices]
        users = liked @ self.vectors
        users /= np.sqrt(np.maximum(np.diff(liked.indptr), 1))[:, None]
        return np.asarray(users, np.float32)

    def extend(self, train: Dataset) -> "GraphNetModel":
        """Return the model with the items at the end of the catalogue that it does not know, by their content."""
        old = len(self.vectors)
        graph = _content(self.settled, train, np.arange(len(train.items)) < old)[old:, :old]
        added = np.asarray(graph @ self.sources, np.float32)
        return replace(
            self,
            vectors=np.concatenate([self.vectors, added]),
            degrees=np.append(self.degrees, np.ones(len(added), np.float32)),
            sources=np.concatenate([self.sources, np.zeros_like(added)]),
        )


class _Net(nn.Module):
    """forward(R~, R~', A) -> (u, dim) users and (i, dim) items; an item that nobody likes starts, and stays, at 0."""

    def __init__(self, parameters: GraphNet, users: int, known: Bools) -> None:
        super().__init__()
        self.layers, self.item_layers = parameters.layers, parameters.item_layers
        items = torch.zeros(len(known), parameters.dim)
        self.users = nn.Parameter(torch.randn(users, parameters.dim) * _SPREAD)
        items[torch.from_numpy(known)] = torch.randn(int(known.sum()), parameters.dim) * _SPREAD
        self.items = nn.Parameter(items)

    def forward(self, there: Tensor, back: Tensor, content: Tensor) -> tuple[Tensor, Tensor]:
        users: Tensor = self.users
        items: Tensor = self.items
        all_users, all_items = [users], [items]
        for _ in range(self.layers):
            users, items = there @ items, back @ users
            all_users.append(users)
            all_items.append(items)
        told = content @ self.sources(content)
        return torch.stack(all_users).mean(dim=0), torch.stack(all_items).mean(dim=0) + told

    def sources(self, content: Tensor) -> Tensor:
        """Return (i, dim): the embeddings one step before the last over the graph of content."""
        told: Tensor = self.items
        for _ in range(self.item_layers - 1):
            told = content @ told
        return told


def _fit(parameters: GraphNet, data: Dataset, valid: Holdout | None, rng: np.random.Generator) -> GraphNetModel:
    known = data.popularity > 0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**62)))
        network = _Net(parameters, len(data.users), known)
    liked = data.liked.copy()
    liked.data[:] = 1
    content = _tensor(_content(parameters, data, known))
    whole = (*_both(liked), content)
    history = History(np.zeros(0, np.float32), np.zeros(0, np.float32), 0)

    def batches(order: np.random.Generator) -> Iterator[tuple[Tensor, ...]]:
        graphs = (*_both(pruned(liked, parameters.edge_drop, order)), content) if parameters.edge_drop else whole
        found = torch.from_numpy(triples(liked, np.flatnonzero(known), order))
        for batch in torch.split(found, parameters.batch_size):
            yield (*graphs, batch)

    def score(trained: nn.Module) -> float:
        assert valid is not None
        slate = recommend(_model(parameters, trained, whole, data, history), valid.queries, _K, filters=[allowed],
                          candidates=valid.candidates)  # fmt: skip
        return float(Ndcg(_K).measure(slate, valid.truth).mean())

    lengths = np.diff(liked.indptr)
    if ((lengths > 0) & (lengths < known.sum())).any():
        of = _fingerprint(parameters, data) if parameters.training.checkpoint else ""
        history = train(network, batches, _loss, None if valid is None else score, parameters.training, rng,
                        fingerprint=of)  # fmt: skip
    training = replace(parameters.training, epochs=history.best + 1, patience=None)
    return _model(replace(parameters, training=training), network, whole, data, history)


def triples(liked: Matrix, known: Longs, rng: np.random.Generator) -> Longs:
    """Return (n, 3) in random order: of every liked pair the user, the item, and one of `known` they do not like.

    A user who likes all there is may have none; then the pair is left out.
    """
    users = np.repeat(np.arange(liked.shape[0]), np.diff(liked.indptr))
    order = rng.permutation(len(users))
    users, items = users[order], liked.indices[order].astype(np.int64)
    pairs = np.sort(users * liked.shape[1] + items)
    others, open_ = np.zeros(len(users), np.int64), np.arange(len(users))
    for _ in range(_ROUNDS):
        others[open_] = known[rng.integers(len(known), size=len(open_))]
        wanted = users[open_] * liked.shape[1] + others[open_]
        place = np.minimum(np.searchsorted(pairs, wanted), len(pairs) - 1)
        open_ = open_[pairs[place] == wanted]
        if not len(open_):
            break
    kept = np.ones(len(users), bool)
    kept[open_] = False
    return np.asarray(np.stack([users, items, others], axis=1)[kept], np.int64)


def pruned(liked: Matrix, share: float, rng: np.random.Generator) -> Matrix:
    """Return the graph without a share of its pairs; one stays with probability in proportion to 1 / sqrt(d_u d_i)."""
    pairs = liked.tocoo()
    users, items = _degrees(liked)
    chance = 1 / np.sqrt(users[pairs.row] * items[pairs.col])
    n = max(1, round((1 - share) * len(chance)))
    kept = rng.choice(len(chance), size=n, replace=False, p=chance / chance.sum())
    return sparse.csr_matrix((pairs.data[kept], (pairs.row[kept], pairs.col[kept])), shape=liked.shape)


def normalised(liked: Matrix) -> Matrix:
    """Return R~ = D_u^-1/2 R D_i^-1/2."""
    users, items = _degrees(liked)
    scale = 1 / np.sqrt(np.repeat(users, np.diff(liked.indptr)) * items[liked.indices])
    data = np.asarray(liked.data * scale, np.float32)
    return sparse.csr_matrix((data, liked.indices, liked.indptr), shape=liked.shape)


def _degrees(liked: Matrix) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.diff(liked.indptr).astype(np.float64), np.bincount(liked.indices, minlength=liked.shape[1]).astype(float)


def _content(parameters: GraphNet, data: Dataset, sources: Bools) -> Matrix:
    """Return (i, i) A; row j holds what item j hears from its neighbours among `sources`."""
    n = len(data.items)
    total: Any = sparse.csr_matrix((np.zeros(0, np.float32), (np.zeros(0, int), np.zeros(0, int))), shape=(n, n))
    for modality, weight in parameters.on.items():
        total = total + np.float32(weight) * sparse.csr_matrix(content_graph(data, modality, parameters.neighbours).T)
    total.data *= sources[total.indices]
    total.eliminate_zeros()
    return sparse.csr_matrix(total)


def _loss(network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
    """BPR: the mean of -ln sigmoid(u.i - u.j) over triples of a user, what they like and what they do not."""
    there, back, content, rows = batch
    users, items = network(there, back, content)
    user, liked, other = users[rows[:, 0]], items[rows[:, 1]], items[rows[:, 2]]
    return functional.softplus((user * (other - liked)).sum(dim=1)).mean()


def _model(
    parameters: GraphNet, network: Any, graphs: tuple[Tensor, ...], data: Dataset, history: History
) -> GraphNetModel:
    network.eval()
    there, back, content = (graph.to(network.items.device) for graph in graphs)
    with torch.no_grad():
        _, vectors = network(there, back, content)
        sources = network.sources(content) * (torch.from_numpy(data.popularity) > 0).to(vectors.device)[:, None]
    return GraphNetModel(
        parameters,
        vectors.cpu().numpy().copy(),
        np.maximum(data.popularity, 1),
        sources.cpu().numpy().copy(),
        history,
    )


def _fingerprint(parameters: GraphNet, data: Dataset) -> str:
    """Name what training reads: the parameters, who likes what, and the vectors."""
    own = replace(parameters, training=Training())
    digest = hashlib.blake2b(repr(own).encode(), digest_size=16)
    for array in (data.liked.indptr, data.liked.indices):
        digest.update(np.ascontiguousarray(array).tobytes())
    for modality in parameters.on:
        digest.update(data.feature("item", modality).vectors.tobytes())
    return digest.hexdigest()


def _both(liked: Matrix) -> tuple[Tensor, Tensor]:
    graph = normalised(liked)
    return _tensor(graph), _tensor(sparse.csr_matrix(graph.T))


def _tensor(matrix: Matrix) -> Tensor:
    bounds, columns = (torch.from_numpy(a.astype(np.int64)) for a in (matrix.indptr, matrix.indices))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse", UserWarning)  # torch calls its CSR tensors a beta
        return torch.sparse_csr_tensor(bounds, columns, torch.from_numpy(matrix.data), size=matrix.shape)
