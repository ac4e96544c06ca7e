"""Training a ranker's network: examples as tensors, the towers that are tuned with it, the loss and the decision."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cuvee.examples import Target
from cuvee.ranking.evidence import Told
from cuvee.ranking.networks import Asked, RankerNetwork
from cuvee.ranking.texts import TextTable
from cuvee.types import Embeddings, Examples, Floats, Ints, Longs

__all__ = ["TunedRanker", "Work", "asked_of", "decided", "loss_of", "tables_of"]

_SAMPLE = 5_000
"""Training examples that are measured after each epoch."""


@dataclass(frozen=True)
class Work:
    """The examples of one part as the network reads them."""

    examples: Examples
    told: Told
    moving: Mapping[str, Floats]
    """Part -> (n, 1, d)."""
    labels: Floats
    """(n,) class or rating."""
    sizes: tuple[int, int]
    """How many users and items the network knows."""

    def asked(self, rows: Longs) -> Asked:
        users, items = self.examples.user[rows], self.examples.item[rows][:, None]
        return asked_of(self.sizes, users, items, self.told.take(rows), {m: v[rows] for m, v in self.moving.items()})

    @cached_property
    def sample(self) -> Longs:
        """Rows that are measured: all, or of many examples some, the same each time."""
        n = len(self.labels)
        return np.arange(n) if n <= 4 * _SAMPLE else np.random.default_rng(0).choice(n, _SAMPLE, replace=False)

    def decided(self, network: nn.Module, target: Target, centre: float) -> Floats:
        """Return (n, classes), or (n, 1) ratings, of the sample."""
        parts = np.array_split(self.sample, max(1, len(self.sample) // 4096))
        out = [decided(network(self.asked(rows)), target, centre)[:, 0] for rows in parts]
        return np.asarray(torch.cat(out).cpu().numpy(), np.float32)

    @property
    def fingerprint(self) -> str:
        """Hash of what is trained on."""
        digest = hashlib.blake2b(digest_size=16)
        for array in (self.examples.user, self.examples.item, self.told.statistics, self.told.history, self.labels):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


class TunedRanker(nn.Module):
    """A ranker's network and the towers that are trained with it: `Asked` -> (q, c, outputs)."""

    def __init__(
        self,
        ranker: RankerNetwork,
        sides: tuple[Mapping[str, Embeddings], Mapping[str, Embeddings]],
        towers: Mapping[str, TextTable],
    ) -> None:
        """Take the tables of users and items that are fixed, and the towers of the others."""
        super().__init__()
        self.ranker, self.sides = ranker, sides
        self.towers = nn.ModuleDict(dict(towers))
        self.roles = {name: tower.role for name, tower in towers.items()}
        self.fixed = [tables_of(side) for side in sides]

    def forward(self, asked: Asked) -> Tensor:
        users, items = dict(self.fixed[0]), dict(self.fixed[1])
        rows: dict[str, Tensor] = {}
        if self.roles:
            asked, rows = _compact(asked, set(self.roles.values()))
        users = {n: t[rows["user"]] if "user" in rows else t for n, t in users.items()}
        items = {n: t[rows["item"]] if "item" in rows else t for n, t in items.items()}
        for name, tower in self.towers.items():
            role = self.roles[name]
            (items if role == "item" else users)[name] = tower(rows[role])
        found: Tensor = self.ranker(asked, users, items, rows.get("item"))
        return found

    def tables(self) -> tuple[dict[str, Embeddings], dict[str, Embeddings]]:
        """Return the tables of all users and items, as the towers now stand."""
        sides = (dict(self.sides[0]), dict(self.sides[1]))
        for name, tower in self.towers.items():
            table: Any = tower.eval()
            sides[self.roles[name] == "item"][name] = table.table()
        return sides


def _compact(asked: Asked, roles: set[str]) -> tuple[Asked, dict[str, Tensor]]:
    """Return what is asked with rows counted among those that occur, and role -> which these are."""
    rows = {}
    if "user" in roles:
        rows["user"], users = torch.unique(asked.users, return_inverse=True)
        asked = replace(asked, users=users)
    if "item" in roles:
        both = torch.cat([asked.items.flatten(), asked.history.flatten()])
        rows["item"], place = torch.unique(both, return_inverse=True)
        n = asked.items.numel()
        asked = replace(asked, items=place[:n].view_as(asked.items), history=place[n:].view_as(asked.history))
    return asked, rows


def asked_of(sizes: tuple[int, int], users: Ints, items: Ints, told: Told, moving: Mapping[str, Floats]) -> Asked:
    """Return what the network reads; whoever and whatever it does not know stands in the last row."""
    n_users, n_items = sizes

    def row(rows: Ints, n: int) -> Tensor:
        return torch.from_numpy(np.where((rows >= 0) & (rows < n), rows, n).astype(np.int64))

    return Asked(
        row(users, n_users), row(items, n_items), torch.from_numpy(told.statistics), row(told.history, n_items),
        torch.from_numpy(told.surprise), {name: torch.from_numpy(part) for name, part in moving.items()},
    )  # fmt: skip


def tables_of(side: Mapping[str, Embeddings]) -> dict[str, Tensor]:
    """Return part -> (n + 1, d), with a row of zeros at the end."""
    return {name: torch.from_numpy(np.pad(e.vectors, ((0, 1), (0, 0)))) for name, e in side.items()}


def loss_of(out: Tensor, labels: Tensor, target: Target, centre: float) -> Tensor:
    """Cross-entropy, or the squared error of a rating; `out` is (n, 1, outputs)."""
    if target.kind == "classes":
        return functional.cross_entropy(out[:, 0], labels.long())
    if target.kind == "binary":
        return functional.binary_cross_entropy_with_logits(out[:, 0, 0], labels)
    return functional.mse_loss(out[:, 0, 0] + centre, labels)


def decided(out: Tensor, target: Target, centre: float) -> Tensor:
    """Return (q, c, classes) probabilities, or (q, c, 1) ratings, of the network's outputs."""
    if target.kind == "classes":
        return torch.softmax(out, dim=-1)
    if target.kind == "rating":
        return out + centre
    likely = torch.sigmoid(out)
    return torch.cat([1 - likely, likely], dim=-1)
