"""How fast are texts encoded? Ours beside sentence-transformers' default `encode`, on the same 5,000 product texts.

The texts are "title. category. brand. description" of hm-lastweek, each once. Both sides load MiniLM from the same
folder, in a process of their own with the same number of threads, and encode in turn: once with one thread and once
with one a core, which is torch's default. On a machine that does other work too, threads that wait for one another cost
a great deal, so the load before and after is written down. Neighbours are compared with those of
sentence-transformers' float32 vectors. `products` says how fast the processor multiplies matrices of MiniLM's sizes in
each precision, which bounds what there is to gain. Memory is what a million different texts add to a process that
encodes them with a small random network, their vectors dropped.

    python -m venv .venv-bench && .venv-bench/bin/pip install -r benchmarks/requirements-peers.txt
    python benchmarks/encode.py --peers .venv-bench/bin/python --out benchmarks/results/encode.json
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from evaluate import machine, memory, versions
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

COLUMNS = ("title", "category", "brand", "description")
NEIGHBOURS = 10
DATA = Path(os.environ.get("CUVEE_DATA") or Path(__file__).parents[2] / "shared" / "data")


def product_texts(n: int, folder: Path) -> list[str]:
    """Return the first n different texts of the catalogue."""
    import polars as pl

    from cuvee.encoders.text import FittedText, Text

    table = pl.read_parquet(DATA / "hm-lastweek" / "items.parquet")
    return list(dict.fromkeys(filter(None, FittedText(Text(COLUMNS), folder).contents(table))))[:n]


def cuvee(folder: Path, precision: str) -> Callable[[list[str]], Vectors]:
    import polars as pl

    from cuvee import registry

    data: Any = type("Rows", (), {"item_table": pl.DataFrame({"text": [""]})})
    given = {"columns": ["text"], "weights": str(folder), "precision": precision}
    fitted = registry.build("encoders", {"text": given}).fit(data, "item")
    return lambda texts: np.concatenate([e.vectors for e in fitted.encode(pl.DataFrame({"text": texts}))])


def sentence_transformers(folder: Path, _precision: str) -> Callable[[list[str]], Vectors]:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    return lambda texts: np.asarray(model.encode(texts), np.float32)


SIDES = {"cuvee": cuvee, "sentence_transformers": sentence_transformers}


def serve(side: str, folder: Path, case: Path, precision: str) -> None:
    """Be one side: for each line on standard input encode once, leave the vectors in a file, answer the seconds."""
    texts = json.loads((case / "texts.json").read_text(encoding="utf-8"))
    encode = SIDES[side](folder, precision)
    encode(texts[:64])
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        vectors = encode(texts)
        answer = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
        np.save(case / f"{side}-{precision}.npy", vectors)
        print(json.dumps(answer), flush=True)


def start(python: str, *arguments: str, threads: int) -> "subprocess.Popen[str]":
    limits = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    quiet = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "TOKENIZERS_PARALLELISM": "false"}
    command = [python, __file__, *arguments]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | limits | quiet
    )


def ask(process: "subprocess.Popen[str]") -> dict[str, float]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    answer: dict[str, float] = json.loads(process.stdout.readline())
    return answer


def compete(case: Path, folder: Path, given: argparse.Namespace, threads: int) -> dict[str, Any]:
    """Return side -> median seconds, the sides asked in turn, and how their neighbours agree."""
    peer = ("sentence_transformers", "float32")
    sides = {peer: given.peers, **dict.fromkeys([("cuvee", p) for p in given.precisions], sys.executable)}
    place = ("--folder", str(folder), "--case", str(case))
    running = {
        (side, precision): start(python, "--serve", side, "--precision", precision, *place, threads=threads)
        for (side, precision), python in sides.items()
    }
    answers: dict[tuple[str, str], list[dict[str, float]]] = {key: [] for key in running}
    for _ in range(given.repeats):
        for key, process in running.items():
            answers[key].append(ask(process))
    for process in running.values():
        process.communicate()
    reference = np.load(case / f"{'-'.join(peer)}.npy")
    report: dict[str, Any] = {}
    for key, found in answers.items():
        figures = {s: round(median(a[s] for a in found), 2) for s in ("cpu_s", "wall_s")}
        for name, seconds in (("times_as_fast", "cpu_s"), ("times_as_fast_by_the_clock", "wall_s")):
            ratios = [p[seconds] / a[seconds] for p, a in zip(answers[peer], found, strict=True)]
            figures[name] = round(median(ratios), 2)
        report[f"{' '.join(key)}, {threads} thread{'s'[: threads - 1]}"] = figures
        figures[f"overlap@{NEIGHBOURS}"] = round(overlap(reference, np.load(case / f"{'-'.join(key)}.npy")), 4)
    return report


def overlap(reference: Vectors, vectors: Vectors) -> float:
    """Return the mean share of each row's nearest rows that both sets of vectors agree on."""
    first, second = neighbours(reference), neighbours(vectors)
    return float(np.mean([len(set(a) & set(b)) / NEIGHBOURS for a, b in zip(first, second, strict=True)]))


def neighbours(vectors: Vectors) -> NDArray[np.int64]:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    similarity = unit @ unit.T
    np.fill_diagonal(similarity, -np.inf)
    return np.argpartition(-similarity, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]


def products(repeats: int = 20) -> dict[str, int]:
    """Return precision -> GFLOP a CPU-second of the best of some products (1024 x 384) (384 x 1536)."""
    import torch

    n, inside, outside = 1024, 384, 1536
    found = {}
    for name, dtype in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        x, w = torch.randn(n, inside).to(dtype), torch.randn(outside, inside).to(dtype)
        seconds = []
        for _ in range(repeats):
            began = time.process_time()
            for _ in range(5):
                torch.nn.functional.linear(x, w)
            seconds.append(time.process_time() - began)
        found[name] = round(5 * 2 * n * inside * outside / min(seconds) / 1e9)
    return found


def small_network(tokeniser: Path, folder: Path) -> None:
    """Write a random BERT of two narrow layers with MiniLM's tokeniser."""
    from transformers import BertConfig, BertModel

    config = BertConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64)
    BertModel(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(tokeniser / name, folder)


def grow(folder: Path, rows: int) -> None:
    """Encode `rows` different texts and answer the memory after the first tenth and its growth until the end, in MB."""
    import polars as pl

    from cuvee.encoders.text import FittedText, Text

    rng = np.random.default_rng(0)
    words = np.array(["red", "blue", "soft", "warm", "shirt", "dress", "cotton", "wool", "summer", "long", "short"])
    text = [f"{' '.join(rng.choice(words, rng.integers(1, 9)))} {row}" for row in range(rows)]
    table, done, early = pl.DataFrame({"text": text}), 0, 0.0
    del text
    began = time.perf_counter()
    for block in FittedText(Text(("text",)), folder).encode(table):
        done += len(block)
        if done <= rows // 10:
            early = memory()[1]
    last = memory()[1]
    answer = {"rows": done, "peak_mb_after_a_tenth": round(early), "growth_mb_after_that": round(last - early, 1)}
    print(json.dumps(answer | {"wall_s": round(time.perf_counter() - began)}))


def million(case: Path, folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    small_network(folder, case / "small")
    process = start(sys.executable, "--grow", str(given.rows), "--folder", str(case / "small"), threads=1)
    out, _ = process.communicate()
    answer: dict[str, Any] = json.loads(out)
    return answer


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", help="Python of the environment with requirements-peers.txt")
    parser.add_argument("--out", type=Path, help="where to write the figures as JSON")
    parser.add_argument("--texts", type=int, default=5_000)
    parser.add_argument("--rows", type=int, default=1_000_000, help="texts of the memory test")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=sorted({1, os.cpu_count() or 1}))
    parser.add_argument("--precisions", nargs="+", default=["auto"], help="auto, float32, bfloat16")
    for hidden in ("--serve", "--precision"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    parser.add_argument("--grow", type=int, help=argparse.SUPPRESS)
    for hidden in ("--folder", "--case"):
        parser.add_argument(hidden, type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if not (given.peers or given.serve or given.grow):
        parser.error("--peers is needed: make .venv-bench as the text above says")
    return given


def main() -> None:
    given = arguments()
    if given.serve:
        serve(given.serve, given.folder, given.case, given.precision)
        return
    if given.grow:
        grow(given.folder, given.grow)
        return
    from cuvee import weights
    from cuvee.torch_runtime import dtype_of

    folder = weights.resolve("minilm")
    with tempfile.TemporaryDirectory() as name:
        case = Path(name)
        (case / "texts.json").write_text(json.dumps(product_texts(given.texts, folder)), encoding="utf-8")
        load = [os.getloadavg()[0]]
        sides = {name: side for n in given.threads for name, side in compete(case, folder, given, n).items()}
        load.append(os.getloadavg()[0])
        memory_report = million(case, folder, given)
    report = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "auto_precision": str(dtype_of("auto")).removeprefix("torch."),
        "products_gflop_a_cpu_s": products(),
        "load_before_and_after": [round(x, 1) for x in load],
        "texts": given.texts,
        "repeats": given.repeats,
        "versions": {
            "ours": {p: version(p) for p in ("cuvee", "torch", "transformers", "tokenizers")},
            "peers": versions(given.peers, ["sentence-transformers", "torch", "transformers", "tokenizers"]),
        },
        "sides": sides,
        "million_texts": memory_report,
    }
    text = json.dumps(report, indent=2)
    print(text)
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
