"""Train the last layers of the backbone; those below stay as they were pretrained."""

from dataclasses import dataclass
from typing import Any

from torch import nn

from cuvee.errors import ConfigError
from cuvee.text_networks.tuned import Tuned, blocks, frozen

__all__ = ["LastLayers"]


@dataclass(frozen=True)
class LastLayers:
    """The last n layers are trained.

    Cost: gradients reach no further down than those layers, but every step still runs the whole backbone forward.
    """

    layers: int = 2
    """How many, counted from the end."""

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise ConfigError(f"last_layers needs layers of at least 1, got {self.layers}; 0 would train nothing")

    def attach(self, backbone: nn.Module) -> Tuned:
        """Raises ConfigError where the backbone has fewer layers."""
        network = frozen(backbone)
        found = blocks(network)
        if self.layers > len(found):
            raise ConfigError(f"last_layers: {self.layers} of {len(found)} layers; use full to train all weights")
        for layer in found[-self.layers :]:
            layer.requires_grad_(True)
        return Tuned(network)

    def merge(self, tuned: Tuned) -> Any:
        """Return the backbone: nothing was put beside its weights."""
        return tuned.network
