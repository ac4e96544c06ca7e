"""Recordings written here, by the standard library and by PyAV."""

import struct
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from cuvee.errors import DataError
from cuvee.films import read_frames, read_sound
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


def write_video(path: Path, frames: int, codec: str = "mpeg4", size: tuple[int, int] = (32, 48)) -> str:
    """Write eight frames a second; in frame n red is 10 n and green 255 - 10 n, and blue is 200 left above."""
    form = {"gif": "rgb8", "ffv1": "bgr0"}.get(codec, "yuv420p")
    with av.open(str(path), "w") as file:
        track: Any = file.add_stream(codec, rate=8)
        track.height, track.width, track.pix_fmt = *size, form
        track.bit_rate = 2_000_000
        for n in range(frames):
            pixels = np.zeros((*size, 3), np.uint8)
            pixels[..., 0], pixels[..., 1] = 10 * n, 255 - 10 * n
            pixels[: size[0] // 2, : size[1] // 2, 2] = 200
            file.mux(track.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        file.mux(track.encode(None))
    return str(path)


def shades(frames: Sequence[Image.Image]) -> Floats:
    """Return (n, 3) the mean colour of the right lower quarter."""
    return np.array([np.asarray(f)[f.height // 2 :, f.width // 2 :].reshape(-1, 3).mean(0) for f in frames], np.float32)


@pytest.mark.parametrize(
    ("name", "codec"), [("a.avi", "mpeg4"), ("a.mp4", "mpeg4"), ("a.mkv", "ffv1"), ("a.gif", "gif"), ("a.ts", "mpeg4")]
)
def test_frames_at_the_right_times(tmp_path: Path, name: str, codec: str) -> None:
    """24 frames last 3 s; the middles of fifths are at 0.3, 0.9, 1.5, 2.1, 2.7 s: frames 2, 7, 12, 16, 21."""
    frames = read_frames(write_video(tmp_path / name, 24, codec), 5)
    assert [f.size for f in frames] == [(48, 32)] * 5
    wanted = np.array([2, 7, 12, 16, 21])
    tolerance = 20 if codec == "gif" else 4  # eight levels a colour
    np.testing.assert_allclose(shades(frames)[:, 0], 10 * wanted, atol=tolerance)
    np.testing.assert_allclose(shades(frames)[:, 1], 255 - 10 * wanted, atol=tolerance)


def test_more_frames_than_there_are(tmp_path: Path) -> None:
    """Two frames last 0.25 s: of four parts the first two show frame 0, the others frame 1."""
    found = shades(read_frames(write_video(tmp_path / "a.avi", 2), 4))
    np.testing.assert_allclose(found[:, 0], [0, 0, 10, 10], atol=4)


def test_large_frames_become_smaller(tmp_path: Path) -> None:
    (frame,) = read_frames(write_video(tmp_path / "a.avi", 1, size=(768, 1024)), 1)
    assert frame.size == (683, 512)


def test_a_video_on_its_side_is_put_upright(tmp_path: Path) -> None:
    """The header of a phone: (x, y) is shown at (-y, x), so that what is left above comes right above."""
    path = Path(write_video(tmp_path / "a.mp4", 2))
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    one = 1 << 16
    assert struct.unpack(">5i", data[at : at + 20]) == (one, 0, 0, 0, one)
    data[at : at + 20] = struct.pack(">5i", 0, one, 0, -one, 0)
    path.write_bytes(data)
    (frame,) = read_frames(str(path), 1)
    assert frame.size == (32, 48)
    blue = np.asarray(frame)[..., 2]
    assert blue[:20, 20:].min() > 150
    assert max(blue[:20, :12].max(), blue[28:].max()) < 60


def test_what_has_no_pictures_says_so(tmp_path: Path) -> None:
    sound = write_wav(tmp_path / "a.wav", np.zeros((100, 1), np.float32), 8_000)
    with pytest.raises(DataError, match="no pictures"):
        read_frames(sound, 2)
    (tmp_path / "b.mp4").write_bytes(b"\0" * 300)
    with pytest.raises(DataError, match="InvalidDataError"):
        read_frames(str(tmp_path / "b.mp4"), 2)
    with pytest.raises(DataError, match="FileNotFoundError"):
        read_frames(str(tmp_path / "gone.mp4"), 2)


def test_tracks_that_nothing_here_decodes(tmp_path: Path) -> None:
    """The names of the codecs are nobody's; the message does not repeat the path."""
    path = Path(write_video(tmp_path / "a.avi", 3))
    path.write_bytes(path.read_bytes().replace(b"FMP4", b"zzzz"))
    with pytest.raises(DataError, match="no decoder") as seen:
        read_frames(str(path), 2)
    sound = Path(write_wav(tmp_path / "a.wav", np.zeros((100, 1), np.float32), 8_000))
    data = bytearray(sound.read_bytes())
    data[20:22] = b"\x99\x99"
    sound.write_bytes(data)
    with pytest.raises(DataError, match="no decoder") as heard:
        read_sound(str(sound), 8_000, 1)
    (tmp_path / "b.wav").write_bytes(b"")
    with pytest.raises(DataError) as empty:
        read_sound(str(tmp_path / "b.wav"), 8_000, 1)
    assert not any(str(tmp_path) in str(error.value) for error in (seen, heard, empty))
