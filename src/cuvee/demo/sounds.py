"""The sounds of the demo shop: two seconds whose mood lies in their shape in time and their overtones, not in pitch."""

import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np

from cuvee.demo.world import MOODS, Doubles

__all__ = ["sound", "write_sound"]

_RATE, _SECONDS = 8_000, 2.0
_TIME = np.arange(round(_RATE * _SECONDS)) / _RATE


def write_sound(path: Path, mood: str, rng: np.random.Generator) -> None:
    """Write 16-bit PCM, mono."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_RATE)
        file.writeframes(np.round(sound(mood, rng) * 32767).astype("<i2").tobytes())


def sound(mood: str, rng: np.random.Generator) -> Doubles:
    """Return (t,) samples from -1 to 1; pitch, tempo, loudness and where it begins are of no consequence."""
    shaped = _SHAPES[mood](rng.uniform(160, 420), rng.uniform(0.8, 1.25), rng.uniform(0, 1), rng)
    loud: Doubles = shaped / np.abs(shaped).max() * rng.uniform(0.25, 0.9)
    return loud


def _calm(pitch: float, tempo: float, start: float, _: np.random.Generator) -> Doubles:
    """Two pure tones a third apart that swell and fade."""
    swell = 1 - np.cos(2 * np.pi * (tempo * _TIME + start))
    return swell * (_waves(pitch) + _waves(1.25 * pitch))


def _bright(pitch: float, tempo: float, start: float, _: np.random.Generator) -> Doubles:
    """Plucked strings, one after another upwards."""
    beats = 4 * tempo * _TIME + start
    steps = np.array([1.0, 1.25, 1.5, 2.0])[np.floor(beats).astype(int) % 4]
    phase = np.cumsum(pitch * steps) / _RATE
    return np.exp(-5 * (beats % 1)) * sum(
        (np.sin(2 * np.pi * k * phase) / k for k in (1, 2, 3, 4)), np.zeros(len(_TIME))
    )


def _dark(pitch: float, _: float, start: float, __: np.random.Generator) -> Doubles:
    """A drone: all overtones of a low tone, and the same a little beside it."""
    return _waves(pitch / 4, overtones=14) + _waves(pitch / 4 * 1.01 + start, overtones=14)


def _nervous(pitch: float, tempo: float, start: float, _: np.random.Generator) -> Doubles:
    """A reed that is cut into short pieces."""
    gate = ((11 * tempo * _TIME + start) % 1 < 0.5).astype(float)
    return gate * sum((_waves(k * pitch) / k for k in (1, 3, 5)), np.zeros(len(_TIME)))


def _playful(pitch: float, tempo: float, start: float, _: np.random.Generator) -> Doubles:
    """A whistle that slides up by two octaves, again and again."""
    slides = (2.5 * tempo * _TIME + start) % 1
    return np.asarray(np.sin(2 * np.pi * np.cumsum(pitch * 4**slides) / _RATE) * (1 - slides**8))


def _rough(pitch: float, tempo: float, start: float, rng: np.random.Generator) -> Doubles:
    """Bursts of noise."""
    bursts = np.exp(-3 * ((3 * tempo * _TIME + start) % 1))
    return np.asarray(bursts * (rng.normal(size=len(_TIME)) + 0.5 * _waves(pitch)))


def _waves(pitch: float, overtones: int = 1) -> Doubles:
    rows = np.arange(1, overtones + 1)[:, None]
    return np.asarray((np.sin(2 * np.pi * pitch * rows * _TIME) / rows).sum(axis=0))


_SHAPES: dict[str, Callable[[float, float, float, np.random.Generator], Doubles]] = dict(
    zip(MOODS, (_calm, _bright, _dark, _nervous, _playful, _rough), strict=True)
)
