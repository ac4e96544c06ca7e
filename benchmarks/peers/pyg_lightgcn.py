"""PyTorch Geometric: LightGCN (He et al., SIGIR 2020) by BPR with one drawn negative a pair."""

from typing import Any

import numpy as np
import torch
from torch_geometric.nn.models import LightGCN
from torch_geometric.utils import to_torch_csr_tensor

from peers import Case, Scorer, Watch

CONTENT, COLD, PACKAGE = False, False, "torch-geometric"
GRID = tuple({"num_layers": 3, "lr": lr, "l2": 1e-4} for lr in (0.001, 0.002))
"""The first is what its authors recommend."""
_DIM, _BATCH, _EPOCHS = 64, 2048, 1000
_LOOK = 5
"""Epochs of one look at validation."""


def fit(case: Case, setting: dict[str, Any], watch: Watch) -> Scorer:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    users, items = case.liked.shape
    pairs = case.liked.tocoo()
    user, item = torch.from_numpy(pairs.row.astype(np.int64)), torch.from_numpy(pairs.col.astype(np.int64)) + users
    graph = normalised(user, item, users + items)
    model = LightGCN(users + items, _DIM, setting["num_layers"], normalize=False)
    optimiser = torch.optim.Adam(model.parameters(), lr=setting["lr"])
    found: dict[str, Any] = {}

    def scorer(rows: Any) -> Any:
        return (found["all"][rows] @ found["all"][users:].T).numpy()

    for epoch in range(_EPOCHS):
        for batch in np.array_split(rng.permutation(len(user)), max(1, len(user) // _BATCH)):
            drawn = torch.from_numpy(rng.integers(users, users + items, len(batch)))
            out = model.get_embedding(graph)
            mine, yes, no = out[user[batch]], out[item[batch]], out[drawn]
            nodes = torch.cat([user[batch], item[batch], drawn])
            loss = model.recommendation_loss((mine * yes).sum(1), (mine * no).sum(1), nodes, setting["l2"])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        if epoch % _LOOK == _LOOK - 1:
            with torch.no_grad():
                found["all"] = model.get_embedding(graph)
            watch.better(scorer)
            if watch.over:
                break
    return scorer


def normalised(user: torch.Tensor, item: torch.Tensor, nodes: int) -> torch.Tensor:
    """Return the symmetric graph with weights 1 / sqrt(deg deg), once instead of in every layer of every batch."""
    edges = torch.stack([torch.cat([user, item]), torch.cat([item, user])])
    degree = torch.bincount(edges[0], minlength=nodes).clamp(min=1).float()
    weights = (degree[edges[0]] * degree[edges[1]]).rsqrt()
    graph: torch.Tensor = to_torch_csr_tensor(edges, weights, size=(nodes, nodes))
    return graph
