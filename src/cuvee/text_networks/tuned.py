"""What every tuning of a pretrained Transformer shares: the network around it, its layers, and what is trained."""

from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from cuvee.errors import ConfigError

__all__ = ["Mergeable", "StateReading", "Tuned", "blocks", "frozen", "hidden_dim", "share", "trained"]


class Tuned(nn.Module):
    """forward(input_ids (n, t), attention_mask (n, t)) -> (n, t, d): the last hidden states of a tuned backbone."""

    def __init__(self, network: nn.Module, added: int = 0, taken: int = 0) -> None:
        """Wrap a network in the form of Transformers.

        Args:
            network: what is called.
            added: outputs that it puts before those of the tokens.
            taken: positions that are then no longer there for tokens.
        """
        super().__init__()
        self.network: Any = network
        self.added, self.taken = added, taken

    @property
    def config(self) -> Any:
        """The backbone's configuration."""
        return self.network.config

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        hidden: Tensor = self.network(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return hidden[:, self.added :]


@runtime_checkable
class Mergeable(Protocol):
    """A tuning whose result fits into the backbone's own weights."""

    def merge(self, tuned: Tuned) -> nn.Module:
        """Return the backbone with the same outputs as the tuned one; `tuned` is used up."""
        ...


@runtime_checkable
class StateReading(Protocol):
    """A tuned backbone that reads only states which training does not change: they are computed once and cached."""

    def states(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Return (n, l, d): what is to be cached of each text."""
        ...

    def from_states(self, states: Tensor) -> Tensor:
        """Return (n, d) from (n, l, d)."""
        ...


def frozen(backbone: nn.Module) -> Any:
    """Return the backbone with all its weights frozen, without the pooling layer that reads only the first token.

    It keeps no keys and values: training reads whole texts.
    """
    network: Any = backbone
    network.requires_grad_(False)
    if getattr(network, "pooler", None) is not None:
        network.pooler = None
    if getattr(network.config, "use_cache", False):
        network.config.use_cache = False
    return network


def blocks(backbone: Any) -> nn.ModuleList:
    """Return the Transformer's layers, the one next to the tokens first.

    Raises:
        ConfigError: nothing in the network is a list of as many layers as its configuration says.
    """
    wanted = getattr(backbone.config, "num_hidden_layers", 0)
    for module in backbone.modules():
        if isinstance(module, nn.ModuleList) and len(module) == wanted:
            return module
    raise ConfigError(f"cannot find the {wanted} layers of {type(backbone).__name__}; use lora, adalora, ia3 or full")


def hidden_dim(backbone: Any) -> int:
    """Return the width of the hidden states."""
    return int(backbone.config.hidden_size)


def trained(network: nn.Module) -> dict[str, Tensor]:
    """Return name -> weights that training changes."""
    return {name: value for name, value in network.named_parameters() if value.requires_grad}


def share(network: nn.Module) -> tuple[int, int]:
    """Return how many numbers are trained, and of how many."""
    with torch.no_grad():
        learned = sum(value.numel() for value in network.parameters() if value.requires_grad)
        return learned, sum(value.numel() for value in network.parameters())
