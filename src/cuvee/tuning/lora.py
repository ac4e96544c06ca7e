"""LoRA: to a frozen weight W a product of two thin matrices is added, h = W x + (alpha / r) B A x, with B = 0 at first.

Reference: E. Hu et al., "LoRA: low-rank adaptation of large language models", ICLR 2022, equation 3.
"""

from dataclasses import dataclass
from typing import Any

from torch import nn

from cuvee.errors import ConfigError
from cuvee.text_networks.peft_library import merged, wrapped
from cuvee.text_networks.tuned import Tuned

__all__ = ["Lora"]


@dataclass(frozen=True)
class Lora:
    """Low-rank changes of chosen weights; merged into them they cost nothing afterwards.

    Cost: each step runs the backbone forward and back. Draws from torch's generator, as its siblings do. Needs PEFT.
    """

    rank: int = 8
    """Inner width r of A (r, in) and B (out, r)."""
    alpha: float = 16.0
    """The change is multiplied by alpha / rank."""
    dropout: float = 0.0
    """Probability that an input of A is dropped in training."""
    targets: tuple[str, ...] = ()
    """Ends of the names of the layers that are changed; empty: what PEFT knows of the architecture (BERT: query and
    value)."""

    def __post_init__(self) -> None:
        if self.rank < 1 or self.alpha <= 0 or not 0 <= self.dropout < 1:
            raise ConfigError(f"lora needs rank >= 1, alpha > 0 and 0 <= dropout < 1, got {self}")

    def attach(self, backbone: nn.Module) -> Tuned:
        settings: dict[str, Any] = {"r": self.rank, "lora_alpha": self.alpha, "lora_dropout": self.dropout}
        return Tuned(wrapped(backbone, "LoraConfig", target_modules=list(self.targets) or None, **settings))

    def merge(self, tuned: Tuned) -> Any:
        return merged(tuned)
