"""The networks of a ranker: parts of user, item and pair, fused, and a head that decides.

References: binned numbers: Y. Gorishniy, I. Rubachev, A. Babenko, "On embeddings for numerical features in tabular deep
learning", NeurIPS 2022, section 3.2; attention to the history by the candidate: G. Zhou et al., "Deep interest network
for click-through rate prediction", KDD 2018; a linear part beside the deep one: H.-T. Cheng et al., "Wide & deep
learning for recommender systems", DLRS 2016.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from cuvee.errors import ConfigError
from cuvee.protocols import JointFusion
from cuvee.types import Floats

__all__ = ["Asked", "Binned", "HistoryAttention", "RankerNetwork", "Sizes", "bins"]

_BINS = 16


@dataclass(frozen=True)
class Sizes:
    """Widths of a ranker's network, and how much of it a step hides."""

    dim: int = 32
    """Of an item and a user as the history's attention sees them."""
    fused: int = 128
    """Of z, what the fusion makes of all parts."""
    heads: int = 4
    """Of the attention to the history."""
    drop: float = 0.3
    """Probability that a step hides a number inside the network, or what is learned of one user or item."""
    own: bool = True
    """Whether every item has numbers of its own beside its contents, which are learned."""
    members: int = 1
    """Networks, each from a start of its own, whose answers are averaged."""

    def __post_init__(self) -> None:
        if min(self.dim, self.fused, self.heads, self.members) < 1 or self.dim % self.heads or not 0 <= self.drop < 1:
            raise ConfigError(f"sizes need dim a multiple of heads, fused, members >= 1 and 0 <= drop < 1, got {self}")


@dataclass(frozen=True)
class Asked:
    """q users and c candidates of each, as the network reads them."""

    users: Tensor
    """(q,) user rows; the last row of the tables for somebody unknown."""
    items: Tensor
    """(q, c) item rows; the last row of the tables for an item unknown."""
    statistics: Tensor
    """(q, c, f)."""
    history: Tensor
    """(q, t) item rows, the last row of the tables where there is nothing."""
    surprise: Tensor
    """(q, t)."""
    moving: Mapping[str, Tensor]
    """Part -> (q, c, d): what was written before each example."""


def bins(statistics: Floats) -> tuple[Floats, Floats]:
    """Return (f, b) where each bin starts and how wide it is: quantiles of (n, f); width 0 where there is no bin."""
    low = np.zeros((statistics.shape[1], _BINS), np.float32)
    width = np.zeros_like(low)
    for column, values in enumerate(statistics.T):
        edges = np.unique(np.quantile(values, np.linspace(0, 1, _BINS + 1)))
        low[column, : len(edges) - 1], width[column, : len(edges) - 1] = edges[:-1], np.diff(edges)
    return low, width


class Binned(nn.Module):
    """(..., f) -> (..., f b): how far each number has come through each of its bins, 0..1."""

    low: Tensor
    width: Tensor

    def __init__(self, low: Tensor, width: Tensor) -> None:
        super().__init__()
        self.register_buffer("low", low)
        self.register_buffer("width", width)

    def forward(self, statistics: Tensor) -> Tensor:
        real = self.width > 0
        share = (statistics[..., None] - self.low) / torch.where(real, self.width, torch.ones_like(self.width))
        return ((share.clamp(0, 1) - 0.5) * real).flatten(-2)


class HistoryAttention(nn.Module):
    """Each candidate reads the history: what of it is alike, and was that better or worse than others judge it?"""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads, self.width = heads, 2 * dim + 2 * heads
        self.query, self.key, self.value = nn.Linear(dim, dim), nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.judged = nn.Linear(1, dim)

    def forward(self, items: Tensor, past: Tensor, surprise: Tensor, real: Tensor) -> Tensor:
        """Return (q, c, width) of candidates (q, c, d), history (q, t, d), surprises (q, t) and which are real."""
        q, c, d = items.shape
        h, w = self.heads, d // self.heads
        query = self.query(items).view(q, c, h, w)
        key = self.key(past).view(q, -1, h, w)
        score = torch.einsum("qchw,qthw->qcth", query, key) / w**0.5
        there = real[:, None, :, None].to(score.dtype)
        share = torch.softmax(score.masked_fill(there == 0, -1e9), dim=2) * there
        told = (share * surprise[:, None, :, None]).sum(2)
        signed = (torch.tanh(score / 2) * there * surprise[:, None, :, None]).sum(2)
        signed = signed / (1 + there.sum(2)).sqrt()
        value = (self.value(past) + self.judged(surprise[:, :, None])).view(q, -1, h, w)
        pooled = torch.einsum("qcth,qthw->qchw", share, value).reshape(q, c, d)
        return torch.cat([pooled, pooled * items, told, signed], dim=2)


class RankerNetwork(nn.Module):
    """z = fusion(u, p, l, statistics, history ...), then a head: `Asked` -> (q, c, outputs)."""

    def __init__(
        self,
        sides: tuple[Mapping[str, int], Mapping[str, int]],
        moving: Mapping[str, int],
        edges: tuple[Tensor, Tensor],
        fusion: JointFusion,
        sizes: Sizes,
        n_items: int,
        outputs: int,
    ) -> None:
        """Take the widths of the parts of users, of items, and of those that move with time."""
        super().__init__()
        self.of_user, self.of_item, self.n_items = dict(sides[0]), dict(sides[1]), n_items
        self.binned = Binned(*edges)
        flat = edges[0].numel()
        widths = {**self.of_user, **self.of_item, **moving}
        self.item = nn.ModuleDict({name: nn.Linear(width, sizes.dim) for name, width in self.of_item.items()})
        self.own = nn.Embedding(n_items + 1, sizes.dim)
        nn.init.normal_(self.own.weight, std=0.05 if sizes.own else 0.0)
        self.own.weight.requires_grad_(sizes.own)
        self.attention = HistoryAttention(sizes.dim, sizes.heads)
        self.numbers = nn.Sequential(nn.Linear(flat, sizes.fused), nn.GELU(), nn.Dropout(sizes.drop))
        inside = {"statistics": sizes.fused, "history": self.attention.width}
        self.names = tuple(name for name in fusion.on if name in {**widths, **inside})
        self.fusion = fusion.network({name: {**widths, **inside}[name] for name in self.names}, sizes.fused)
        self.head = nn.Sequential(
            nn.LayerNorm(sizes.fused), nn.Dropout(sizes.drop), nn.Linear(sizes.fused, sizes.fused // 2), nn.GELU(),
            nn.Dropout(sizes.drop), nn.Linear(sizes.fused // 2, outputs),
        )  # fmt: skip
        self.wide = nn.Linear(flat, outputs)
        nn.init.zeros_(self.wide.weight)
        self.bias = nn.Embedding(n_items + 1, outputs)
        nn.init.zeros_(self.bias.weight)
        self.hide = nn.Dropout(sizes.drop)

    def forward(
        self, asked: Asked, users: Mapping[str, Tensor], items: Mapping[str, Tensor], rows: Tensor | None = None
    ) -> Tensor:
        """Return (q, c, outputs); `users` and `items` are the tables of the parts, part -> (n + 1, d).

        Args:
            rows: (r,) where the tables of items hold some rows only: which; None: all of them.
        """
        rows = torch.arange(self.n_items + 1, device=asked.items.device) if rows is None else rows
        q, c = asked.items.shape
        binned = self.binned(asked.statistics)
        parts = {name: items[name][asked.items] for name in self.of_item}
        parts |= {name: users[name][asked.users][:, None].expand(-1, c, -1) for name in self.of_user}
        parts |= asked.moving
        if "statistics" in self.names:
            parts["statistics"] = self.numbers(binned)
        if "history" in self.names:
            known = self._items(items, rows)
            real = rows[asked.history] != self.n_items
            parts["history"] = self.attention(known[asked.items], known[asked.history], asked.surprise, real)
        flat = {name: parts[name].reshape(q * c, -1) for name in self.names}
        present = {name: (part != 0).any(dim=1) for name, part in flat.items()}
        z = self.fusion(flat, present).view(q, c, -1)
        found: Tensor = self.head(z) + self.wide(binned)
        return found + self.bias(rows[asked.items]) if self.own.weight.requires_grad else found

    def _items(self, items: Mapping[str, Tensor], rows: Tensor) -> Tensor:
        """Return (r, dim) the items as the attention sees them."""
        known: Tensor = self.hide(self.own(rows))
        for name, layer in self.item.items():
            known = known + layer(items[name])
        return known
