"""The ladder by its equation, over states that training does not change."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cuvee.text_networks.tuned import StateReading
from cuvee.tuning.side import Ladder, Side
from tests.tuning.conftest import FAMILIES, loaded
from tests.tuning.test_tuning import IDS, MASK, taught

Doubles = NDArray[np.float64]


def normal(x: Doubles) -> Doubles:
    return np.asarray((x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5))


def climb(ladder: Ladder, states: Doubles) -> Doubles:
    """The module's docstring in numpy."""
    erf = np.vectorize(math.erf)
    w = {name: value.detach().numpy().astype(np.float64) for name, value in ladder.state_dict().items()}
    rung: Any = 0.0
    for layer in range(states.shape[1]):
        g = 1 / (1 + np.exp(-w["gates"][layer]))
        read = normal(states[:, layer]) @ w[f"down.{layer}.weight"].T + w[f"down.{layer}.bias"]
        rung = g * read + (1 - g) * rung
        a = f"steps.{layer}.inner"
        inner = normal(rung) * w[f"{a}.0.weight"] + w[f"{a}.0.bias"]
        inner = inner @ w[f"{a}.1.weight"].T + w[f"{a}.1.bias"]
        inner = inner * 0.5 * (1 + erf(inner / np.sqrt(2)))
        rung = rung + inner @ w[f"{a}.4.weight"].T + w[f"{a}.4.bias"]
    return np.asarray(states[:, -1] + rung @ w["up.weight"].T + w["up.bias"])


def test_the_ladder_by_its_equation() -> None:
    torch.manual_seed(2)
    ladder = Ladder(layers=3, dim=6, width=4, dropout=0.0)
    states = torch.randn(5, 3, 6)
    torch.testing.assert_close(ladder(states), states[:, -1])  # what the backbone says, at first
    with torch.no_grad():
        for weight in ladder.parameters():
            weight.copy_(torch.randn(weight.shape))
    np.testing.assert_allclose(ladder(states).detach().numpy(), climb(ladder, states.double().numpy()), rtol=2e-4)


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
@pytest.mark.parametrize("family", FAMILIES)
def test_states_are_each_layers_pooled(family: str, pooling: Any, backbones: dict[str, Path]) -> None:
    tuned = Side(width=4, pooling=pooling).attach(loaded(backbones[family]))
    assert isinstance(tuned, StateReading)
    found = tuned.train().states(IDS, MASK)  # dropout of the backbone would show here
    assert found.shape == (3, 3, 16)
    hidden = loaded(backbones[family])(input_ids=IDS, attention_mask=MASK, output_hidden_states=True).hidden_states
    for row, length in enumerate(MASK.sum(1).tolist()):
        for layer, states in enumerate(hidden):
            kept = states[row, :length]
            expected = {"mean": kept.mean(0), "cls": kept[0], "last": kept[-1]}[pooling]
            torch.testing.assert_close(found[row, layer], expected, rtol=1e-5, atol=1e-5)


def test_through_tokens_or_through_states(backbones: dict[str, Path]) -> None:
    tuned = Side(width=4).attach(loaded(backbones["bert"]))
    states = tuned.states(IDS, MASK)
    taught(tuned, epochs=3)
    torch.testing.assert_close(tuned.states(IDS, MASK), states, rtol=0, atol=0)
    told = tuned.from_states(states)
    assert (told - states[:, -1]).abs().max() > 0.01
    for position in range(IDS.shape[1]):
        torch.testing.assert_close(tuned(IDS, MASK)[:, position], told)
