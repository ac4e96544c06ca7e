"""How pretrained Transformers are tuned."""

from typing import Any, Protocol

__all__ = ["Tuning"]


class Tuning(Protocol):
    """Parameters of a way to tune a pretrained Transformer: what of it is trained, and what is put beside it."""

    def attach(self, backbone: Any) -> Any:
        """Return an nn.Module: forward(input_ids (n, t), attention_mask (n, t)) -> (n, t, d) last hidden states.

        Args:
            backbone: a network of Transformers, in memory for this alone: it is changed in place. What is not to be
                trained is frozen.
        """
        ...
