"""The state dict of EfficientNet-Lite0 as a folder: `config.json` and `model.safetensors`."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

__all__ = ["materialise"]


def materialise(source: Path, target: Path) -> None:
    """Write the weights of the file `source` and what is known about them into the folder `target`."""
    state = torch.load(source, map_location="cpu", weights_only=True)  # tensors only: nothing in the file is run
    tensors = {name: tensor.contiguous() for name, tensor in state.items()}
    save_file(tensors, target / "model.safetensors", {"format": "pt"})
    config = {"model_type": "efficientnet_lite0", "hidden_size": 1280, "image_size": 224}
    (target / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
