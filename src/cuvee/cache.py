"""A cache of vectors addressed by content: the same content is never encoded twice, by whichever process.

Layout: folder/FINGERPRINT/SHARD.safetensors, each with `keys` (n, 16) bytes, `vectors` (n, d) and `present` (n,).
A shard is written beside its place and renamed, so a killed run leaves whole shards only, and two processes that
encode the same content write the same file.
"""

import hashlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from cuvee.errors import DataError
from cuvee.types import Embeddings

__all__ = ["Keys", "VectorCache", "default_cache", "keys_of"]

Keys = NDArray[np.void]
"""(n,) 16-byte content hashes."""


def keys_of(contents: Sequence[str]) -> Keys:
    """Return the 128-bit BLAKE2b hash of each content."""
    digests = b"".join(hashlib.blake2b(c.encode("utf-8", "surrogatepass"), digest_size=16).digest() for c in contents)
    return np.frombuffer(digests, dtype="V16")


def default_cache() -> "VectorCache":
    """Return the cache at CUVEE_CACHE, or in the user's cache folder."""
    home = os.environ.get("CUVEE_CACHE")
    return VectorCache(Path(home) if home else Path.home() / ".cache" / "cuvee" / "vectors")


@dataclass(frozen=True)
class VectorCache:
    folder: Path

    def add(self, fingerprint: str, keys: Keys, block: Embeddings) -> None:
        """Store one block; storing it again changes nothing."""
        folder = self.folder / fingerprint
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{hashlib.blake2b(keys.tobytes(), digest_size=12).hexdigest()}.safetensors"
        handle, part = tempfile.mkstemp(dir=folder, suffix=".part")
        os.close(handle)
        rows = keys.view(np.uint8).reshape(len(keys), 16)
        save_file({"keys": rows, "vectors": block.vectors, "present": block.present}, part)
        Path(part).replace(target)

    def known(self, fingerprint: str) -> Keys:
        """Return the keys of everything stored under a fingerprint."""
        parts = [self._keys(path) for path in self._shards(fingerprint)]
        return np.concatenate(parts) if parts else np.zeros(0, "V16")

    def take(self, fingerprint: str, keys: Keys) -> Embeddings:
        """Return the vectors of the keys, in order; one shard is in memory at a time.

        Raises:
            KeyError: a key that is not stored.
        """
        out: NDArray[np.float32] | None = None
        present, found = np.zeros(len(keys), bool), np.zeros(len(keys), bool)
        order = np.argsort(keys, kind="stable")
        wanted = keys[order]
        for path in self._shards(fingerprint):
            stored = self._keys(path)
            left = np.searchsorted(wanted, stored, "left")
            right = np.searchsorted(wanted, stored, "right")
            hit = np.flatnonzero(right > left)
            if not len(hit):
                continue
            with safe_open(path, framework="numpy") as shard:
                vectors, there = shard.get_tensor("vectors"), shard.get_tensor("present")
            if out is None:
                out = np.zeros((len(keys), vectors.shape[1]), np.float32)
            repeat = (right - left)[hit]
            source = np.repeat(hit, repeat)
            offsets = np.arange(len(source)) - np.repeat(np.cumsum(repeat) - repeat, repeat)
            rows = order[np.repeat(left[hit], repeat) + offsets]
            out[rows], present[rows], found[rows] = vectors[source], there[source], True
        if out is None or not found.all():
            raise KeyError(f"{int((~found).sum())} of {len(keys)} vectors are not in the cache {self.folder}")
        return Embeddings(out, present)

    def _shards(self, fingerprint: str) -> list[Path]:
        return sorted((self.folder / fingerprint).glob("*.safetensors"))

    @staticmethod
    def _keys(path: Path) -> Keys:
        try:
            with safe_open(path, framework="numpy") as shard:
                return np.ascontiguousarray(shard.get_tensor("keys")).view("V16").ravel()
        except SafetensorError as error:
            raise DataError(f"{path}: this shard of the vector cache is damaged ({error}); delete the file") from error
