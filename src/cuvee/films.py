"""Sound and single frames of audio and video files, by PyAV (extra `media`), which brings FFmpeg's decoders with it."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from itertools import chain
from typing import Any

import numpy as np
from PIL import Image

from cuvee.errors import ConfigError, DataError
from cuvee.types import Floats

__all__ = ["need_decoder", "read_frames", "read_sound"]

_FORMATS = (
    *("aac", "ac3", "aiff", "amr", "ape", "asf", "au", "avi", "caf", "flac", "flv", "gif", "matroska,webm", "mov"),
    *("mp3", "mpeg", "mpegts", "ogg", "w64", "wav", "wv"),
)
"""What may be opened: plain recordings. Others (playlists ...) would open further files or addresses."""

_MAX_PIXELS = 100_000_000
"""Larger videos are refused by their header, before anything is unpacked."""

_SIDE = 512
"""Pixels on the shorter side of a frame, at most."""


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
    with _opened(path) as file:
        if not file.streams.audio:
            raise DataError("no sound track")
        samples = _samples(file, rate, round(rate * seconds))
    if not len(samples):
        raise DataError("a sound track without sound")
    if not np.isfinite(samples).all():
        raise DataError("samples that are no numbers")
    return samples


def read_frames(path: str, count: int) -> list[Image.Image]:
    """Return what is shown in the middle of each of `count` equal parts of a video, upright and in RGB.

    Frames are no larger than pictures are read anyhow: 512 pixels on the shorter side.

    Raises:
        DataError: no pictures, or a file that cannot be decoded; without the path.
    """
    with _opened(path) as file:
        first, length = _span(file, _pictures(file))
    frames = []
    for part in range(count):
        with _opened(path) as file:  # anew: not every format can go back
            frames.append(_shown(file, first + length * (part + 0.5) / count))
    return frames


@contextmanager
def _opened(path: str) -> Iterator[Any]:
    """Yield the open file; whatever is wrong with it becomes a DataError."""
    av = need_decoder()
    options = {"format_whitelist": ",".join(_FORMATS), "protocol_whitelist": "file"}
    try:
        with av.open(path, options=options, metadata_errors="ignore") as file:
            yield file
    except DataError:
        raise
    except (av.FFmpegError, OSError, ValueError, LookupError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or str(error)  # FFmpeg's own words end with the path
        raise DataError(f"{type(error).__name__}: {reason}") from error


def _samples(file: Any, rate: int, wanted: int) -> Floats:
    """Decode no more than is asked for."""
    _ready(file.streams.audio[0])
    # the channels are kept and their mean taken here: mixed by FFmpeg, two equal ones come out louder than one
    resampler = need_decoder().AudioResampler(format="fltp", rate=rate)
    parts, length = [np.zeros(0, np.float32)], 0
    for frame in chain(file.decode(audio=0), [None]):  # None: what the resampler still holds
        for part in resampler.resample(frame):
            parts.append(part.to_ndarray().mean(0))
            length += len(parts[-1])
        if length >= wanted:
            break
    return np.concatenate(parts)[:wanted].astype(np.float32)


def _pictures(file: Any) -> Any:
    """Return the track of pictures, ready to be decoded."""
    track = file.streams.best("video")
    if track is None:
        raise DataError("no pictures")
    _ready(track)
    if track.width * track.height > _MAX_PIXELS:
        raise DataError(f"{track.width} x {track.height} pixels are more than {_MAX_PIXELS}")
    return track


def _ready(track: Any) -> None:
    if track.codec_context is None:
        raise DataError("no decoder for this kind of track")
    track.thread_count = 1  # whoever calls has threads of its own


def _span(file: Any, track: Any) -> tuple[float, float]:
    """Return the seconds at which the pictures begin, and how long they last."""
    first = float((track.start_time or 0) * track.time_base)
    if track.duration:
        return first, float(track.duration * track.time_base)
    if file.duration:
        return first, file.duration / 1e6
    ends = [packet.pts + (packet.duration or 0) for packet in file.demux(track) if packet.pts is not None]
    return first, float(max(ends, default=0) * track.time_base) - first


def _shown(file: Any, time: float) -> Image.Image:
    """Return the last frame that begins at `time` seconds or before, the first one if none does."""
    track = _pictures(file)
    with suppress(need_decoder().FFmpegError):  # where it cannot jump, everything before is decoded
        file.seek(int(time / track.time_base), stream=track)
    found = None
    for frame in file.decode(track):
        if found is not None and (frame.time is None or frame.time > time):
            break
        found = frame
    if found is None:
        raise DataError("pictures that cannot be decoded")
    scale = min(1.0, _SIDE / min(found.width, found.height))
    smaller = found.reformat(max(1, round(found.width * scale)), max(1, round(found.height * scale)))
    picture: Image.Image = smaller.to_image()
    return picture.rotate(found.rotation, expand=True) if found.rotation else picture
