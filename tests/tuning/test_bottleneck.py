"""An adapter is the identity at first, and a constant one is a bias of the layer it hangs on."""

from pathlib import Path
from typing import Any

import pytest
import torch

from cuvee.text_networks.tuned import blocks
from cuvee.tuning.bottleneck import Bottleneck
from tests.tuning.conftest import FAMILIES, loaded
from tests.tuning.test_tuning import IDS, MASK


@pytest.mark.parametrize("family", FAMILIES)
def test_the_identity_at_first(family: str, backbones: dict[str, Path]) -> None:
    plain = loaded(backbones[family])(input_ids=IDS, attention_mask=MASK).last_hidden_state
    tuned: Any = Bottleneck(width=4).attach(loaded(backbones[family])).eval()
    torch.testing.assert_close(tuned(IDS, MASK), plain, rtol=1e-5, atol=1e-5)
    assert len(tuned.adapters) == 4  # two halves of two layers


@pytest.mark.parametrize(("family", "end"), [("bert", "output.dense"), ("gpt2", "mlp.c_proj")])
def test_a_constant_adapter_is_a_bias(family: str, end: str, backbones: dict[str, Path]) -> None:
    tuned: Any = Bottleneck(width=4).attach(loaded(backbones[family])).eval()
    plain: Any = loaded(backbones[family])
    shift = torch.linspace(-1, 2, 16)
    with torch.no_grad():
        tuned.adapters[f"0-{end.replace('.', '-')}"].up.bias.copy_(shift)
        layer: Any = blocks(plain)[0].get_submodule(end)
        layer.bias.add_(shift)
        expected = plain(input_ids=IDS, attention_mask=MASK).last_hidden_state
        torch.testing.assert_close(tuned(IDS, MASK), expected, rtol=1e-5, atol=1e-5)


def test_an_adapter_by_hand(backbones: dict[str, Path]) -> None:
    """h + U gelu(D h + a) + b with one inner unit."""
    tuned: Any = Bottleneck(width=1).attach(loaded(backbones["bert"]))
    adapter = tuned.adapters["0-output-dense"]
    h = torch.arange(16.0) / 8
    with torch.no_grad():
        adapter.down.weight.fill_(0.5)
        adapter.down.bias.fill_(-1)
        adapter.up.weight.fill_(2)
        adapter.up.bias.fill_(0.25)
    inner = 0.5 * 15.0 - 1  # the sum of h is 15
    gelu = inner * 0.5 * (1 + torch.erf(torch.tensor(inner / 2**0.5)))
    torch.testing.assert_close(adapter(h), h + 2 * gelu + 0.25)
