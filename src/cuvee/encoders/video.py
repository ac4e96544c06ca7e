"""A column of videos as vectors: a few frames by an image encoder, and the sound by an audio encoder."""

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from cuvee.errors import ConfigError, DataError
from cuvee.films import need_decoder, read_frames
from cuvee.pictures import content_hash
from cuvee.protocols import Encoder, FittedEncoder, Learning
from cuvee.registry import build
from cuvee.roles import Role, need_column
from cuvee.torch_runtime import workers
from cuvee.types import Dataset, Embeddings

__all__ = ["Video", "FittedVideo"]  # noqa: RUF022 - the component comes first

logger = logging.getLogger(__name__)

_BLOCK = 64
"""Rows of one yield: their frames lie on disk together."""


@dataclass(frozen=True)
class Video:
    """The mean vector of some frames, of unit length, and beside it that of the sound track, of unit length as well.

    Needs the extra `media`. A video without sound has zeros there, one without pictures has them in front. Cost: that
    of the image encoder for each frame, of decoding from the nearest key frame on, and of the audio encoder.
    """

    column: str = "video"
    """Column of file paths; an empty cell, and a file that cannot be decoded, is a missing video."""

    role: Role = "item"
    """Whose table: item or user."""

    frames: Encoder | None = field(default_factory=partial(build, "encoders", "image"))
    """Encoder of the frames, e.g. {image: {weights: path/to/a/clip/folder}}; null for the sound alone."""

    sound: Encoder | None = None
    """Encoder of the sound track, e.g. audio; null for the frames alone."""

    count: int = 4
    """Frames of a video: those shown in the middle of so many equal parts of it."""

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ConfigError(f"count must be at least 1, got {self.count}")
        if self.frames is None and self.sound is None:
            raise ConfigError("video needs an encoder of frames or of sound, got neither")
        for name, encoder in (("frames", self.frames), ("sound", self.sound)):
            if encoder is not None and (isinstance(encoder, Learning) or not hasattr(encoder, "column")):
                raise ConfigError(f"{name} needs an encoder of files that is trained already, such as image or audio")

    def fit(self, train: Dataset, role: str) -> "FittedVideo":
        """Find the weights; nothing is learnt from the rows.

        Raises:
            UnknownNameError: the table has no column of that name.
            ConfigError: PyAV is not installed.
        """
        need_column(train, role, self.column)
        need_decoder()
        return FittedVideo(self, _fitted(self.frames, train), _fitted(self.sound, train))


@dataclass(frozen=True)
class FittedVideo:
    """A video encoder whose parts have their weights."""

    parameters: Video
    frames: FittedEncoder | None
    sound: FittedEncoder | None

    @property
    def fingerprint(self) -> str:
        """Hash of everything but the video that bears on a vector: both encoders, and how many frames."""
        parts = [part and part.fingerprint for part in (self.frames, self.sound)]
        return hashlib.sha256(json.dumps(["video", self.parameters.count, *parts]).encode()).hexdigest()

    def contents(self, table: pl.DataFrame) -> list[str]:
        """Return a hash of the bytes of each row's file, "" where there is none to read."""
        known = {path: content_hash(path, "video") for path in set(self._paths(table))}
        return [known[path] for path in self._paths(table)]

    def encode(self, table: pl.DataFrame) -> Iterator[Embeddings]:
        """Yield the vectors block after block; how many files had no pictures is said once, at the end."""
        blank: dict[str, str] = {}
        for start in range(0, len(table), _BLOCK):
            yield self._encode(self._paths(table[start : start + _BLOCK]), blank)
        if blank:
            name, (path, reason) = self.parameters.column, next(iter(blank.items()))
            logger.warning("%s: %d files have no pictures: %s (%s) ...", name, len(blank), path, reason)

    def _encode(self, paths: Sequence[str | None], blank: dict[str, str]) -> Embeddings:
        unique = sorted({path for path in paths if path})
        sides = []
        if self.frames is not None:
            sides.append(self._seen(self.frames, unique, blank))
        if self.sound is not None:
            sides.append(_unit(_encoded(self.sound, self.parameters.sound, unique)))
        # one row more than there are files: what is missing
        vectors = np.concatenate([np.pad(side.vectors, ((0, 1), (0, 0))) for side in sides], axis=1)
        present = np.append(np.any([side.present for side in sides], axis=0), False)
        places = {path: row for row, path in enumerate(unique)}
        rows = [places[path] if path else len(unique) for path in paths]
        return Embeddings(vectors[rows], present[rows])

    def _seen(self, frames: FittedEncoder, paths: Sequence[str], blank: dict[str, str]) -> Embeddings:
        """Return the mean of each file's frames; path -> reason of files without pictures is added to `blank`."""
        with TemporaryDirectory(prefix="cuvee-frames-") as folder, workers() as pool:
            targets = [f"{folder}/{row}" for row in range(len(paths))]
            kept = list(pool.map(partial(_keep, self.parameters.count), paths, targets))
            blank |= {path: files for path, files in zip(paths, kept, strict=True) if isinstance(files, str)}
            shown = [(row, name) for row, files in enumerate(kept) if not isinstance(files, str) for name in files]
            found = _encoded(frames, self.parameters.frames, [name for _, name in shown])
        owner = np.array([row for row, _ in shown], np.int64)
        total = np.zeros((len(paths), found.dim), np.float32)
        np.add.at(total, owner, found.vectors)
        present = np.bincount(owner[found.present], minlength=len(paths)) > 0
        return _unit(Embeddings(total, present))

    def _paths(self, table: pl.DataFrame) -> list[str | None]:
        name = self.parameters.column
        return table[name].cast(pl.String).to_list() if name in table.columns else [None] * len(table)


def _fitted(encoder: Encoder | None, train: Dataset) -> FittedEncoder | None:
    if encoder is None:
        return None
    return encoder.fit(replace(train, item_table=_files(encoder, [])), "item")


def _files(encoder: Encoder | None, paths: Sequence[str]) -> pl.DataFrame:
    """Return the table that the encoder of a part expects."""
    return pl.DataFrame({getattr(encoder, "column", ""): pl.Series(paths, dtype=pl.String)})


def _encoded(fitted: FittedEncoder, encoder: Encoder | None, paths: Sequence[str]) -> Embeddings:
    """Return the vectors of files; the right width where there are none."""
    blocks = list(fitted.encode(_files(encoder, paths or [""])))
    vectors, present = (np.concatenate([getattr(block, name) for block in blocks]) for name in ("vectors", "present"))
    return Embeddings(vectors[: len(paths)], present[: len(paths)])


def _unit(found: Embeddings) -> Embeddings:
    lengths = np.linalg.norm(found.vectors, axis=1, keepdims=True)
    return Embeddings(np.asarray(found.vectors / np.maximum(lengths, 1e-9), np.float32), found.present)


def _keep(count: int, path: str, target: str) -> list[str] | str:
    """Write the frames of a file as pictures and return their paths, or why there are none."""
    try:
        pictures = read_frames(path, count)
    except DataError as error:
        return str(error)
    names = [f"{target}-{row}.png" for row in range(count)]
    for name, picture in zip(names, pictures, strict=True):
        picture.save(name, compress_level=1)
    return names
