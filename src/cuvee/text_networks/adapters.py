"""What a tuning trained, saved on its own (tuning.json, tuning.safetensors), loaded again, or merged into the backbone.

An adapter is worth nothing without the weights it was trained beside, so it keeps their checksum.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from cuvee import registry
from cuvee.errors import ConfigError, DataError
from cuvee.protocols import Tuning
from cuvee.text_networks.tuned import Mergeable, Tuned, trained
from cuvee.torch_runtime import read_json

__all__ = ["NAME", "load", "merged", "opened", "save"]

NAME = "tuning"
"""Of both files, less what they end in."""

_FORMAT = 1


def save(tuning: Tuning, tuned: nn.Module, folder: Path, backbone: Path) -> None:
    """Write the trained weights alone to `folder`, float32; `backbone` is the Hugging Face folder they belong to."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{NAME}.safetensors"
    save_file({name: value.detach().cpu().contiguous() for name, value in trained(tuned).items()}, path)
    body = {
        "format": _FORMAT,
        "tuning": registry.describe(tuning),
        "backbone": _checksum(backbone),
        "sha256": _sha(path),
    }
    (folder / f"{NAME}.json").write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")


def load(folder: Path, network: nn.Module, backbone: Path) -> tuple[Tuning, Any]:
    """Return the tuning and the tuned network of an adapter, in `eval` mode.

    Args:
        folder: what `save` wrote to.
        network: the backbone, loaded; it is changed in place.
        backbone: the Hugging Face folder it comes from.

    Raises:
        DataError: files that are missing or damaged, or that belong to other weights.
    """
    path, body = folder / f"{NAME}.safetensors", read_json(folder / f"{NAME}.json")
    if body.get("format") != _FORMAT or not path.is_file() or _sha(path) != body.get("sha256"):
        raise DataError(f"{folder} holds no adapter that is whole: {NAME}.json and {NAME}.safetensors of one training")
    if body["backbone"] != _checksum(backbone):
        raise DataError(f"the adapter in {folder} was trained beside other weights than those in {backbone}")
    tuning: Tuning = registry.build("tuning", body["tuning"])
    tuned = tuning.attach(network)
    try:
        weights = load_file(path)
    except SafetensorError as error:
        raise DataError(f"{path} is damaged: {error}") from error
    wanted = {name: value.shape for name, value in trained(tuned).items()}
    if wanted != {name: value.shape for name, value in weights.items()}:
        raise DataError(f"{path} does not hold the weights that {body['tuning']!r} trains in {backbone}")
    tuned.load_state_dict(weights, strict=False)
    return tuning, tuned.eval()


def opened(folder: Path, network: nn.Module) -> Any:
    """Return the network of a Hugging Face folder as it is, or tuned, where an adapter lies beside its weights."""
    if not (folder / f"{NAME}.json").is_file():
        return network
    dtype = next(network.parameters()).dtype
    return load(folder, network, folder)[1].to(dtype)


def merged(tuning: Tuning, tuned: Tuned) -> Any:
    """Return the backbone with what was trained in its own weights: the same outputs at the old cost.

    Raises:
        ConfigError: what the tuning puts beside the weights is no change of them.
    """
    if not isinstance(tuning, Mergeable):
        raise ConfigError(
            f"{registry.describe(tuning)} cannot be merged: the positions or networks it adds are no change of the "
            "backbone's own weights; keep the adapter, or use lora, adalora, ia3, last_layers or full"
        )
    return tuning.merge(tuned)


def _checksum(backbone: Path) -> str:
    """Hash the weights themselves: tokenisers and notes beside them may change."""
    digest = hashlib.sha256()
    for path in sorted(backbone.glob("*.safetensors")):
        if path.name != f"{NAME}.safetensors":
            digest.update(_sha(path).encode())
    return digest.hexdigest()


def _sha(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
