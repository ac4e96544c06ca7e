"""Ranks move to where they count, with the one training loop, which may be interrupted."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cuvee.train import Training, train
from cuvee.tuning.adalora import Adalora, MovingRanks
from tests.tuning.conftest import loaded
from tests.tuning.test_tuning import MASK, pooled

PLAN = Adalora(rank=1, initial_rank=3, interval=2, warm=0.2, settle=0.25, alpha=12.0)


def attached(folder: Path) -> MovingRanks:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return PLAN.attach(loaded(folder))


def ranks(tuned: MovingRanks) -> list[int]:
    return [int((w != 0).sum()) for name, w in tuned.named_parameters() if "lora_E" in name]


def learn(tuned: MovingRanks, folder: Path | None, stop: int | None = None) -> None:
    """Three steps an epoch, eight epochs; `stop` raises in that epoch's second step."""
    goal, seen = torch.linspace(-1, 1, 16), [0]

    def loss(network: nn.Module, _: Tensor) -> Tensor:
        seen[0] += 1
        if stop is not None and seen[0] == 3 * stop + 2:
            raise KeyboardInterrupt
        return ((pooled(network) - goal) ** 2).mean()

    training = Training(8, lr=0.02, weight_decay=0, checkpoint=folder)
    train(tuned, lambda _: [MASK] * 3, loss, None, training, np.random.default_rng(0))


def test_ranks_that_count_least_are_given_back(backbones: dict[str, Path]) -> None:
    """Four changed weights of three ranks each keep four of them; not all the same number."""
    tuned = attached(backbones["bert"])
    assert ranks(tuned) == [0, 0, 0, 0]  # E starts at 0: nothing is changed yet
    learn(tuned, None)
    assert sum(ranks(tuned)) == 4


@pytest.mark.parametrize("stop", [3, 7])
def test_an_interrupted_training_ends_with_the_same_bytes(
    stop: int, backbones: dict[str, Path], tmp_path: Path
) -> None:
    """Epoch 3 is while ranks are given back, epoch 7 when they stay."""
    whole, parted = attached(backbones["bert"]), attached(backbones["bert"])
    learn(whole, None)
    with pytest.raises(KeyboardInterrupt):
        learn(parted, tmp_path, stop)
    again = attached(backbones["bert"])
    learn(again, tmp_path)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_penalty_by_hand(backbones: dict[str, Path]) -> None:
    """A of ones (3, 16): A A' is 16 everywhere; less the identity, |15| three times and 16 six times. B = 0: root 3."""
    tuned: Any = attached(backbones["bert"])
    with torch.no_grad():
        for name, weight in tuned.named_parameters():
            if "lora_A" in name:
                weight.fill_(1.0)
            if "lora_B" in name:
                weight.zero_()
    of_a, of_b = (3 * 15.0**2 + 6 * 16.0**2) ** 0.5, 3**0.5
    assert float(tuned.penalty().detach()) == pytest.approx(0.5 * (of_a + of_b) / 2, rel=1e-6)
