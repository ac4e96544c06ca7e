"""Recordings written here, by the standard library and by PyAV."""

import wave
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from cuvee.errors import DataError
from cuvee.films import read_sound
from cuvee.types import Floats


def write_wav(path: Path, samples: Floats, rate: int) -> str:
    """Write (t, channels) as 16-bit PCM."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(samples * 32768).astype("<i2").tobytes())
    return str(path)


def test_samples_pass_as_they_are(tmp_path: Path) -> None:
    """At its own rate a mono file is not changed: 16-bit numbers by 2^15; the cut is to the sample."""
    samples = (np.random.default_rng(0).integers(-30_000, 30_000, (5_001, 1)) / 32768).astype(np.float32)
    path = write_wav(tmp_path / "a.wav", samples, 16_000)
    np.testing.assert_array_equal(read_sound(path, 16_000, 9), samples[:, 0])
    np.testing.assert_array_equal(read_sound(path, 16_000, 0.1), samples[:1600, 0])


def test_stereo_at_another_rate(tmp_path: Path) -> None:
    """440 Hz left, nothing right: mono is half of it, still 440 Hz, and as long."""
    left = 0.6 * np.sin(2 * np.pi * 440 * np.arange(44_100) / 44_100)
    path = write_wav(tmp_path / "a.wav", np.stack([left, 0 * left], axis=1).astype(np.float32), 44_100)
    found = read_sound(path, 16_000, 9)
    assert abs(len(found) - 16_000) <= 16
    assert np.abs(found).max() == pytest.approx(0.3, abs=0.01)
    spectrum = np.abs(np.fft.rfft(found[:16_000]))
    assert int(spectrum.argmax()) == 440


def test_the_sound_track_of_a_video(tmp_path: Path) -> None:
    samples = np.random.default_rng(1).integers(-9_000, 9_000, (1, 12_000)).astype(np.int16)
    for name, sound in (("with.avi", True), ("without.avi", False)):
        with av.open(str(tmp_path / name), "w") as file:
            picture: Any = file.add_stream("mpeg4", rate=8)
            picture.width, picture.height, picture.pix_fmt = 32, 32, "yuv420p"
            track: Any = file.add_stream("pcm_s16le", rate=16_000, layout="mono") if sound else None
            for _ in range(6):
                still = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
                file.mux(picture.encode(still))
            if track is not None:
                frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
                frame.sample_rate = 16_000
                file.mux([*track.encode(frame), *track.encode(None)])
            file.mux(picture.encode(None))
    np.testing.assert_array_equal(read_sound(str(tmp_path / "with.avi"), 16_000, 9), samples[0] / np.float32(32768))
    with pytest.raises(DataError, match="no sound track"):
        read_sound(str(tmp_path / "without.avi"), 16_000, 9)


def test_samples_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    data = np.array([0.1, np.nan, 0.2], "<f4").tobytes()
    head = b"RIFF" + (36 + len(data)).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    form = b"".join(n.to_bytes(size, "little") for n, size in ((3, 2), (1, 2), (8000, 4), (32000, 4), (4, 2), (32, 2)))
    (tmp_path / "a.wav").write_bytes(head + form + b"data" + len(data).to_bytes(4, "little") + data)
    with pytest.raises(DataError, match="no numbers"):
        read_sound(str(tmp_path / "a.wav"), 8_000, 1)
