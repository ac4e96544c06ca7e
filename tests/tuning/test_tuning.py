"""Every tuning on every family of backbones: what is trained, what is not, saved, loaded and merged."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cuvee import registry, weights
from cuvee.errors import ConfigError, DataError
from cuvee.text_networks import adapters
from cuvee.text_networks.towers import load_backbone, pool, states
from cuvee.text_networks.tuned import Mergeable, share, trained
from cuvee.train import Training, train
from tests.tuning.conftest import FAMILIES, loaded

SPECS: dict[str, Any] = {
    "full": "full",
    "last_layers": {"last_layers": {"layers": 1}},
    "lora": {"lora": {"rank": 2}},
    "adalora": {"adalora": {"rank": 1, "initial_rank": 3, "interval": 2, "settle": 0.2}},
    "prefix": {"prefix": {"tokens": 3}},
    "prompt": {"prompt": {"tokens": 3}},
    "ia3": "ia3",
    "bottleneck": {"bottleneck": {"width": 4}},
    "side": {"side": {"width": 4}},
}
PAIRS = [(method, family) for method in SPECS for family in FAMILIES if (method, family) != ("prefix", "t5")]

IDS = torch.tensor([[1, 9, 8, 7, 6, 5, 2], [1, 4, 4, 2, 0, 0, 0], [1, 30, 21, 12, 13, 2, 0]])
MASK = (IDS > 0).long()


def attached(method: str, folder: Path) -> tuple[Any, Any]:
    tuning = registry.build("tuning", SPECS[method])
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return tuning, tuning.attach(loaded(folder)).eval()


def pooled(tuned: nn.Module) -> Tensor:
    hidden: Tensor = tuned(IDS, MASK)
    assert hidden.shape == (*IDS.shape, 16)
    weights = MASK[..., None].float()
    return (hidden * weights).sum(1) / weights.sum(1)


def taught(tuned: nn.Module, epochs: int = 6, lr: float = 0.02) -> tuple[float, float]:
    """Pull the texts' vectors in one direction; return the loss before and after."""
    with torch.no_grad():
        goal = pooled(tuned) + torch.linspace(-1, 1, 16)

    def loss(network: nn.Module, _: Tensor) -> Tensor:
        return ((pooled(network) - goal) ** 2).mean()

    with torch.no_grad():
        before = float(loss(tuned.eval(), IDS))
        training = Training(epochs, lr=lr, weight_decay=0, clip=None)
    train(tuned, lambda _: [torch.zeros(1)], loss, None, training, np.random.default_rng(0))
    with torch.no_grad():
        return before, float(loss(tuned.eval(), IDS))


def test_every_tuning_is_tested() -> None:
    assert set(registry.names("tuning")) == set(SPECS)


@pytest.mark.parametrize(("method", "family"), PAIRS)
def test_only_what_is_declared_trains_and_the_loss_falls(method: str, family: str, backbones: dict[str, Path]) -> None:
    _, tuned = attached(method, backbones[family])
    before = {name: value.clone() for name, value in tuned.state_dict().items()}
    declared = set(trained(tuned))
    lost, left = taught(tuned, epochs=16)
    assert left < 0.998 * lost
    changed = {name for name, value in tuned.named_parameters() if not torch.equal(before[name], value)}
    assert changed
    assert changed <= declared
    assert not any("pooler" in name for name in declared)
    if method not in ("full", "last_layers"):
        assert not any(name.endswith("word_embeddings.weight") for name in declared)


@pytest.mark.parametrize(("method", "family"), [p for p in PAIRS if p[1] in ("bert", "gpt2", "t5")])
def test_saved_alone_and_loaded(method: str, family: str, backbones: dict[str, Path], tmp_path: Path) -> None:
    tuning, tuned = attached(method, backbones[family])
    taught(tuned)
    adapters.save(tuning, tuned, tmp_path, backbones[family])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["tuning.json", "tuning.safetensors"]
    again, loaded_again = adapters.load(tmp_path, loaded(backbones[family]), backbones[family])
    assert again == tuning
    with torch.no_grad():
        torch.testing.assert_close(loaded_again(IDS, MASK), tuned(IDS, MASK), rtol=0, atol=0)


MERGEABLE = ("full", "last_layers", "lora", "adalora", "ia3")


@pytest.mark.parametrize("method", [m for m in SPECS if m not in MERGEABLE])
def test_what_is_no_change_of_weights_cannot_be_merged(method: str, backbones: dict[str, Path]) -> None:
    tuning, tuned = attached(method, backbones["bert"])
    assert not isinstance(tuning, Mergeable)
    with pytest.raises(ConfigError, match=f"{method}.*cannot be merged: the positions or networks it adds"):
        adapters.merged(tuning, tuned)


@pytest.mark.parametrize(("method", "family"), [p for p in PAIRS if p[0] in MERGEABLE])
def test_merged_equals_unmerged(method: str, family: str, backbones: dict[str, Path]) -> None:
    tuning, tuned = attached(method, backbones[family])
    taught(tuned, epochs=16)
    with torch.no_grad():
        expected, untuned = (
            tuned(IDS, MASK),
            loaded(backbones[family])(input_ids=IDS, attention_mask=MASK).last_hidden_state,
        )
        seen = MASK.bool()
        assert (expected - untuned)[seen].abs().max() > 1e-2
        network = adapters.merged(tuning, tuned)
        found = network(input_ids=IDS, attention_mask=MASK).last_hidden_state
    torch.testing.assert_close(found[seen], expected[seen], rtol=1e-4, atol=1e-4)
    plain = loaded(backbones[family])
    assert {n: p.shape for n, p in network.named_parameters()} == {
        n: p.shape for n, p in plain.named_parameters() if "pooler" not in n
    }


@pytest.mark.parametrize(("method", "family"), [p for p in PAIRS if p[1] in ("roberta", "llama")])
def test_padding_says_nothing(method: str, family: str, backbones: dict[str, Path]) -> None:
    _, tuned = attached(method, backbones[family])
    taught(tuned, epochs=2)
    with torch.no_grad():
        other = torch.where(MASK.bool(), IDS, 33)
        seen = MASK.bool()
        torch.testing.assert_close(tuned(other, MASK)[seen], tuned(IDS, MASK)[seen], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_a_prompt_is_embeddings_put_in_front(family: str, backbones: dict[str, Path]) -> None:
    _, tuned = attached("prompt", backbones[family])
    plain: Any = loaded(backbones[family])
    words, learned = plain.get_input_embeddings()(IDS), next(iter(trained(tuned).values()))
    assert all(any(torch.equal(row, word) for word in plain.get_input_embeddings().weight) for row in learned)
    put = torch.cat([learned.expand(3, -1, -1), words], dim=1)
    mask = torch.cat([torch.ones(3, 3, dtype=torch.int64), MASK], dim=1)
    with torch.no_grad():
        expected = plain(inputs_embeds=put, attention_mask=mask).last_hidden_state[:, 3:]
        torch.testing.assert_close(tuned(IDS, MASK), expected, rtol=1e-5, atol=1e-5)


def test_shares_by_hand(backbones: dict[str, Path]) -> None:
    """BERT of width 16 and 2 layers: LoRA of rank 2 is (2 x 16 + 16 x 2) on query and value of each layer."""
    counts = {m: share(attached(m, backbones["bert"])[1])[0] for m in SPECS}
    assert counts["lora"] == 2 * 2 * (2 * 16 + 16 * 2)
    assert counts["adalora"] == 2 * 2 * (3 * 16 + 16 * 3 + 3)
    assert counts["ia3"] == 2 * (16 + 16 + 16 + 24)  # key, value, and what enters both layers called output.dense
    assert counts["prompt"] == 3 * 16
    assert counts["prefix"] == 3 * 2 * 2 * 16  # keys and values of two layers
    adapter = 16 * 4 + 4 + 4 * 16 + 16
    assert counts["bottleneck"] == 2 * (2 * adapter + 2 * 2 * 16)
    layer = 4 * (16 * 16 + 16) + (16 * 24 + 24) + (24 * 16 + 16) + 2 * 2 * 16
    assert counts["last_layers"] == layer
    assert counts["full"] == (40 + 64 + 2) * 16 + 2 * 16 + 2 * layer


def test_what_cannot_be_is_refused(backbones: dict[str, Path], tmp_path: Path, monkeypatch: Any) -> None:
    with pytest.raises(ConfigError, match=r"PrefixTuningConfig does not fit T5Stack .* use bottleneck, side"):
        attached("prefix", backbones["t5"])
    with pytest.raises(ConfigError, match="LoraConfig does not fit BertModel"):
        registry.build("tuning", {"lora": {"targets": ["nothing"]}}).attach(loaded(backbones["bert"]))
    with pytest.raises(ConfigError, match="3 of 2 layers"):
        registry.build("tuning", {"last_layers": {"layers": 3}}).attach(loaded(backbones["bert"]))
    for spec in ({"lora": {"rank": 0}}, {"prompt": {"tokens": 0}}, {"prefix": {"tokens": 0}}, {"side": {"width": 0}},
                 {"last_layers": {"layers": 0}}, {"bottleneck": {"width": 0}}, {"adalora": {"rank": 12}},
                 {"adalora": {"warm": 0.5, "settle": 0.5}}):  # fmt: skip
        with pytest.raises(ConfigError, match=r"got|needs"):
            registry.build("tuning", spec)
    tuning, tuned = attached("lora", backbones["bert"])
    adapters.save(tuning, tuned, tmp_path, backbones["bert"])
    with pytest.raises(DataError, match="other weights"):
        adapters.load(tmp_path, loaded(backbones["roberta"]), backbones["roberta"])
    content = bytearray((tmp_path / "tuning.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "tuning.safetensors").write_bytes(content)
    with pytest.raises(DataError, match="no adapter that is whole"):
        adapters.load(tmp_path, loaded(backbones["bert"]), backbones["bert"])
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(ConfigError, match=r"pip install 'cuvee\[peft\]'"):
        attached("lora", backbones["bert"])
    attached("bottleneck", backbones["bert"])


def test_the_file_names_the_tuning(backbones: dict[str, Path], tmp_path: Path) -> None:
    tuning, tuned = attached("lora", backbones["bert"])
    adapters.save(tuning, tuned, tmp_path, backbones["bert"])
    body = json.loads((tmp_path / "tuning.json").read_text())
    assert body["tuning"] == {"lora": {"rank": 2, "alpha": 16.0, "dropout": 0.0, "targets": []}}


@pytest.mark.weights
@pytest.mark.parametrize("name", ["minilm", "multilingual-e5-small"])
def test_pretrained_encoders(name: str, tmp_path: Path) -> None:
    """It starts near the weights where it can, has a few MB, and comes back to the same vectors."""
    folder = weights.resolve(name)
    plain = load_backbone(folder)
    with torch.no_grad():
        expected = pool(states(plain, IDS, MASK), MASK, "mean")
    every = ("lora", "adalora", "prefix", "prompt", "ia3", "bottleneck", "side")
    for method in every if name == "minilm" else ("lora", "side"):
        tuning = registry.build("tuning", method)
        tuned = tuning.attach(load_backbone(folder)).eval()
        with torch.no_grad():
            found = pool(tuned(IDS, MASK), MASK, "mean")
            near = torch.nn.functional.cosine_similarity(found, expected).min()
            assert near > 0.9999 or method in ("prefix", "prompt")  # these are read from the first step on
            for weight in trained(tuned).values():
                weight.add_(0.01 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)))
            changed = tuned(IDS, MASK)
        adapters.save(tuning, tuned, tmp_path / method, folder)
        assert (tmp_path / method / "tuning.safetensors").stat().st_size < 8e6
        _, again = adapters.load(tmp_path / method, load_backbone(folder), folder)
        with torch.no_grad():
            torch.testing.assert_close(again(IDS, MASK), changed, rtol=0, atol=0)
        if isinstance(tuning, Mergeable):
            with torch.no_grad():
                merged = states(adapters.merged(registry.build("tuning", method), again), IDS, MASK)
            torch.testing.assert_close(merged[MASK.bool()], changed[MASK.bool()], rtol=1e-3, atol=1e-4)


@pytest.mark.weights
@pytest.mark.parametrize("method", ["lora", "ia3", "side"])
def test_a_pretrained_decoder(method: str, tmp_path: Path) -> None:
    folder = weights.resolve("smollm2-135m-instruct")
    tuning = registry.build("tuning", method)
    tuned = tuning.attach(load_backbone(folder)).eval()
    lost, left = before_and_after_a_step(tuned)
    assert left < lost
    adapters.save(tuning, tuned, tmp_path, folder)
    assert (tmp_path / "tuning.safetensors").stat().st_size < 3e7
    if isinstance(tuning, Mergeable):
        with torch.no_grad():
            expected = tuned(IDS, MASK)
            found = states(adapters.merged(registry.build("tuning", method), tuned), IDS, MASK)
        torch.testing.assert_close(found[MASK.bool()], expected[MASK.bool()], rtol=1e-2, atol=1e-2)


def before_and_after_a_step(tuned: nn.Module) -> tuple[float, float]:
    """Pull the vectors in one direction by plain gradient descent."""
    with torch.no_grad():
        goal = pool(states(tuned, IDS, MASK), MASK, "mean") + 0.1
    found = []
    optimizer = torch.optim.AdamW(trained(tuned).values(), lr=1e-3)
    for _ in range(3):
        value = ((pool(states(tuned, IDS, MASK), MASK, "mean") - goal) ** 2).mean()
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        found.append(float(value.detach()))
    return found[0], found[-1]
