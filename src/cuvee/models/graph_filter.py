"""A low-pass filter over a graph of items: liking spreads to what is liked together, and to what is alike in content.

With R~ = D_u^-a R D_i^-b, P = R~'R~ entry by entry to a power s and divided by its largest eigenvalue, and S_m the
graph of nearest neighbours in modality m, the graph is A = (P + sum_m w_m S_m) / (1 + sum_m w_m) and the score of a
history r is r (c_1 A + c_2 A^2 + ...).
References: Y. Shen et al., "How powerful is graph convolution for recommendation?", CIKM 2021 (GF-CF), equation 11;
J.-D. Park, Y.-M. Shin, W.-Y. Shin, "Turbo-CF", SIGIR 2024, equations 4 to 7 (the polynomial and the entry-wise power);
J.-D. Park, K. Kim, W.-Y. Shin, "MM-GF: multimodal graph filtering", 2025 (graphs of modalities added by weights).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy import sparse

from cuvee.errors import ConfigError
from cuvee.item_weights import grown
from cuvee.neighbour_graphs import capped, co_liked, content_graph
from cuvee.types import PAD, Dataset, Floats, Holdout, Ints, Queries

__all__ = ["GraphFilter", "GraphFilterModel"]

_ROUNDS = 30
"""Steps of the power iteration; its result scales the graph and need not be exact."""
_FULL = 0.1
"""Share of a row from which a dense product is faster than a sparse one."""


@dataclass(frozen=True)
class GraphFilter:
    """Scores items by what spreads to them over the graph from what the user liked.

    Cost: time and memory linear in events and items for histories and neighbours of bounded number; the graphs of
    content O(i^2 d) time in blocks. Items without events are scored by their neighbours in content.
    """

    on: Mapping[str, float] = field(default_factory=dict)
    """Item modality -> weight of its graph beside that of interactions, which weighs 1."""
    user_power: float = 0.3
    """a: how much the pairs of a long history lose; 0 nothing, 0.5 as in GF-CF."""
    item_power: float = 0.2
    """b: how much popular items lose; 0 nothing, 0.5 as in GF-CF."""
    entry_power: float = 1.0
    """s: below 1 weak edges count more, above 1 less."""
    polynomial: tuple[float, ...] = (1.0,)
    """c_1, c_2 ...: what steps of one edge, two edges ... count; (2, -1) is the second-order low-pass filter."""
    neighbours: int = 300
    """Edges an item keeps in the graph of interactions."""
    content_neighbours: int = 20
    """Edges an item has in the graph of each modality."""
    history: int = 500
    """Items of a user that count at most, a random choice of them: bounds time and memory."""

    def __post_init__(self) -> None:
        if min(self.neighbours, self.content_neighbours, self.history) < 1 or self.entry_power <= 0:
            raise ConfigError(
                f"graph_filter needs neighbours, content_neighbours, history >= 1 and entry_power > 0, got {self}"
            )
        if not self.polynomial or not any(self.polynomial):
            raise ConfigError(f"polynomial needs a coefficient that is not 0, got {list(self.polynomial)}")
        if min(self.on.values(), default=0) < 0:
            raise ConfigError(f"`on` needs weights of 0 or more, got {dict(self.on)}")

    def fit(self, train: Dataset, valid: Holdout | None, rng: np.random.Generator) -> "GraphFilterModel":  # noqa: ARG002
        liked = capped(train.liked, self.history, rng)
        graph = co_liked(liked, self.user_power, self.item_power, self.neighbours)
        graph.data **= np.float32(self.entry_power)
        graph = graph / np.float32(_largest(graph))
        for modality, weight in self.on.items():
            graph = graph + np.float32(weight) * content_graph(train, modality, self.content_neighbours)
        return GraphFilterModel(graph / np.float32(1 + sum(self.on.values())), self)


@dataclass(frozen=True)
class GraphFilterModel:
    graph: "sparse.csr_matrix[np.float32]"
    """(i, i); row: from where, column: to where."""
    parameters: GraphFilter

    def extend(self, train: Dataset) -> "GraphFilterModel":
        """Return the model with edges between the new items at the end of the catalogue and their nearest in content.

        Neighbours are taken among the items that somebody likes in `train`.
        """
        old, graph = self.graph.shape[0], grown(self.graph, len(train.items))
        total = np.float32(1 + sum(self.parameters.on.values()))
        for modality, weight in self.parameters.on.items():
            found = content_graph(train, modality, self.parameters.content_neighbours).tocoo()
            new = (found.row >= old) | (found.col >= old)
            edges = np.float32(weight) / total * found.data[new]
            graph = graph + sparse.csr_matrix((edges, (found.row[new], found.col[new])), shape=graph.shape)
        return replace(self, graph=graph)

    def score(self, queries: Queries) -> Floats:
        return _filtered(queries.liked, self.graph, self.parameters.polynomial)

    def trace(self, queries: Queries, items: Ints) -> "list[sparse.csr_matrix[np.float32]]":
        traces = []
        liked = queries.liked
        for q, shown in enumerate(items):
            past = liked[q].indices
            alone = sparse.csr_matrix((liked[q].data, (np.arange(len(past)), past)), shape=(len(past), liked.shape[1]))
            spread = _filtered(alone, self.graph, self.parameters.polynomial)
            told = spread[:, np.where(shown == PAD, 0, shown)].T  # (k, t)
            told[shown == PAD] = 0
            place = (np.repeat(np.arange(len(shown)), len(past)), np.tile(past, len(shown)))
            traces.append(sparse.csr_matrix((told.ravel(), place), shape=(len(shown), liked.shape[1])))
        return traces


def _filtered(
    rows: "sparse.csr_matrix[np.float32]", graph: "sparse.csr_matrix[np.float32]", polynomial: tuple[float, ...]
) -> Floats:
    """Return (n, i) rows (c_1 A + c_2 A^2 + ...); sparse as long as that is the faster."""
    total = np.zeros(rows.shape, np.float32)
    step: Any = rows  # sparse or dense
    for coefficient in polynomial:
        if isinstance(step, sparse.csr_matrix) and step.nnz > _FULL * rows.shape[0] * rows.shape[1]:
            step = step.toarray()
        step = step @ graph
        if coefficient:
            total += np.float32(coefficient) * (step.toarray() if isinstance(step, sparse.csr_matrix) else step)
    return total


def _largest(graph: "sparse.csr_matrix[np.float32]") -> float:
    """Return the largest eigenvalue of a matrix without negative entries, 1 where there is none, by power iteration."""
    vector: Floats = np.ones(graph.shape[0], np.float32)
    value = 0.0
    for _ in range(_ROUNDS):
        vector = graph @ vector
        value = float(np.linalg.norm(vector))
        if value == 0:
            return 1.0
        vector /= np.float32(value)
    return value
