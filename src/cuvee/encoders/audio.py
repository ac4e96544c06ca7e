"""A column of sounds as vectors by a pretrained audio network.

Reference: Radford et al., "Robust speech recognition via large-scale weak supervision", ICML 2023, section 2.2 (the
encoder of Whisper).
"""

import hashlib
import json
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from cuvee import weights as weight_store
from cuvee.errors import ConfigError, DataError
from cuvee.films import need_decoder, read_sound
from cuvee.pictures import content_hash
from cuvee.roles import Role, need_column
from cuvee.torch_runtime import Precision, device, dtype_of, load_model, quiet, workers
from cuvee.types import Dataset, Embeddings, Floats

__all__ = ["Audio", "FittedAudio"]

logger = logging.getLogger(__name__)

_BLOCK = 64
"""Rows of one yield."""

_SHORTEST = 0.1
"""Seconds that a clip is filled up to with silence: networks on the wave itself need some samples at all."""


@dataclass(frozen=True)
class Audio:
    """Mean of what a pretrained audio network says of a clip: Whisper's encoder, CLAP, AST, Wav2Vec2 and their kin.

    Needs the extra `media`. Cost: for whisper-base about 0.1 s of CPU for a clip of two seconds, 1 s for one of thirty:
    only the time that a clip really fills is encoded. Memory does not grow with the number of rows.
    """

    column: str = "audio"
    """Column of file paths; of a video the sound track is read. Empty cells and files without sound are missing."""

    role: Role = "item"
    """Whose table: item or user (a voice, a favourite song)."""

    weights: str = "whisper-base"
    """A name of `cuvee weights list`, a local Hugging Face folder, or a hub id."""

    seconds: float = 30.0
    """Read of each clip at most, from its beginning; no more than the network's own limit (Whisper 30, CLAP 10)."""

    precision: Precision = "auto"
    """Numbers inside the network; auto is bfloat16 where the hardware multiplies it faster than float32."""

    def __post_init__(self) -> None:
        if not self.seconds > 0 or math.isinf(self.seconds):
            raise ConfigError(f"seconds must be above 0 and finite, got {self.seconds}")

    def fit(self, train: Dataset, role: str) -> "FittedAudio":
        """Find the weights; nothing is learnt from the rows.

        Raises:
            UnknownNameError: the table has no column of that name.
            ConfigError: PyAV is not installed.
        """
        need_column(train, role, self.column)
        need_decoder()
        return FittedAudio(self, weight_store.resolve(self.weights))


@dataclass(frozen=True)
class _Network:
    """A loaded network with what it wants of a clip."""

    rate: int
    """Samples a second."""
    limit: int | None
    """Samples it can read; None for any number."""
    forward: Callable[[Floats], torch.Tensor]
    """(t,) samples -> (d,)."""


@dataclass(frozen=True)
class FittedAudio:
    """An audio encoder with its weights; the network is loaded when the first row is encoded."""

    parameters: Audio
    folder: Path
    """Hugging Face folder."""

    @cached_property
    def fingerprint(self) -> str:
        """Hash of everything but the sound that bears on a vector: weights, cut, precision."""
        own = ["audio", self.parameters.seconds, str(self._dtype), weight_store.fingerprint(self.folder)]
        return hashlib.sha256(json.dumps(own).encode()).hexdigest()

    def contents(self, table: pl.DataFrame) -> list[str]:
        """Return a hash of the bytes of each row's file, "" where there is none to read."""
        known = {path: content_hash(path, "sound") for path in set(self._paths(table))}
        return [known[path] for path in self._paths(table)]

    def encode(self, table: pl.DataFrame) -> Iterator[Embeddings]:
        """Yield the network's pooled features block after block, not normalised.

        Each clip has a pass and a thread of its own, so that its bytes depend neither on the other rows nor on the
        number of threads. How many files had no sound is said once, at the end.
        """
        silent: dict[str, str] = {}
        for start in range(0, len(table), _BLOCK):
            yield self._encode(self._paths(table[start : start + _BLOCK]), silent)
        if silent:
            path, reason = next(iter(silent.items()))
            name = self.parameters.column
            logger.warning(
                "%s: %d files have no sound and count as missing: %s (%s) ...", name, len(silent), path, reason
            )

    def _encode(self, paths: Sequence[str | None], silent: dict[str, str]) -> Embeddings:
        """Encode some rows; path -> reason of files that have no sound is added to `silent`."""
        unique = sorted({path for path in paths if path})
        vectors = np.zeros((len(paths), self._dim), np.float32)
        present = np.zeros(len(paths), np.bool_)
        with workers() as pool:
            found = dict(zip(unique, pool.map(self._encode_one, unique), strict=True))
        for row, path in enumerate(paths):
            vector = found[path] if path else None
            if isinstance(vector, str):
                silent[path or ""] = vector
            elif vector is not None:
                vectors[row], present[row] = vector, True
        return Embeddings(vectors, present)

    def _encode_one(self, path: str) -> Floats | str:
        """Return the vector of a file, or why it has none."""
        network = self._network
        seconds = min(self.parameters.seconds, (network.limit or math.inf) / network.rate)
        try:
            return self._forward(read_sound(path, network.rate, seconds))
        except DataError as error:
            return str(error)

    def _forward(self, samples: Floats) -> Floats:
        room = max(0, math.ceil(_SHORTEST * self._network.rate) - len(samples))
        with torch.inference_mode():
            return np.asarray(self._network.forward(np.pad(samples, (0, room))).float().cpu().numpy(), np.float32)

    def _paths(self, table: pl.DataFrame) -> list[str | None]:
        name = self.parameters.column
        return table[name].cast(pl.String).to_list() if name in table.columns else [None] * len(table)

    @property
    def _dtype(self) -> torch.dtype:
        return dtype_of(self.parameters.precision)

    @cached_property
    def _dim(self) -> int:
        return len(self._forward(np.zeros(1, np.float32)))

    @cached_property
    def _network(self) -> _Network:
        extractor = _extractor(self.folder)
        model = load_model(self.folder, self._dtype)
        wrap = _whisper if model.config.model_type == "whisper" else _hugging_face
        return wrap(extractor, model, self._dtype)


def _extractor(folder: Path) -> Any:
    from transformers import AutoFeatureExtractor

    loader: Any = AutoFeatureExtractor
    with quiet():
        try:
            extractor = loader.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, ImportError) as error:
            raise DataError(f"{folder} has no feature extractor that works here: {error}") from error
    if not hasattr(extractor, "sampling_rate"):
        raise DataError(f"{folder} has {type(extractor).__name__}, which does not read sound")
    return extractor


def _whisper(extractor: Any, model: Any, dtype: torch.dtype) -> _Network:
    """Wrap the encoder of Whisper, which is trained on windows of 30 s; here it has the positions that a clip fills.

    One position more, of silence, keeps the mirror image at the end of a short-time Fourier transform out of the clip.
    """
    encoder: Any = model.get_encoder()
    model.decoder = None  # two thirds of the memory
    step = extractor.hop_length * encoder.conv1.stride[0] * encoder.conv2.stride[0]  # samples a position
    most = encoder.config.max_source_positions

    def forward(samples: Floats) -> torch.Tensor:
        filled = math.ceil(len(samples) / step)
        positions = min(filled + 1, most)
        whole = np.pad(samples, (0, positions * step - len(samples)))
        given = extractor(whole, sampling_rate=extractor.sampling_rate, padding="longest", return_tensors="pt")
        hidden: torch.Tensor = torch.nn.functional.gelu(encoder.conv1(given["input_features"].to(device(), dtype)))
        hidden = torch.nn.functional.gelu(encoder.conv2(hidden)).permute(0, 2, 1)
        hidden = hidden + encoder.embed_positions.weight[:positions]
        for layer in encoder.layers:
            hidden = layer(hidden, None)
        hidden = encoder.layer_norm(hidden)
        return hidden[0, :filled].float().mean(0)

    return _Network(extractor.sampling_rate, most * step, forward)


def _hugging_face(extractor: Any, model: Any, dtype: torch.dtype) -> _Network:
    """Wrap CLAP (the space it shares with texts), AST (its pooled output), Wav2Vec2, HuBERT ... (mean over time)."""
    projected = hasattr(model, "get_audio_features")
    if model.config.is_encoder_decoder:
        model = model.get_encoder()

    def forward(samples: Floats) -> torch.Tensor:
        given = extractor(samples, sampling_rate=extractor.sampling_rate, return_tensors="pt")
        moved = {
            name: value.to(device(), dtype) if value.is_floating_point() else value.to(device())
            for name, value in given.items()
        }
        out: Any = model.get_audio_features(**moved) if projected else model(**moved)
        pooled: torch.Tensor | None = getattr(out, "pooler_output", None)
        if pooled is not None:
            return pooled[0]
        hidden: torch.Tensor = out.last_hidden_state
        return hidden[0].float().mean(0)

    # CLAP's extractor would cut a longer clip at a random place
    return _Network(extractor.sampling_rate, getattr(extractor, "nb_max_samples", None), forward)
