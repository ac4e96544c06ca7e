"""How pretrained Transformers are tuned."""

from typing import Any, Protocol, runtime_checkable

__all__ = ["Mergeable", "StateReading", "Tuning"]


class Tuning(Protocol):
    """Parameters of a way to tune a pretrained Transformer: what of it is trained, and what is put beside it."""

    def attach(self, backbone: Any) -> Any:
        """Return an nn.Module: forward(input_ids (n, t), attention_mask (n, t)) -> (n, t, d) last hidden states.

        Args:
            backbone: a network of Transformers, in memory for this alone: it is changed in place. What is not to be
                trained is frozen.
        """
        ...


@runtime_checkable
class Mergeable(Protocol):
    """A tuning whose result fits into the backbone's own weights."""

    def merge(self, tuned: Any) -> Any:
        """Return the backbone (an nn.Module) with the same outputs as the tuned one; `tuned` is used up."""
        ...


@runtime_checkable
class StateReading(Protocol):
    """A tuned backbone that reads only states which training does not change: they are computed once and cached."""

    def states(self, input_ids: Any, attention_mask: Any) -> Any:
        """Return (n, l, d): what is to be cached of each text."""
        ...

    def from_states(self, states: Any) -> Any:
        """Return (n, d) from (n, l, d)."""
        ...
