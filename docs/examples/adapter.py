"""Tune a text network with LoRA, keep the adapter alone, load it again, merge it."""

from pathlib import Path

import torch
from transformers import BertConfig, BertModel

from cuvee.text_networks import adapters
from cuvee.text_networks.towers import load_backbone, states
from cuvee.text_networks.tuned import share
from cuvee.tuning.lora import Lora

# a tiny network stands in for pretrained weights: any Hugging Face folder does, as `cuvee.weights.resolve` finds them
folder, kept = Path("network"), Path("adapter")
BertModel(BertConfig(vocab_size=40, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24)) \
    .save_pretrained(folder)  # fmt: skip

tuning = Lora(rank=2)
tuned = tuning.attach(load_backbone(folder))
print("trained numbers, of all: {:,} of {:,}".format(*share(tuned)))

ids = torch.tensor([[1, 5, 6, 2], [1, 7, 2, 0]])
mask = (ids > 0).long()
optimizer = torch.optim.AdamW([p for p in tuned.parameters() if p.requires_grad], lr=0.01)
for _ in range(3):
    optimizer.zero_grad()
    (tuned(ids, mask) ** 2).mean().backward()
    optimizer.step()

adapters.save(tuning, tuned.eval(), kept, folder)
print("kept:", ", ".join(sorted(path.name for path in kept.iterdir())))

again, loaded = adapters.load(kept, load_backbone(folder), folder)
with torch.no_grad():
    expected = loaded(ids, mask)
    found = states(adapters.merged(again, loaded), ids, mask)
print("merged says the same:", torch.allclose(found, expected, atol=1e-5))
