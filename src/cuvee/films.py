"""The sound of audio and video files, by PyAV (extra `media`), which brings FFmpeg's decoders with it."""

from importlib import import_module
from typing import Any

import numpy as np

from cuvee.errors import ConfigError, DataError
from cuvee.types import Floats

__all__ = ["need_decoder", "read_sound"]

_FORMATS = (
    *("aac", "ac3", "aiff", "amr", "ape", "asf", "au", "avi", "caf", "flac", "flv", "gif", "matroska,webm", "mov"),
    *("mp3", "mpeg", "mpegts", "ogg", "w64", "wav", "wv"),
)
"""What may be opened: plain recordings. Others (playlists ...) would open further files or addresses."""


def need_decoder() -> Any:
    """Return PyAV.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return import_module("av")
    except ModuleNotFoundError as error:
        raise ConfigError("sound and video need PyAV: pip install 'cuvee[media]'") from error


def read_sound(path: str, rate: int, seconds: float) -> Floats:
    """Return (t,) the first `seconds` of a file's first sound track, `rate` a second, the mean of its channels.

    Raises:
        DataError: no sound track, not one sample, or a file that cannot be decoded; without the path.
    """
    av, wanted = need_decoder(), round(rate * seconds)
    try:
        with _opened(path) as file:
            if not file.streams.audio:
                raise DataError("no sound track")
            samples = _samples(av, file, rate, wanted)
    except (av.FFmpegError, OSError, ValueError, LookupError, MemoryError) as error:
        raise DataError(str(error) if isinstance(error, DataError) else f"{type(error).__name__}: {error}") from error
    if not len(samples):
        raise DataError("a sound track without sound")
    if not np.isfinite(samples).all():
        raise DataError("samples that are no numbers")
    return samples


def _opened(path: str) -> Any:
    options = {"format_whitelist": ",".join(_FORMATS), "protocol_whitelist": "file"}
    return need_decoder().open(path, options=options, metadata_errors="ignore")


def _samples(av: Any, file: Any, rate: int, wanted: int) -> Floats:
    """Decode no more than is asked for."""
    file.streams.audio[0].thread_count = 1  # whoever calls has threads of its own
    resampler = av.AudioResampler(format="fltp", rate=rate)  # left to mix, FFmpeg makes twice the same louder
    parts, length = [np.zeros(0, np.float32)], 0
    for frame in file.decode(audio=0):
        parts += [part.to_ndarray().mean(0) for part in resampler.resample(frame)]
        length = sum(map(len, parts))
        if length >= wanted:
            break
    if length < wanted:
        parts += [part.to_ndarray().mean(0) for part in resampler.resample(None)]
    return np.concatenate(parts)[:wanted].astype(np.float32)
