"""Save and load any trained model, data set or other frozen dataclass of arrays: JSON for the shape, safetensors for
the arrays, parquet for the tables. No pickle, and no class that is not Cuvee's or a registered component's.

`save(model, folder, "model")` writes `model.json`, which names the other files by their content
(`model.<checksum>.safetensors`, `model.<checksum>.parquet`). The JSON is put in place last, in one step, so a crash
leaves what was there before. Equal objects make equal bytes.
"""

import dataclasses
import hashlib
import json
import math
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from scipy import sparse

from cuvee import __version__, registry
from cuvee.errors import BundleError, UnknownNameError, unknown

__all__ = ["FORMAT", "load", "save"]

FORMAT = 1
"""Counts up when older versions can no longer read what is written."""

_DTYPES = {"bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"}
_DTYPES |= {"float16", "float32", "float64"}
_SPARSE: dict[str, Any] = {"csr_matrix": sparse.csr_matrix, "csr_array": sparse.csr_array}
_MANY = 64
"""Sequences of more strings than this are one array of bytes, so that 100,000 ids cost milliseconds."""
_INVALID = (
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    SafetensorError,
    pl.exceptions.PolarsError,
)
"""What a document with right checksums but wrong content may lead to."""


def save(obj: Any, folder: Path, name: str) -> None:
    """Write `obj` under `name` in `folder`, in place of what had that name; all of it or nothing.

    One process at a time may write a name.

    Raises:
        BundleError: something inside `obj` cannot be saved; the message says where.
    """
    _check_name(name)
    writer = _Writer()
    tree = writer.plain(obj, name)
    folder.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=folder, prefix=f".{name}-"))
    try:
        files = writer.write(scratch)
        sums = [[path.suffix[1:], _digest(path)] for path in files]
        body = {"format": FORMAT, "cuvee": __version__, "files": sums, "object": tree}
        body["sha256"] = _checksum(body)
        document = scratch / "document.json"
        document.write_text(json.dumps(body, allow_nan=False) + "\n", encoding="ascii")
        for path, (kind, digest) in zip(files, sums, strict=True):
            _move(path, folder / _file_name(name, kind, digest))
        _move(document, folder / f"{name}.json")
    finally:
        shutil.rmtree(scratch)
    _remove_stale(folder, name, {_file_name(name, kind, digest) for kind, digest in sums})


def load(folder: Path, name: str) -> Any:
    """Read back what `save` wrote, every checksum verified.

    Raises:
        BundleError: a file is missing or damaged, or this version or installation does not know its content.
    """
    _check_name(name)
    path = folder / f"{name}.json"
    try:
        text = path.read_bytes()
    except FileNotFoundError as error:
        raise BundleError(f"{path} does not exist; {folder} is not a bundle that holds {name!r}") from error
    try:
        body = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path} is damaged: {error}; copy or make the bundle again") from error
    _check_document(body, path)
    try:
        files = [_verified(folder / _file_name(name, kind, digest), digest) for kind, digest in body["files"]]
        return _Reader(files, f"{path} (written by cuvee {body['cuvee']})").value(body["object"])
    except BundleError:
        raise
    except _INVALID as error:
        raise BundleError(f"{path} does not hold a valid object: {error!r}; copy or make the bundle again") from error


class _Writer:
    """Turns an object into plain JSON and collects the arrays and tables met on the way, each one once."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray[Any, Any]] = {}
        self.frames: list[pl.DataFrame] = []
        self._references: dict[type[Any], str] = {}
        self._met: dict[int, tuple[Any, Any]] = {}  # id -> (the object, which keeps the id its own; where it went)

    def plain(self, value: Any, where: str) -> Any:
        """Return `value` as JSON: scalars and lists are themselves, everything else is a tagged object."""
        if value is None or type(value) in (bool, int, str):
            return value
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else {"float": repr(float(value))}
        if type(value) in (tuple, list):
            return self._sequence(value, where)
        if isinstance(value, Mapping):
            return {"map": [[_key(k, where), self.plain(v, f"{where}[{k!r}]")] for k, v in value.items()]}
        if type(value) in (np.ndarray, np.memmap):
            return {"array": self._array(value, where)}
        if type(value) in _SPARSE.values():
            parts = [self._array(part, where) for part in (value.data, value.indices, value.indptr)]
            return {type(value).__name__: parts, "shape": list(value.shape)}
        if isinstance(value, pl.DataFrame):
            return {"frame": self._frame(value)}
        if isinstance(value, Path):
            return {"path": str(value)}
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._instance(value, where)
        if type(value).__module__ == "torch" and hasattr(value, "detach"):
            return self._tensor(value, where)
        raise BundleError(
            f"cannot save {where}: it holds a {type(value).__name__}; use arrays, csr matrices, tensors, tables, "
            "frozen dataclasses, tuples, lists, mappings, strings, paths, numbers, booleans or None"
        )

    def write(self, folder: Path) -> list[Path]:
        """Write the arrays (file 0, also when there are none) and the tables."""
        files = [folder / "arrays.safetensors", *(folder / f"{n}.parquet" for n in range(len(self.frames)))]
        save_file(self.arrays, files[0])
        for frame, path in zip(self.frames, files[1:], strict=True):
            frame.write_parquet(path, compression="zstd")
        return files

    def _instance(self, value: Any, where: str) -> Any:
        component = type(value)
        if component not in self._references:
            self._references[component] = _reference(component, where)
        inside = [f.name for f in dataclasses.fields(value) if f.init]
        values = {field: self.plain(getattr(value, field), f"{where}.{field}") for field in inside}
        return {"class": self._references[component], "fields": values}

    def _sequence(self, value: Any, where: str) -> Any:
        if len(value) > _MANY and all(type(v) is str for v in value):
            blob = np.frombuffer(json.dumps(list(value)).encode("ascii"), np.uint8)
            node: Any = {"strings": self._array(blob, where)}
            return node if type(value) is tuple else {**node, "list": True}
        plain = [self.plain(v, f"{where}[{n}]") for n, v in enumerate(value)]
        return {"tuple": plain} if type(value) is tuple else plain

    def _array(self, value: Any, where: str) -> str:
        if value.dtype.name not in _DTYPES:
            raise BundleError(
                f"cannot save {where}: an array of {value.dtype} is not numbers or booleans; keep strings in a tuple"
            )
        if id(value) not in self._met:
            key = f"{len(self.arrays):04d}"
            self.arrays[key] = np.asarray(value, order="C")
            self._met[id(value)] = (value, key)
        return str(self._met[id(value)][1])

    def _frame(self, value: pl.DataFrame) -> int:
        if id(value) not in self._met:
            self._met[id(value)] = (value, len(self.frames))
            self.frames.append(value)
        return int(self._met[id(value)][1])

    def _tensor(self, value: Any, where: str) -> Any:
        dtype = str(value.dtype).removeprefix("torch.")
        tensor = value.detach().cpu().contiguous()
        if dtype == "bfloat16":  # numpy has no such type, so its bits travel
            tensor = tensor.view(sys.modules["torch"].int16)
        return {"tensor": self._array(tensor.numpy(), where), "dtype": dtype}


class _Reader:
    """Turns JSON and verified files back into the object."""

    def __init__(self, files: list[Path], source: str) -> None:
        self._arrays = load_file(files[0])
        self._frames: dict[int, pl.DataFrame] = {}
        self._classes: dict[str, type[Any]] = {}
        self._files = files
        self._source = source
        self._tags = {
            "float": lambda node: float(node["float"]),
            "tuple": lambda node: tuple(self.value(v) for v in node["tuple"]),
            "map": lambda node: {tuple(k) if isinstance(k, list) else k: self.value(v) for k, v in node["map"]},
            "array": lambda node: self._arrays[node["array"]],
            "strings": self._strings,
            "frame": lambda node: self._frame(node["frame"]),
            "path": lambda node: Path(node["path"]),
            "csr_matrix": self._csr,
            "csr_array": self._csr,
            "tensor": self._tensor,
            "class": self._instance,
        }

    def value(self, node: Any) -> Any:
        """Return what one JSON node stands for."""
        if isinstance(node, list):
            return [self.value(v) for v in node]
        if not isinstance(node, dict):
            return node
        return self._tags[next(iter(node), "")](node)

    def _strings(self, node: Any) -> Any:
        strings = json.loads(self._arrays[node["strings"]].tobytes())
        return strings if node.get("list") else tuple(strings)

    def _frame(self, number: int) -> pl.DataFrame:
        if number not in self._frames:
            with self._files[1 + number].open("rb") as file:
                self._frames[number] = pl.read_parquet(file)
        return self._frames[number]

    def _csr(self, node: Any) -> Any:
        kind = next(iter(node))
        data, indices, indptr = (self._arrays[key] for key in node[kind])
        matrix = _SPARSE[kind]((data, indices, indptr), shape=tuple(node["shape"]), copy=False)
        matrix.check_format(full_check=True)  # an index out of range would crash the process later
        return matrix

    def _tensor(self, node: Any) -> Any:
        torch = import_module("torch")  # slow to import, and most bundles hold none
        tensor = torch.from_numpy(self._arrays[node["tensor"]])
        return tensor.view(torch.bfloat16) if node["dtype"] == "bfloat16" else tensor

    def _instance(self, node: Any) -> Any:
        reference, given = str(node["class"]), node["fields"]
        if reference not in self._classes:
            self._classes[reference] = _resolve(reference, self._source)
        component = self._classes[reference]
        known = {f.name: f for f in dataclasses.fields(component) if f.init}
        for field in given:
            if field not in known:
                problem = unknown(f"field of {reference}:", field, known)
                raise BundleError(f"{self._source}: {problem}; this is cuvee {__version__}")
        for field, f in known.items():
            optional = f.default is not dataclasses.MISSING or f.default_factory is not dataclasses.MISSING
            if field not in given and not optional:
                raise BundleError(
                    f"{self._source} has no field {field!r} of {reference}, which cuvee {__version__} needs; "
                    "make the bundle again"
                )
        return component(**{field: self.value(v) for field, v in given.items()})


_FOLDERS = ("ranking", "reviewing")
"""Folders, beside those of the kinds, whose classes are parts of trained models: a bundle imports nothing else."""


def _reference(component: type[Any], where: str) -> str:
    """Return "kind/name:Class", "cuvee.module:Class" or "cuvee.folder.module:Class"; `_resolve` reverses it."""
    module = component.__module__
    own = re.fullmatch(r"cuvee\.(\w+)(?:\.(\w+))?", module)
    if own is not None:
        homes = [f"{own[1]}/{own[2]}" if own[1] in registry.KINDS else module]
    else:
        added = {(kind, e.name): e for kind in registry.KINDS for e in entry_points(group=f"cuvee.{kind}")}
        homes = sorted(f"{kind}/{name}" for (kind, name), e in added.items() if e.module == module)
    if not homes:
        raise BundleError(f"cannot save {where}: {component.__qualname__} is not in a registered component's module")
    reference = f"{homes[0]}:{component.__qualname__}"
    if _resolve(reference, f"cannot save {where}") is not component:
        raise BundleError(f"cannot save {where}: {reference} is another class")
    return reference


def _resolve(reference: str, source: str) -> type[Any]:
    """Return the frozen dataclass a reference names; only Cuvee's own modules and registered components count."""
    match = re.fullmatch(rf"(?:cuvee\.((?:(?:{'|'.join(_FOLDERS)})\.)?[a-z]\w*)|(\w+)/(\w+)):(\w+)", reference)
    if match is None:
        raise BundleError(f"{source}: {reference!r} is not a class that a bundle may hold")
    own, kind, name, class_name = match.groups()
    try:
        module = import_module(f"cuvee.{own}") if own else sys.modules[registry.find(kind, name).__module__]
    except (ModuleNotFoundError, UnknownNameError) as error:
        raise BundleError(f"{source} needs {reference!r}: {error}") from error
    found: Any = vars(module).get(class_name)
    own_class = isinstance(found, type) and found.__module__ == module.__name__  # not one that the module imported
    settings: Any = getattr(found, "__dataclass_params__", None)
    if not own_class or settings is None or not settings.frozen:
        raise BundleError(f"{source}: {reference!r} is not a frozen dataclass of cuvee {__version__}")
    return found  # type: ignore[no-any-return]


def _key(key: Any, where: str) -> Any:
    if type(key) is str:
        return key
    if type(key) is tuple and all(type(part) is str for part in key):
        return list(key)
    raise BundleError(f"cannot save {where}: the key {key!r} is neither a string nor a tuple of strings")


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise BundleError(f"{name!r} cannot name a saved object; use letters, digits, - and _")


def _check_document(body: Any, path: Path) -> None:
    if not isinstance(body, dict) or not isinstance(body.get("format"), int):
        raise BundleError(f"{path} was not written by cuvee")
    if body["format"] > FORMAT:
        raise BundleError(
            f"{path} has format {body['format']}, written by cuvee {body.get('cuvee')}; cuvee {__version__} reads up "
            f"to {FORMAT}; upgrade cuvee"
        )
    rest = {key: value for key, value in body.items() if key != "sha256"}
    if body.get("sha256") != _checksum(rest):
        raise BundleError(f"{path} is damaged: its checksum differs; copy or make the bundle again")


def _checksum(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body).encode("ascii")).hexdigest()


def _verified(path: Path, digest: str) -> Path:
    try:
        found = _digest(path)
    except FileNotFoundError as error:
        raise BundleError(f"{path} is missing; copy or make the bundle again") from error
    if found != digest:
        raise BundleError(f"{path} is damaged: its checksum differs; copy or make the bundle again")
    return path


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _file_name(name: str, kind: str, digest: str) -> str:
    """Name a file by its content; a hostile document cannot point outside the folder."""
    if kind not in ("safetensors", "parquet") or not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise BundleError(f"{name}.json lists a file that is none of ours: {kind!r} {digest!r}")
    return f"{name}.{digest[:16]}.{kind}"


def _move(path: Path, target: Path) -> None:
    """Put a file in place in one step, on the disk before it is seen."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
    path.chmod(_readable())
    path.replace(target)


def _readable() -> int:
    """Return the mode that new files get here: temporary files are closed to others, a bundle need not be."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _remove_stale(folder: Path, name: str, keep: set[str]) -> None:
    pattern = re.compile(rf"{re.escape(name)}\.[0-9a-f]{{16}}\.(safetensors|parquet)")
    for path in folder.iterdir():
        if pattern.fullmatch(path.name) and path.name not in keep:
            path.unlink()
