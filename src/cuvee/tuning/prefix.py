"""Prefix-tuning: learned keys and values stand before those of the tokens in the attention of every layer.

Reference: X. L. Li, P. Liang, "Prefix-tuning: optimizing continuous prompts for generation", ACL 2021, equation 3,
without the network that makes the prefix (as P-tuning v2, X. Liu et al., ACL 2022, found best for understanding).
"""

from dataclasses import dataclass

import torch
from torch import nn

from cuvee.errors import ConfigError
from cuvee.text_networks.peft_library import wrapped
from cuvee.text_networks.tuned import Tuned

__all__ = ["Prefix"]

_SPREAD = 0.02
"""Standard deviation at the start: that of a language model's first embeddings; PEFT's own 1 drowns the tokens."""


@dataclass(frozen=True)
class Prefix:
    """Learned keys and values in every layer.

    Cost: each step runs the backbone forward and back; attention is longer by `tokens`, which count against the longest
    text that the backbone reads. Cannot be merged, and T5's encoder has no place for it. Needs PEFT.
    """

    tokens: int = 10
    """Positions that are put before the text."""

    def __post_init__(self) -> None:
        if self.tokens < 1:
            raise ConfigError(f"prefix needs tokens of at least 1, got {self.tokens}")

    def attach(self, backbone: nn.Module) -> Tuned:
        network = wrapped(backbone, "PrefixTuningConfig", num_virtual_tokens=self.tokens)
        with torch.no_grad():
            network.prompt_encoder["default"].embedding.weight.mul_(_SPREAD)
        return Tuned(network, taken=self.tokens)
