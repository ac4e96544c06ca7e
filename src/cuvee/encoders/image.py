"""An image column as vectors by a pretrained vision network."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from PIL import Image as Pillow
from PIL import ImageOps

from cuvee import efficientnet_lite0
from cuvee import weights as weight_store
from cuvee.errors import DataError
from cuvee.pictures import content_hash, open_picture
from cuvee.roles import Role, need_column
from cuvee.torch_runtime import Precision, device, dtype_of, load_model, quiet, read_json, workers
from cuvee.types import Dataset, Embeddings, Floats

__all__ = ["Image", "FittedImage"]  # noqa: RUF022 - the component comes first

_BLOCK = 64
"""Rows of one yield."""

_BATCH = {"cpu": 4, "cuda": 64}
"""Pictures a thread unpacks and encodes at a time; few on a CPU, whose cache then holds what passes between layers."""

_SIDE = 224
"""Pixels a side that EfficientNet-Lite0 reads."""


@dataclass(frozen=True)
class Image:
    """Pooled features of a pretrained vision network; EfficientNet-Lite0 or any Hugging Face vision model.

    Cost: for EfficientNet-Lite0 about 25 ms of CPU a picture. Memory does not grow with the number of rows.
    """

    column: str = "image"
    """Column of file paths; an empty cell, and a file that cannot be read, is a missing image."""

    role: Role = "item"
    """Whose table: item or user (a portrait, a picture somebody likes)."""

    weights: str = "efficientnet-lite0"
    """A name of `cuvee weights list`, a local Hugging Face folder, or a hub id."""

    precision: Precision = "auto"
    """Numbers inside the network; auto is bfloat16 where the hardware multiplies it faster than float32."""

    def fit(self, train: Dataset, role: str) -> "FittedImage":
        """Find the weights; nothing is learnt from the rows.

        Raises:
            UnknownNameError: the table has no column of that name.
        """
        need_column(train, role, self.column)
        return FittedImage(self, weight_store.resolve(self.weights))


@dataclass(frozen=True)
class _Network:
    """A loaded network with the way a picture gets into it."""

    side: int
    """Pixels a side that it reads."""
    prepare: Callable[[Pillow.Image], Floats]
    """Picture -> (3, height, width)."""
    forward: Callable[[torch.Tensor], torch.Tensor]
    """(n, 3, height, width) -> (n, d)."""


@dataclass(frozen=True)
class FittedImage:
    """An image encoder with its weights; the network is loaded when the first row is encoded."""

    parameters: Image
    folder: Path
    """Hugging Face folder."""

    @cached_property
    def fingerprint(self) -> str:
        """Hash of everything but the picture that bears on a vector: weights and precision."""
        own = ["image", str(self._dtype), weight_store.fingerprint(self.folder)]
        return hashlib.sha256(json.dumps(own).encode()).hexdigest()

    def contents(self, table: pl.DataFrame) -> list[str]:
        """Return a hash of the bytes of each row's file, "" where there is none to read."""
        known = {path: content_hash(path) for path in set(self._paths(table))}
        return [known[path] for path in self._paths(table)]

    def encode(self, table: pl.DataFrame) -> Iterator[Embeddings]:
        """Yield the network's pooled features block after block, not normalised."""
        for start in range(0, len(table), _BLOCK):
            yield self._encode(self._paths(table[start : start + _BLOCK]))

    def _encode(self, paths: Sequence[str | None]) -> Embeddings:
        unique, size = sorted({path for path in paths if path}), _BATCH[device().type]
        vectors = np.zeros((len(paths), self._dim), np.float32)
        present = np.zeros(len(paths), np.bool_)
        with workers() as pool:
            passes = pool.map(self._encode_some, (unique[n : n + size] for n in range(0, len(unique), size)))
            found = {path: vector for each in passes for path, vector in each.items()}
        for row, path in enumerate(paths):
            if path in found:
                vectors[row], present[row] = found[path], True
        return Embeddings(vectors, present)

    def _encode_some(self, paths: Sequence[str]) -> dict[str, Floats]:
        """Return path -> vector of the pictures that can be read."""
        pictures = {path: open_picture(path, self._network.side) for path in paths}
        pixels = {path: self._network.prepare(picture) for path, picture in pictures.items() if picture}
        return dict(zip(pixels, self._forward(np.stack(list(pixels.values()))), strict=True)) if pixels else {}

    def _forward(self, pixels: Floats) -> Floats:
        batch = torch.from_numpy(pixels).to(device(), self._dtype).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            return np.asarray(self._network.forward(batch).float().cpu().numpy(), np.float32)

    def _paths(self, table: pl.DataFrame) -> list[str | None]:
        name = self.parameters.column
        return table[name].cast(pl.String).to_list() if name in table.columns else [None] * len(table)

    @property
    def _dtype(self) -> torch.dtype:
        return dtype_of(self.parameters.precision)

    @cached_property
    def _dim(self) -> int:
        blank = self._network.prepare(Pillow.new("RGB", (self._network.side, self._network.side)))
        return int(self._forward(blank[None]).shape[1])

    @cached_property
    def _network(self) -> _Network:
        if read_json(self.folder / "config.json").get("model_type") == "efficientnet_lite0":
            return _lite0(self.folder, self._dtype)
        return _hugging_face(self.folder, self._dtype)


def _lite0(folder: Path, dtype: torch.dtype) -> _Network:
    network: Any = efficientnet_lite0.load(folder).to(device(), dtype)
    return _Network(_SIDE, _squared, network.to(memory_format=torch.channels_last))


def _squared(picture: Pillow.Image) -> Floats:
    """Return what EfficientNet-Lite0 reads: the whole picture in its proportions, white around it."""
    whole = ImageOps.pad(picture, (_SIDE, _SIDE), Pillow.Resampling.BICUBIC, color="white")
    scaled = (np.asarray(whole, np.float32) - 127) / 128  # as its weights were trained, unlike most
    return np.ascontiguousarray(scaled.transpose(2, 0, 1))


def _hugging_face(folder: Path, dtype: torch.dtype) -> _Network:
    """Wrap CLIP, SigLIP, ViT, DINOv2 ...: projected image features where the model has them, else its pooled output."""
    from transformers import AutoImageProcessor as Loader

    loader: Any = Loader
    with quiet():
        try:
            processor = loader.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, ImportError) as error:
            raise DataError(f"{folder} has no image processor that works here: {error}") from error
    model = load_model(folder, dtype)
    projected = hasattr(model, "get_image_features")

    def prepare(picture: Pillow.Image) -> Floats:
        return np.asarray(processor(picture, return_tensors="np")["pixel_values"][0], np.float32)

    def forward(pixels: torch.Tensor) -> torch.Tensor:
        out: Any = model.get_image_features(pixel_values=pixels) if projected else model(pixel_values=pixels)
        pooled: torch.Tensor | None = getattr(out, "pooler_output", None)
        return out.last_hidden_state[:, 0] if pooled is None else pooled.flatten(1)

    side = max(prepare(Pillow.new("RGB", (64, 64))).shape[1:])
    return _Network(side, prepare, forward)
