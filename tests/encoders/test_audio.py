import sys
import wave
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from cuvee import weights
from cuvee.encoders import audio as module
from cuvee.encoders.audio import Audio, FittedAudio
from cuvee.errors import ConfigError, DataError, UnknownNameError
from cuvee.films import read_sound
from cuvee.types import Dataset, Embeddings, Floats

RATE = 16_000


def encode(fitted: FittedAudio, paths: Sequence[str | None]) -> Embeddings:
    blocks = list(fitted.encode(pl.DataFrame({"audio": paths}, schema={"audio": pl.String})))
    return Embeddings(np.concatenate([b.vectors for b in blocks]), np.concatenate([b.present for b in blocks]))


def fitted(folder: Path, seconds: float = 30.0) -> FittedAudio:
    return FittedAudio(Audio(seconds=seconds, precision="float32"), folder)


def tone(hertz: float, seconds: float, rate: int = RATE) -> Floats:
    time = np.arange(round(rate * seconds)) / rate
    sound = sum(np.sin(2 * np.pi * hertz * k * time) / k for k in (1, 2, 3))
    return np.asarray(sound * 0.3, np.float32)


def write(path: Path, samples: Floats, rate: int = RATE) -> str:
    """Write (t,) or (t, channels) as 16-bit PCM."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.round(samples * 32767).astype("<i2").tobytes())
    return str(path)


@pytest.fixture
def clips(tmp_path: Path) -> list[str]:
    """Clips of uneven lengths, the last as long as the small networks can read."""
    lengths = (0.31, 0.5, 0.777, 0.12, 1.0)
    return [write(tmp_path / f"{row}.wav", tone(200 + 170 * row, s)) for row, s in enumerate(lengths)]


def test_a_clip_that_fills_whisper_equals_its_own_forward(whisper: Path, clips: list[str]) -> None:
    """The extractor pads nothing then, and the mean is over all positions."""
    from transformers import AutoFeatureExtractor, WhisperModel

    extractor: Any = AutoFeatureExtractor
    given = extractor.from_pretrained(whisper)(read_sound(clips[-1], RATE, 1), sampling_rate=RATE, return_tensors="pt")
    network: Any = WhisperModel
    with torch.no_grad():
        hidden = network.from_pretrained(whisper).eval().get_encoder()(**given).last_hidden_state
    np.testing.assert_allclose(encode(fitted(whisper), clips[-1:]).vectors, hidden.mean(1).numpy(), atol=2e-5)


def test_a_short_clip_is_what_a_shorter_whisper_says(whisper: Path, clips: list[str]) -> None:
    """0.777 s are 12,432 samples: 39 positions of 320, of which the last is filled in part; one of silence follows."""
    from transformers import AutoFeatureExtractor, WhisperModel
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    network: Any = WhisperModel
    whole = network.from_pretrained(whisper)
    state = whole.get_encoder().state_dict()
    state["embed_positions.weight"] = state["embed_positions.weight"][:40]
    config = whole.config
    config.max_source_positions = 40
    shorter: Any = WhisperEncoder(config)
    shorter.load_state_dict(state)
    samples = np.pad(read_sound(clips[2], RATE, 1), (0, 40 * 320 - 12_432))
    extractor: Any = AutoFeatureExtractor
    given = extractor.from_pretrained(whisper, chunk_length=0.8)(samples, sampling_rate=RATE, padding="longest")
    with torch.no_grad():
        hidden = shorter.eval()(torch.tensor(np.array(given["input_features"]))).last_hidden_state
    assert hidden.shape[1] == 40
    np.testing.assert_allclose(encode(fitted(whisper), [clips[2]]).vectors[0], hidden[0, :39].mean(0), atol=2e-5)


def test_only_what_is_filled_is_encoded(whisper: Path, clips: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[int] = []
    encoder = fitted(whisper)
    network = encoder._network

    def spy(samples: Floats) -> torch.Tensor:
        lengths.append(len(samples))
        return network.forward(samples)

    monkeypatch.setitem(encoder.__dict__, "_network", replace(network, forward=spy))
    encode(encoder, [clips[1], clips[3]])
    assert sorted(lengths)[-2:] == [1_920, 8_000]


@pytest.mark.parametrize("name", ["wav2vec2", "ast", "clap"])
def test_equals_a_plain_loop(
    name: str, clips: list[str], request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks of two rows: a clip heard twice and missing ones fall into different blocks."""
    folder: Path = request.getfixturevalue(name)
    monkeypatch.setattr(module, "_BLOCK", 2)
    rows = [clips[0], None, clips[1], clips[0], "", *clips[2:]]
    found = encode(fitted(folder), rows)
    assert found.present.tolist() == [bool(r) for r in rows]
    for vector, path in zip(found.vectors, rows, strict=True):
        np.testing.assert_allclose(vector, plain(folder, path) if path else 0, atol=2e-5)


def plain(folder: Path, path: str) -> Floats:
    """Encode one clip as a model's card would."""
    from transformers import AutoFeatureExtractor, AutoModel

    loader: Any = AutoFeatureExtractor
    extractor = loader.from_pretrained(folder)
    rate = extractor.sampling_rate
    given = extractor(read_sound(path, rate, 1), sampling_rate=rate, return_tensors="pt")
    given = {key: value.float() if value.is_floating_point() else value for key, value in given.items()}
    network: Any = AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        if hasattr(network, "get_audio_features"):
            return np.asarray(network.get_audio_features(**given).pooler_output[0].numpy(), np.float32)
        out = network(**given)
        pooled = out.pooler_output if "AST" in type(network).__name__ else out.last_hidden_state.mean(1)
        return np.asarray(pooled[0].numpy(), np.float32)


def test_vectors_differ_by_sound(
    whisper: Path, wav2vec2: Path, ast: Path, clap: Path, clips: list[str], tmp_path: Path
) -> None:
    same = write(tmp_path / "same.wav", tone(200, 0.31))
    for folder in (whisper, wav2vec2, ast, clap):
        found = encode(fitted(folder), [clips[0], clips[1], same]).vectors
        assert np.array_equal(found[0], found[2])
        assert np.abs(found[0] - found[1]).max() > 1e-3


@pytest.mark.parametrize("name", ["whisper", "wav2vec2", "clap"])
def test_no_more_than_seconds_is_read(
    name: str, request: pytest.FixtureRequest, clips: list[str], tmp_path: Path
) -> None:
    """Another sound after half a second changes nothing; CLAP and Whisper have a limit of their own, of one second."""
    folder: Path = request.getfixturevalue(name)
    longer = write(tmp_path / "longer.wav", np.concatenate([tone(370, 0.5), tone(900, 1.5)]))
    rate = fitted(folder)._network.rate
    np.testing.assert_allclose(read_sound(longer, rate, 0.4), read_sound(clips[1], rate, 0.4), atol=1e-4)
    found = encode(fitted(folder, 0.4), [longer, clips[1]]).vectors
    np.testing.assert_allclose(found[0], found[1], atol=1e-3)
    once, twice = (encode(fitted(folder), [longer]).vectors for _ in range(2))
    np.testing.assert_array_equal(once, twice)


def test_a_vector_is_its_clips_own(whisper: Path, clips: list[str]) -> None:
    """To the bit, whatever else is encoded and however many threads do it."""
    encoder = fitted(whisper)
    together = encode(encoder, [None, *clips[::-1], clips[1]])
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 2)
    try:
        alone = [encode(encoder, [path]).vectors[0] for path in clips]
    finally:
        torch.set_num_threads(threads)
    np.testing.assert_array_equal(together.vectors[1:6], alone[::-1])
    np.testing.assert_array_equal(together.vectors[6], alone[1])
    assert not together.present[0]
    assert not together.vectors[0].any()


def test_files_without_sound_are_missing_and_counted(
    whisper: Path, clips: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "empty.wav").write_bytes(b"")
    (tmp_path / "text.mp3").write_text("no sound " * 500)
    write(tmp_path / "silent.wav", np.zeros(0, np.float32))
    (tmp_path / "cut.wav").write_bytes(Path(clips[0]).read_bytes()[:30])
    (tmp_path / "list.wav").write_text("ffconcat version 1.0\nfile '0.wav'\n")  # would open another file
    bad = [str(tmp_path / n) for n in ("empty.wav", "text.mp3", "silent.wav", "cut.wav", "list.wav", "gone.wav")]
    found = encode(fitted(whisper), [clips[0], *bad, None, clips[1], bad[0]])
    assert found.present.tolist() == [True, *[False] * 7, True, False]
    assert not found.vectors[~found.present].any()
    said = [record.getMessage() for record in caplog.records if record.name == "cuvee.encoders.audio"]
    assert len(said) == 1
    assert "6 files have no sound" in said[0]
    assert not encode(fitted(whisper), [bad[1]]).present.any()


def test_contents_are_the_bytes_not_the_name(whisper: Path, clips: list[str], tmp_path: Path) -> None:
    same = tmp_path / "same.bin"
    same.write_bytes(Path(clips[0]).read_bytes())
    rows = [clips[0], str(same), clips[1], None, "", str(tmp_path / "gone.wav")]
    contents = fitted(whisper).contents(pl.DataFrame({"audio": rows}))
    assert contents[0] == contents[1] != contents[2]
    assert contents[3:] == ["", "", ""]
    assert fitted(whisper).contents(pl.DataFrame({"title": ["x"]})) == [""]


def test_fingerprint_follows_weights_cut_and_precision(whisper: Path, ast: Path) -> None:
    own = fitted(whisper).fingerprint
    assert own == replace(fitted(whisper), parameters=Audio("song", precision="float32")).fingerprint
    assert own != replace(fitted(whisper), parameters=Audio(precision="bfloat16")).fingerprint
    assert own not in (fitted(ast).fingerprint, fitted(whisper, 3).fingerprint)


def test_fit_says_what_is_missing(world: Dataset, whisper: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownNameError, match="'audio'"):
        Audio(weights=str(whisper)).fit(world, "item")
    assert Audio("title", weights=str(whisper)).fit(world, "item").folder == whisper
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ConfigError, match=r"pip install 'cuvee\[media\]'"):
        Audio("title", weights=str(whisper)).fit(world, "item")
    with pytest.raises(ConfigError, match="above 0 and finite, got 0"):
        Audio(seconds=0)


def test_folders_that_do_not_hear(bert: Path, vit: Path, clips: list[str]) -> None:
    with pytest.raises(DataError, match="no feature extractor"):
        encode(fitted(bert), clips[:1])
    with pytest.raises(DataError, match=r"does not read sound|no feature extractor"):
        encode(fitted(vit), clips[:1])


@pytest.mark.slow
@pytest.mark.weights
def test_whisper_hears_what_is_alike(tmp_path: Path) -> None:
    """Two tones differ, a louder copy of one is nearer to it than the other is; equal bytes, equal vectors."""
    if weights.where("whisper-base") == "not here":
        pytest.skip("no Whisper here; cuvee weights add whisper-base")
    encoder = fitted(weights.resolve("whisper-base"))
    sounds = {"low": tone(220, 2), "high": tone(1400, 2), "loud": 1.5 * tone(220, 2), "again": tone(220, 2)}
    paths = [write(tmp_path / f"{name}.wav", sound) for name, sound in sounds.items()]
    vectors = encode(encoder, paths).vectors
    assert vectors.shape == (4, weights.KNOWN["whisper-base"].dim)
    np.testing.assert_array_equal(vectors[0], vectors[3])
    np.testing.assert_array_equal(vectors[1], encode(encoder, paths[1:2]).vectors[0])
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert unit[0] @ unit[2] > 0.98 > unit[0] @ unit[1]
