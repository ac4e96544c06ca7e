"""Cached side adapters: a small network beside a frozen backbone, which reads the pooled states of all its layers.

With s_l (d) the pooled hidden state of layer l, l = 0 for the embeddings, the ladder is
z_l = g_l D_l norm(s_l) + (1 - g_l) z_(l-1), z_l <- z_l + F_l(norm(z_l)), g_l = sigmoid(a_l); the result is s_L + U z_L
with U = 0 at first. No gradient enters the backbone, and the pooled states never change: they are computed once for
each text, not once an epoch. So an epoch costs the side network alone.

Reference: Y.-L. Sung, J. Cho, M. Bansal, "LST: ladder side-tuning for parameter and memory efficient transfer
learning", NeurIPS 2022, section 3; pooling before the ladder, which is what makes the states small, is ours.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cuvee.errors import ConfigError
from cuvee.text_networks.towers import Pooling, pool
from cuvee.text_networks.tuned import Tuned, blocks, frozen, hidden_dim

__all__ = ["Side"]


@dataclass(frozen=True)
class Side:
    """A small ladder over the cached states of a frozen backbone's layers.

    Cost: the backbone runs once for each text, ever; (layers + 1) * d numbers a text in memory. It cannot change how
    tokens attend to one another. Cannot be merged.
    """

    width: int = 96
    """Width of the ladder."""
    pooling: Pooling = "mean"
    """How the tokens' states become one in each layer: their mean, the first or the last."""
    dropout: float = 0.0
    """Probability that a number inside the ladder is dropped in training."""

    def __post_init__(self) -> None:
        if self.width < 1 or not 0 <= self.dropout < 1:
            raise ConfigError(f"side needs width >= 1 and 0 <= dropout < 1, got {self}")

    def attach(self, backbone: nn.Module) -> "SideTuned":
        return SideTuned(frozen(backbone), self)


class SideTuned(Tuned):
    """The frozen backbone and its ladder.

    forward gives the ladder's answer (n, d) at each of the t positions, so that every pooling of it returns it. Those
    who train cache `states` and call `from_states`.
    """

    def __init__(self, backbone: nn.Module, parameters: Side) -> None:
        super().__init__(backbone.eval())
        self.pooling: Pooling = parameters.pooling
        layers = len(blocks(backbone)) + 1
        self.ladder = Ladder(layers, hidden_dim(backbone), parameters.width, parameters.dropout)

    def train(self, mode: bool = True) -> "SideTuned":
        """Switch the ladder only: the backbone's states must not depend on the moment."""
        super().train(mode)
        self.network.eval()
        return self

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        told = self.from_states(self.states(input_ids, attention_mask))
        return told[:, None].expand(-1, input_ids.shape[1], -1)

    def states(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return (n, l, d): what each layer says of each text, the embeddings first; training does not change it."""
        with torch.no_grad():
            out = self.network(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True)
            return torch.stack([pool(layer, attention_mask, self.pooling) for layer in out.hidden_states], dim=1)

    def from_states(self, states: Tensor) -> Tensor:
        """Return (n, d) from (n, l, d)."""
        answer: Tensor = self.ladder(states)
        return answer


class Ladder(nn.Module):
    """forward((n, l, d)) -> (n, d); the last layer's state at first."""

    def __init__(self, layers: int, dim: int, width: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim, elementwise_affine=False)
        self.down = nn.ModuleList([nn.Linear(dim, width) for _ in range(layers)])
        self.steps = nn.ModuleList([_Step(width, dropout) for _ in range(layers)])
        self.gates = nn.Parameter(torch.zeros(layers))
        self.up = nn.Linear(width, dim)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, states: Tensor) -> Tensor:
        rung = states.new_zeros(())
        for row, (down, step, gate) in enumerate(zip(self.down, self.steps, self.gates.sigmoid(), strict=True)):
            rung = step(gate * down(self.norm(states[:, row])) + (1 - gate) * rung)
        answer: Tensor = states[:, -1] + self.up(rung)
        return answer


class _Step(nn.Module):
    """forward((n, w)) -> (n, w): the feed-forward half of a Transformer's layer."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        wide = nn.Linear(width, 4 * width)
        self.inner = nn.Sequential(
            nn.LayerNorm(width), wide, nn.GELU(), nn.Dropout(dropout), nn.Linear(4 * width, width)
        )

    def forward(self, rung: Tensor) -> Tensor:
        added: Tensor = self.inner(rung)
        return rung + added
