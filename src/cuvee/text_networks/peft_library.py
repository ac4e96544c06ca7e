"""The one door to the PEFT library, which is imported when a method of it is asked for."""

import warnings
from importlib import import_module
from typing import Any

import torch
from torch import nn

from cuvee.errors import ConfigError
from cuvee.text_networks.tuned import Tuned, frozen

__all__ = ["merged", "wrapped"]


def wrapped(backbone: nn.Module, config: str, **settings: Any) -> Any:
    """Return PEFT's model of a backbone by the name of its configuration; only what it adds is trained.

    Raises:
        ConfigError: PEFT is not installed, does not know the architecture, or the architecture has no place for it.
    """
    try:
        peft: Any = import_module("peft")
    except ImportError as error:
        raise ConfigError(f"this tuning needs the PEFT library ({error}); pip install 'cuvee[peft]'") from error
    network = frozen(backbone)
    made = getattr(peft, config)(task_type="FEATURE_EXTRACTION", **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that it transposes GPT-2's weights, and calls what is deprecated
        try:
            found: Any = peft.get_peft_model(network, made)
            _probe(found)
        except (ValueError, RuntimeError, TypeError, AttributeError) as error:
            raise ConfigError(
                f"PEFT's {config} does not fit {type(backbone).__name__} ({_short(error)}); name the layers by "
                "`targets` where it has them, or use bottleneck, side or last_layers"
            ) from error
    return found


def merged(tuned: Tuned) -> Any:
    """Return the backbone with what PEFT trained added into its weights."""
    return tuned.network.merge_and_unload()


def _probe(network: nn.Module) -> None:
    """Run two tokens through it, and see that what is trained reaches the result."""
    weights = next(network.parameters())
    tokens = torch.ones((1, 2), dtype=torch.int64, device=weights.device)
    mode = network.training
    hidden = network.eval()(input_ids=tokens, attention_mask=torch.ones_like(tokens)).last_hidden_state
    network.train(mode)
    if not hidden.requires_grad:
        raise ValueError("what it adds does not reach the hidden states")


def _short(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
