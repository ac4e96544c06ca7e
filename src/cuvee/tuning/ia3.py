"""IA3: keys, values and the inner activations of the feed-forward layers are multiplied by learned vectors, 1 at first.

Reference: H. Liu et al., "Few-shot parameter-efficient fine-tuning is better and cheaper than in-context learning",
NeurIPS 2022, section 3.3.
"""

from dataclasses import dataclass
from typing import Any

from torch import nn

from cuvee.text_networks.peft_library import merged, wrapped
from cuvee.text_networks.tuned import Tuned

__all__ = ["Ia3"]


@dataclass(frozen=True)
class Ia3:
    """Learned scales of activations: the fewest weights of all; merged they cost nothing afterwards.

    Cost: each step runs the backbone forward and back. Wants a larger learning rate than the others. Needs PEFT, which
    knows the layers of the architecture.
    """

    def attach(self, backbone: nn.Module) -> Tuned:
        return Tuned(wrapped(backbone, "IA3Config"))

    def merge(self, tuned: Tuned) -> Any:
        return merged(tuned)
