"""Train every weight of the backbone."""

from dataclasses import dataclass
from typing import Any

from torch import nn

from cuvee.text_networks.tuned import Tuned, frozen

__all__ = ["Full"]


@dataclass(frozen=True)
class Full:
    """Every weight is trained.

    Cost: AdamW holds three more numbers a weight, and what is saved is as large as the backbone.
    """

    def attach(self, backbone: nn.Module) -> Tuned:
        return Tuned(frozen(backbone).requires_grad_(True))

    def merge(self, tuned: Tuned) -> Any:
        """Return the backbone: nothing was put beside its weights."""
        return tuned.network
