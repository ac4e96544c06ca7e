"""Vectors by content: across processes, killed runs and damaged files."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from cuvee.cache import VectorCache, default_cache, keys_of
from cuvee.errors import DataError
from cuvee.types import Embeddings

SPAWN = multiprocessing.get_context("spawn")


def vectors(contents: list[str]) -> Embeddings:
    """A vector that its content decides; an empty one is not present."""
    rows = [[len(c), sum(c.encode()), hash_of(c)] for c in contents]
    return Embeddings(np.array(rows, np.float32), np.array([c != "broken" for c in contents]))


def hash_of(content: str) -> int:
    return int.from_bytes(keys_of([content]).tobytes()[:2], "little")


def same(found: Embeddings, contents: list[str]) -> None:
    np.testing.assert_array_equal(found.vectors, vectors(contents).vectors)
    np.testing.assert_array_equal(found.present, vectors(contents).present)


def test_keys_tell_contents_apart() -> None:
    contents = ["", "a", "b", "ab", "a\x00", "é", "\ud800"]
    keys = keys_of(contents)
    assert keys.dtype == "V16"
    assert len(np.unique(keys)) == len(contents)
    assert keys_of(["x", "a"])[1] == keys[1]
    assert keys_of([]).shape == (0,)


def test_what_is_put_in_comes_out_in_any_order(tmp_path: Path) -> None:
    """Asked for twice, across shards, in another order; fingerprints do not mix."""
    cache = VectorCache(tmp_path / "deep")
    for block in (["one", "two", "three"], ["four", "broken"], ["two", "five"]):
        cache.add("f", keys_of(block), vectors(block))
    wanted = ["five", "two", "broken", "two", "one", "four"]
    same(cache.take("f", keys_of(wanted)), wanted)
    assert set(cache.known("f").tolist()) == set(keys_of([*wanted, "three"]).tolist())
    assert len(cache.known("g")) == 0
    with pytest.raises(KeyError, match="2 of 3 vectors are not in the cache"):
        cache.take("f", keys_of(["one", "six", "seven"]))
    with pytest.raises(KeyError):
        cache.take("g", keys_of(["one"]))


def test_storing_again_changes_nothing(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path)
    cache.add("f", keys_of(["a", "b"]), vectors(["a", "b"]))
    before = {path.name: path.read_bytes() for path in tmp_path.rglob("*.*")}
    cache.add("f", keys_of(["a", "b"]), vectors(["a", "b"]))
    assert {path.name: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


def work(folder: Path, own: str) -> None:
    """Add blocks that all workers share and blocks of one's own, reading all the while."""
    cache = VectorCache(folder)
    for n in range(15):
        for block in ([f"shared {n}", f"also {n}"], [f"{own} {n}"]):
            cache.add("f", keys_of(block), vectors(block))
            same(cache.take("f", keys_of(block)), block)
            cache.known("f")


@pytest.mark.slow
def test_processes_may_share_it(tmp_path: Path) -> None:
    workers = [SPAWN.Process(target=work, args=(tmp_path, f"own {w}")) for w in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    everything = [f"{kind} {n}" for n in range(15) for kind in ("shared", "also", "own 0", "own 1")]
    same(VectorCache(tmp_path).take("f", keys_of(everything)), everything)
    assert len(list(tmp_path.rglob("*.safetensors"))) == 15 * 3
    assert len(list(tmp_path.rglob("*.part"))) == 0


def write_on(folder: Path) -> None:
    cache, n = VectorCache(folder), 0
    while True:
        block = [f"{n} {row}" for row in range(2000)]
        cache.add("f", keys_of(block), Embeddings(np.full((2000, 64), n, np.float32), np.ones(2000, bool)))
        n += 1


@pytest.mark.slow
def test_a_killed_run_leaves_whole_shards(tmp_path: Path) -> None:
    """Whatever stands there after kill -9 in the middle can be read, and each vector is the right one."""
    worker = SPAWN.Process(target=write_on, args=(tmp_path,))
    worker.start()
    while len(list(tmp_path.rglob("*.safetensors"))) < 5:
        time.sleep(0.001)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    cache = VectorCache(tmp_path)
    known = cache.known("f")
    assert len(known) >= 5 * 2000
    assert len(known) % 2000 == 0
    one_each = keys_of([f"{n} 7" for n in range(len(known) // 2000)])
    np.testing.assert_array_equal(cache.take("f", one_each).vectors[:, 0], np.arange(len(one_each)))


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path)
    cache.add("f", keys_of(["a"]), vectors(["a"]))
    (shard,) = tmp_path.rglob("*.safetensors")
    whole = shard.read_bytes()
    for damage in (b"", whole[:40], b"\xff" * 60, whole[:-3]):
        shard.write_bytes(damage)
        with pytest.raises(
            DataError, match=f"{shard.name}: this shard of the vector cache is damaged .* delete the file"
        ):
            cache.known("f")
        with pytest.raises(DataError, match="damaged"):
            cache.take("f", keys_of(["a"]))


def test_the_environment_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUVEE_CACHE", str(tmp_path))
    assert default_cache().folder == tmp_path
    monkeypatch.delenv("CUVEE_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache().folder == tmp_path / ".cache" / "cuvee" / "vectors"
