from pathlib import Path
from typing import Any

import pytest
import torch

from cuvee.errors import DataError
from cuvee.torch_runtime import dtype_of, read_json, workers

TILES = {"avx512_bf16": True, "amx_bf16": True, "cpu_name": "Intel Xeon"}


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        (TILES, torch.bfloat16),
        ({"avx512_bf16": True, "amx_bf16": False, "cpu_name": "Intel Xeon"}, torch.float32),
        ({"avx512_bf16": True, "amx_bf16": False, "cpu_name": "AMD EPYC 9R14"}, torch.bfloat16),
        ({"avx512_bf16": False, "cpu_name": "AMD EPYC 7R13"}, torch.float32),
        ({"architecture": "aarch64"}, torch.float32),
    ],
)
def test_auto_is_bfloat16_where_it_is_faster(
    capabilities: dict[str, Any], expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert dtype_of("auto") == expected
    assert dtype_of("float32") == torch.float32
    assert dtype_of("bfloat16") == torch.bfloat16


def test_json_that_is_not(tmp_path: Path) -> None:
    assert read_json(tmp_path / "none.json") == {}
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(DataError, match=r"bad\.json is not valid JSON"):
        read_json(tmp_path / "bad.json")


def test_workers_compute_alone_and_give_the_threads_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pools that overlap, the first closed first: the count before either is what remains."""
    before = torch.get_num_threads()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    torch.set_num_threads(3)
    try:
        first, second = workers(), workers()
        pool, other = first.__enter__(), second.__enter__()
        assert pool._max_workers == other._max_workers == 3
        for each in (pool, other):
            assert list(each.map(lambda _: torch.get_num_threads(), range(4))) == [1] * 4
        first.__exit__(None, None, None)
        second.__exit__(None, None, None)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
