import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import polars as pl
import pytest

from cuvee import registry
from cuvee.encoders import video as module
from cuvee.encoders.audio import Audio
from cuvee.encoders.behaviour import Behaviour
from cuvee.encoders.image import Image
from cuvee.encoders.text import Text
from cuvee.encoders.video import FittedVideo, Video
from cuvee.errors import ConfigError, UnknownNameError
from cuvee.films import read_frames
from cuvee.protocols import FittedEncoder
from cuvee.types import Dataset, Embeddings, Floats


def rows_of(fitted: FittedEncoder, column: str, paths: Sequence[str | None]) -> Embeddings:
    blocks = list(fitted.encode(pl.DataFrame({column: paths}, schema={column: pl.String})))
    return Embeddings(np.concatenate([b.vectors for b in blocks]), np.concatenate([b.present for b in blocks]))


def write(path: Path, shade: int, *, pictures: bool = True, hertz: float = 0) -> str:
    """Write a second that grows from black to a shade of blue, with a tone where `hertz` is not 0."""
    with av.open(str(path), "w") as file:
        screen: Any = file.add_stream("mpeg4", rate=8) if pictures else None
        track: Any = file.add_stream("pcm_s16le", rate=16_000, layout="mono") if hertz else None
        if screen is not None:
            screen.width, screen.height, screen.pix_fmt = 32, 32, "yuv420p"
            for n in range(8):
                pixels = np.full((32, 32, 3), (20, 40, shade * n // 8), np.uint8)
                file.mux(screen.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            file.mux(screen.encode(None))
        if track is not None:
            wave = 9_000 * np.sin(2 * np.pi * hertz * np.arange(16_000) / 16_000)
            frame = av.AudioFrame.from_ndarray(wave.astype(np.int16)[None], format="s16", layout="mono")
            frame.sample_rate = 16_000
            file.mux([*track.encode(frame), *track.encode(None)])
    return str(path)


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """With sound, without, sound alone, with sound again."""
    folder = tmp_path_factory.mktemp("films")
    return [
        write(folder / "both.avi", 250, hertz=300),
        write(folder / "mute.avi", 120),
        write(folder / "blind.avi", 0, pictures=False, hertz=900),
        write(folder / "other.avi", 60, hertz=650),
    ]


def told(films: list[str]) -> Dataset:
    """A data set whose items have videos."""
    from cuvee.testing import toy

    data = toy()
    column = pl.Series("video", (films * len(data.items))[: len(data.items)])
    return replace(data, item_table=data.item_table.with_columns(column))


def unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9), np.float32)


def test_frames_and_sound_side_by_side(
    vit: Path, whisper: Path, films: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written out: the pictures by hand through the image encoder, the file itself through the audio encoder.

    Blocks of three rows: one film falls into two of them.
    """
    monkeypatch.setattr(module, "_BLOCK", 3)
    image, audio = Image("shot", weights=str(vit)), Audio("track", weights=str(whisper))
    data = told(films)
    fitted = Video(frames=image, sound=audio, count=3).fit(data, "item")
    rows = [films[0], None, films[1], films[2], "", films[0], films[3]]
    found = rows_of(fitted, "video", rows)
    assert found.present.tolist() == [bool(r) for r in rows]
    shown = {"shot": pl.Series(["x"])}
    eye = image.fit(replace(data, item_table=pl.DataFrame(shown)), "item")
    ear = audio.fit(replace(data, item_table=pl.DataFrame({"track": ["x"]})), "item")
    for vector, path in zip(found.vectors, rows, strict=True):
        expected = np.zeros(32, np.float32)
        if path and path != films[2]:
            names = [str(tmp_path / f"{n}.png") for n in range(3)]
            for name, frame in zip(names, read_frames(path, 3), strict=True):
                frame.save(name)
            expected[:16] = unit(rows_of(eye, "shot", names).vectors.mean(0))
        if path and path != films[1]:
            expected[16:] = unit(rows_of(ear, "track", [path]).vectors[0])
        np.testing.assert_allclose(vector, expected, atol=2e-5)


def test_one_side_alone(vit: Path, whisper: Path, films: list[str], caplog: pytest.LogCaptureFixture) -> None:
    image, audio = Image(weights=str(vit)), Audio(weights=str(whisper))
    data = told(films)
    both = rows_of(Video(frames=image, sound=audio).fit(data, "item"), "video", films)
    seen = rows_of(Video(frames=image).fit(data, "item"), "video", [*films, films[2]])
    heard = rows_of(Video(frames=None, sound=audio).fit(data, "item"), "video", films)
    assert seen.present.tolist() == [True, True, False, True, False]
    assert heard.present.tolist() == [True, False, True, True]
    np.testing.assert_allclose(both.vectors, np.c_[seen.vectors[:4], heard.vectors], atol=2e-5)
    assert sum("1 files have no pictures" in r.getMessage() for r in caplog.records) == 2  # both and frames


def test_nothing_that_can_be_read(vit: Path, films: list[str], tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"")
    fitted = Video(frames=Image(weights=str(vit))).fit(told(films), "item")
    for rows in ([None, ""], [str(tmp_path / "a.mp4"), str(tmp_path / "gone.mp4")]):
        found = rows_of(fitted, "video", rows)
        assert found.vectors.shape == (2, 16)
        assert not found.present.any()
        assert not found.vectors.any()


def test_contents_and_fingerprint(vit: Path, whisper: Path, films: list[str], tmp_path: Path) -> None:
    data, image = told(films), Image(weights=str(vit), precision="float32")
    plain = Video(frames=image)
    fitted = plain.fit(data, "item")
    same = tmp_path / "same.bin"
    shutil.copy(films[0], same)
    contents = fitted.contents(pl.DataFrame({"video": [films[0], str(same), films[1], None, "", "/gone.mp4"]}))
    assert contents[0] == contents[1] != contents[2]
    assert contents[3:] == ["", "", ""]
    assert fitted.contents(pl.DataFrame({"title": ["x"]})) == [""]
    others = [
        replace(plain, count=5),
        replace(plain, sound=Audio(weights=str(whisper))),
        Video(frames=None, sound=Audio(weights=str(whisper))),
        replace(plain, frames=replace(image, precision="bfloat16")),
    ]
    prints = [fitted.fingerprint, *(v.fit(data, "item").fingerprint for v in others)]
    assert len(set(prints)) == 5
    moved = replace(plain, column="title", frames=replace(image, column="still"))
    assert moved.fit(data, "item").fingerprint == fitted.fingerprint


def test_parts_come_from_the_registry(vit: Path, whisper: Path) -> None:
    spec = {"frames": {"image": {"weights": str(vit)}}, "sound": {"audio": {"weights": str(whisper)}}, "count": 2}
    built = registry.build("encoders", {"video": spec})
    assert built == Video(frames=Image(weights=str(vit)), sound=Audio(weights=str(whisper)), count=2)
    assert registry.build("encoders", registry.describe(built)) == built
    assert registry.build("encoders", "video") == Video(frames=Image(), sound=None, count=4)
    assert registry.build("encoders", {"video": {"frames": None, "sound": "audio"}}).frames is None


def test_errors_name_the_way_out(vit: Path, films: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="at least 1, got 0"):
        Video(count=0)
    with pytest.raises(ConfigError, match="got neither"):
        Video(frames=None)
    for wrong in (Behaviour(), Text()):
        with pytest.raises(ConfigError, match="frames needs an encoder of files"):
            Video(frames=wrong)
    data = told(films)
    with pytest.raises(UnknownNameError, match="'film'"):
        Video("film", frames=Image(weights=str(vit))).fit(data, "item")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ConfigError, match=r"pip install 'cuvee\[media\]'"):
        Video(frames=Image(weights=str(vit))).fit(data, "item")


@pytest.mark.slow
@pytest.mark.data
def test_videos_as_people_make_them(vit: Path, whisper: Path, films: list[str], data_home: Path) -> None:
    """Three clips of 8 to 29 seconds with sound: each has both sides, no two are alike, each is its own."""
    folder = data_home / "microlens-samples" / "videos"
    paths = sorted(str(p) for p in folder.glob("*.mp4"))
    assert len(paths) == 3
    assert [f.size for f in read_frames(paths[1], 2)] == [(910, 512)] * 2
    fitted = Video(frames=Image(weights=str(vit)), sound=Audio(weights=str(whisper))).fit(told(films), "item")
    assert isinstance(fitted, FittedVideo)
    found = rows_of(fitted, "video", paths)
    assert found.present.all()
    for side in (found.vectors[:, :16], found.vectors[:, 16:]):
        np.testing.assert_allclose(np.linalg.norm(side, axis=1), 1, atol=1e-5)
        assert min(np.abs(side[a] - side[b]).max() for a, b in ((0, 1), (0, 2), (1, 2))) > 1e-3
    np.testing.assert_allclose(rows_of(fitted, "video", paths[2:]).vectors[0], found.vectors[2], atol=2e-5)
