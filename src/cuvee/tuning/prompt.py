"""Prompt tuning: learned vectors stand before the embeddings of the tokens; the backbone is as it was.

Reference: B. Lester, R. Al-Rfou, N. Constant, "The power of scale for parameter-efficient prompt tuning", EMNLP 2021.
"""

from dataclasses import dataclass

import torch
from torch import nn

from cuvee.errors import ConfigError
from cuvee.text_networks.peft_library import wrapped
from cuvee.text_networks.tuned import Tuned

__all__ = ["Prompt"]


@dataclass(frozen=True)
class Prompt:
    """Learned tokens before each text; they start as embeddings of random words of the vocabulary.

    Cost: each step runs the backbone forward and back, on texts longer by `tokens`; they count against the longest text
    that the backbone reads. Cannot be merged. Needs PEFT.
    """

    tokens: int = 10
    """How many."""

    def __post_init__(self) -> None:
        if self.tokens < 1:
            raise ConfigError(f"prompt needs tokens of at least 1, got {self.tokens}")

    def attach(self, backbone: nn.Module) -> Tuned:
        network = wrapped(backbone, "PromptTuningConfig", num_virtual_tokens=self.tokens)
        words = network.get_base_model().get_input_embeddings().weight
        with torch.no_grad():
            drawn = torch.randint(len(words), (self.tokens,))
            network.prompt_encoder["default"].embedding.weight.copy_(words[drawn.to(words.device)])
        return Tuned(network, added=self.tokens, taken=self.tokens)
