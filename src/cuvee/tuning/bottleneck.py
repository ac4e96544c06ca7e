"""Bottleneck adapters: h + U gelu(D h) after the attention and the feed-forward half of each layer, before its sum.

They hang on the last linear layer of each half of a block by forward hooks, so that the backbone's code is not touched.

Reference: N. Houlsby et al., "Parameter-efficient transfer learning for NLP", ICML 2019, section 2.1: two adapters a
block, near the identity at first, and the normalisations trained with them.
"""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from cuvee.errors import ConfigError
from cuvee.text_networks.tuned import Tuned, blocks, frozen, hidden_dim

__all__ = ["Bottleneck"]

_ENDS = (
    *("attention.output.dense", "output.dense", "attn.c_proj", "mlp.c_proj", "self_attn.o_proj", "mlp.down_proj"),
    *("SelfAttention.o", "DenseReluDense.wo", "attention.out_lin", "ffn.lin2"),
)
"""Names inside a block of what attention and the feed-forward layer end in: BERT and its kin, GPT-2, Llama and its kin,
T5, DistilBERT."""


@dataclass(frozen=True)
class Bottleneck:
    """Small networks between the halves of each layer.

    Cost: each step runs the backbone forward and back, and the adapters stay afterwards. Cannot be merged.
    """

    width: int = 48
    """Inner width of an adapter."""
    norms: bool = True
    """Whether the layers' normalisations are trained too, as in the paper."""

    def __post_init__(self) -> None:
        if self.width < 1:
            raise ConfigError(f"bottleneck needs a width of at least 1, got {self.width}")

    def attach(self, backbone: nn.Module) -> Tuned:
        """Raises ConfigError for an architecture whose layers have none of the known parts."""
        network = frozen(backbone)
        found = [(f"{row}.{n}", m) for row, b in enumerate(blocks(network)) for n, m in b.named_modules() if _ends(n)]
        if not found:
            raise ConfigError(f"bottleneck does not know the layers of {type(backbone).__name__}; use lora or side")
        if self.norms:
            for module in blocks(network).modules():
                if "Norm" in type(module).__name__:
                    module.requires_grad_(True)
        return _Bottlenecks(network, found, self.width)


class _Bottlenecks(Tuned):
    def __init__(self, network: Any, places: list[tuple[str, nn.Module]], width: int) -> None:
        super().__init__(network)
        dim = hidden_dim(network)
        self.adapters = nn.ModuleDict({name.replace(".", "-"): _Adapter(dim, width) for name, _ in places})
        for name, module in places:
            module.register_forward_hook(_Hook(self.adapters[name.replace(".", "-")]))


class _Adapter(nn.Module):
    """forward((..., d)) -> (..., d); the identity at first."""

    def __init__(self, dim: int, width: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(dim, width), nn.Linear(width, dim)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        added: Tensor = self.up(functional.gelu(self.down(hidden)))
        return hidden + added


@dataclass(frozen=True)
class _Hook:
    adapter: nn.Module

    def __call__(self, module: nn.Module, given: tuple[Any, ...], hidden: Tensor) -> Tensor:  # noqa: ARG002
        changed: Tensor = self.adapter(hidden)
        return changed


def _ends(name: str) -> bool:
    return any(name == end or name.endswith(f".{end}") for end in _ENDS)
