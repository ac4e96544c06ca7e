"""What every encoder on torch needs: device, precision, and loading a Hugging Face folder with nothing missing."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import torch

from cuvee.errors import DataError

__all__ = ["Precision", "device", "dtype_of", "load_model", "quiet", "read_json", "workers"]

Precision = Literal["auto", "float32", "bfloat16"]
"""Width of the numbers inside a network; `auto` is bfloat16 where the hardware multiplies it faster than float32."""


_POOLS: list[int] = []
"""For each pool of `workers` that is open, the threads that torch gets back in the end."""
_POOLS_LOCK = Lock()


def device() -> torch.device:
    """Return the GPU, or the CPU where there is none."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def dtype_of(precision: Precision) -> torch.dtype:
    """Return the type of the weights; a function of the machine alone, so that two runs agree."""
    if precision == "auto":
        return torch.bfloat16 if _fast_bfloat16() else torch.float32
    return torch.float32 if precision == "float32" else torch.bfloat16


def load_model(folder: Path, dtype: torch.dtype) -> Any:
    """Return the network of a Hugging Face folder, ready to run on `device()`.

    Raises:
        DataError: no readable safetensors, or weights that the architecture needs are missing; only a pooling layer may
            be, and is then taken away.
    """
    from transformers import AutoModel

    with quiet():
        try:
            model, info = AutoModel.from_pretrained(
                folder, dtype=dtype, use_safetensors=True, local_files_only=True, output_loading_info=True
            )
        except (OSError, ValueError, KeyError) as error:
            raise DataError(f"{folder} is not a Hugging Face model that can be read: {error}") from error
    missing = sorted(key for key in info["missing_keys"] if "pooler" not in key)
    if missing:
        raise DataError(f"{folder} lacks the weights {', '.join(missing[:5])} of {type(model).__name__}")
    if info["missing_keys"]:
        model.pooler = None  # it holds random numbers, and would be asked
    return model.eval().to(device())


@contextmanager
def workers() -> Iterator[ThreadPoolExecutor]:
    """Yield a pool of as many threads as torch may use, each of which computes alone.

    So nothing waits inside a product, which costs dearly on a busy machine, and the bytes of a result do not depend on
    the number of threads. A GPU gets one thread.
    """
    with _POOLS_LOCK:
        threads = _POOLS[0] if _POOLS else torch.get_num_threads()
        _POOLS.append(threads)
    alone = partial(torch.set_num_threads, 1)
    try:
        with ThreadPoolExecutor(threads if device().type == "cpu" else 1, initializer=alone) as pool:
            yield pool
    finally:
        with _POOLS_LOCK:
            _POOLS.pop()
            if not _POOLS:
                torch.set_num_threads(threads)


def read_json(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file, {} where there is none."""
    if not path.is_file():
        return {}
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is not valid JSON: {error}") from error
    return content


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the loading bars and reports of transformers off the terminal; `load_model` checks what they would say."""
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _fast_bfloat16() -> bool:
    """Having the instruction is not enough: without matrix tiles, Intel's multiplies slower than float32 does."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    has = torch.cpu.get_capabilities()
    if has.get("amx_bf16"):
        return True
    return bool(has.get("avx512_bf16")) and "Intel" not in str(has.get("cpu_name", ""))
