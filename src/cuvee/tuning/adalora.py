"""AdaLoRA: LoRA as B diag(E) A, whose ranks move in training to the weights where they count.

A component's importance is smoothed sensitivity |weight x gradient| times its uncertainty; the least important have
their E set to 0 until the ranks that are left are `rank` a weight on average.

Reference: Q. Zhang et al., "Adaptive budget allocation for parameter-efficient fine-tuning", ICLR 2023, eq. 6..11.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cuvee.errors import ConfigError
from cuvee.text_networks.peft_library import merged, wrapped
from cuvee.text_networks.tuned import Tuned

__all__ = ["Adalora"]

_FAR = 1_000_000_000
"""PEFT wants the number of steps at once; training tells it with the first."""


@dataclass(frozen=True)
class Adalora:
    """LoRA that spends its ranks where they count; the training loop tells it of each step.

    Cost: LoRA's, and two numbers more a trained weight. Needs PEFT.
    """

    rank: int = 8
    """Ranks a changed weight has in the end, on average."""
    initial_rank: int = 12
    """Ranks each starts with."""
    alpha: float = 96.0
    """The change is multiplied by alpha / initial_rank; it starts smaller than LoRA's, as a product of three."""
    warm: float = 0.1
    """Share of the steps before ranks are first taken away."""
    settle: float = 0.3
    """Share of the steps, the last, in which the ranks stay."""
    interval: int = 10
    """Ranks are taken away every so many steps."""
    orthogonality: float = 0.5
    """Weight in the loss of how far A and B are from orthogonal."""
    targets: tuple[str, ...] = ()
    """Ends of the names of the layers that are changed; empty: what PEFT knows of the architecture."""

    def __post_init__(self) -> None:
        if not 1 <= self.rank < self.initial_rank or self.interval < 1 or self.orthogonality < 0 or self.alpha <= 0:
            raise ConfigError(
                f"adalora needs 1 <= rank < initial_rank, interval >= 1, alpha > 0 and orthogonality >= 0, got {self}"
            )
        if self.warm < 0 or self.settle < 0 or self.warm + self.settle >= 1:
            raise ConfigError(f"adalora needs time between warm and settle: their sum below 1, got {self}")

    def attach(self, backbone: nn.Module) -> "MovingRanks":
        ranks: dict[str, Any] = {"init_r": self.initial_rank, "target_r": self.rank, "lora_alpha": self.alpha}
        targets = list(self.targets) or None
        network = wrapped(
            backbone, "AdaLoraConfig", target_modules=targets, total_step=_FAR, deltaT=self.interval, **ranks
        )
        return MovingRanks(network, self)

    def merge(self, tuned: Tuned) -> Any:
        return merged(tuned)


class MovingRanks(Tuned):
    """The tuned backbone; what each weight's importance was found to be is in its state: training can be resumed."""

    def __init__(self, network: nn.Module, parameters: Adalora) -> None:
        super().__init__(network)
        self._plan = parameters
        for row, (_, weight) in enumerate(self._weights()):
            self.register_buffer(f"importance_{row}", torch.zeros_like(weight))
            self.register_buffer(f"uncertainty_{row}", torch.zeros_like(weight))
        places = sum("lora_E" in name for name, _ in self._weights())
        self.register_buffer("kept", torch.ones(places, parameters.initial_rank, dtype=torch.bool))

    def penalty(self) -> Tensor:
        """Return how far A A' and B' B are from the identity, the mean Frobenius norm, weighted."""
        gaps = []
        for name, weight in self._weights():
            if "lora_E" not in name:
                gram = weight @ weight.T if "lora_A" in name else weight.T @ weight
                gaps.append(torch.linalg.norm(gram - torch.eye(len(gram), device=gram.device)))
        return self._plan.orthogonality * torch.stack(gaps).mean()

    def stepped(self, done: int, steps: int) -> None:
        """Take ranks away by what the gradients of step `done`, from 1, of `steps` say."""
        model, own = self.network.base_model, self._plan
        config = model.peft_config["default"]
        config.total_step, config.tinit, config.tfinal = steps, int(own.warm * steps), int(own.settle * steps)
        ranks = model.rankallocator
        names = dict(self._weights())
        for row, name in enumerate(names):
            ranks.ipt.setdefault(name, torch.zeros_like(names[name]))
            ranks.exp_avg_ipt[name] = self.get_buffer(f"importance_{row}")
            ranks.exp_avg_unc[name] = self.get_buffer(f"uncertainty_{row}")
        values = [name for name in names if "lora_E" in name]
        if config.rank_pattern is None and not self.get_buffer("kept").all():  # resumed after ranks were taken away
            config.rank_pattern = dict(zip(values, self.get_buffer("kept").tolist(), strict=True))
        model.update_and_allocate(done)
        if config.rank_pattern is not None:
            self.get_buffer("kept").copy_(torch.tensor([config.rank_pattern[name] for name in values]))
        for row, name in enumerate(names):
            if name in ranks.exp_avg_ipt:  # forgotten with the last allocation
                self.get_buffer(f"importance_{row}").copy_(ranks.exp_avg_ipt[name])
                self.get_buffer(f"uncertainty_{row}").copy_(ranks.exp_avg_unc[name])

    def _weights(self) -> list[tuple[str, nn.Parameter]]:
        """Return A, B and E of every changed weight, by the names that PEFT gives them."""
        return [(n, p) for n, p in self.network.base_model.model.named_parameters() if "lora_" in n]
