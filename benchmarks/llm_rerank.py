"""Does a small language model order candidates better than the model that retrieved them? By what is known of a user.

    python benchmarks/llm_rerank.py --parts FOLDER [--minutes M] [--valid N] [--test N]

ml-latest-small on its fixed split. EASE retrieves 20 items for a sample of users; SmolLM2-135M-Instruct, which reads
the titles of their newest 10 liked items, scores them in both forms of `llm_ranking`, with and without calibration.
The form, and the weight w of (1 - w) z(retrieval) + w z(language model), are chosen by NDCG@10 on validation users. On
the test the same users are asked with only the newest 1 or 5 liked items known, and with all of them; what they
have seen is never a candidate. Scores are kept in FOLDER as they come, so that the run can be cut and resumed. Writes
results/llm_rerank.json when all are there.
"""

import argparse
import json
import os
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from quality import ROOT, machine

from cuvee.llm_ranking import Form, LlmRanker
from cuvee.llms.local import Local
from cuvee.metrics.ndcg import Ndcg
from cuvee.models.ease import Ease
from cuvee.queries import one_each
from cuvee.rank import top_k
from cuvee.readers.folder import Folder
from cuvee.splits.given import Given
from cuvee.statistics import paired
from cuvee.types import Floats, Holdout, Ints, Queries, Slate

DATA = Path(os.environ.get("CUVEE_DATA") or ROOT.parent / "shared" / "data")
CANDIDATES, CHUNK = 20, 10
LENGTHS = (1, 5, None)
"""Newest liked items that are known; None: all."""
FORMS: tuple[Form, ...] = ("list", "point")
WEIGHTS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)


@dataclass(frozen=True)
class Asked:
    """Questions with the candidates that retrieval gives."""

    queries: Queries
    items: Ints
    """(q, CANDIDATES) best first."""
    scores: Floats
    holdout: Holdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("--valid", type=int, default=50, help="Users on whom is chosen.")
    parser.add_argument("--test", type=int, default=120, help="Users who are measured.")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "llm_rerank.json")
    args = parser.parse_args()
    args.parts.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + 60 * args.minutes
    data = Folder(DATA / "ml-latest-small", min_rating=4).read()
    split = Given(DATA / "splits" / "ml-latest-small.parquet").split(data, np.random.default_rng(0))
    model = Ease(200).fit(split.train, None, np.random.default_rng(0))
    titles = split.train.item_table["title"].to_list()
    valid = asked(model, sample(split.valid, args.valid), None)
    read = {}
    for form in FORMS:
        for bare in (True, False):
            read[form, bare] = scored(valid, titles, form, bare, "valid", args.parts, until)
    told = {"valid": chosen(valid, read)}
    form, bare = told["valid"]["form"], not told["valid"]["calibrated"]
    told["test"] = {}
    for length in LENGTHS:
        test = asked(model, sample(split.tests["test"], args.test), length)
        found = scored(test, titles, form, bare, f"test-{length}", args.parts, until)
        told["test"]["all" if length is None else str(length)] = compared(test, found, told["valid"]["weight"])
    head = {"date": datetime.now(UTC).date().isoformat(), "machine": machine(), "candidates": CANDIDATES}
    whole = {**head, "users": {"valid": args.valid, "test": args.test}, **told}
    args.out.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(told, indent=1))


def sample(held: Holdout, n: int) -> Holdout:
    drawn = np.random.default_rng(0).permutation(len(held.queries))[:n]
    return held.take(drawn)  # in the order drawn: more users leave the parts of fewer as they are


def asked(model: Any, held: Holdout, length: int | None) -> Asked:
    """Return the candidates when only the newest `length` liked items are known."""
    queries = held.queries if length is None else cut(held.queries, length)
    scores = np.where(held.queries.seen.toarray() != 0, -np.inf, model.score(queries)).astype(np.float32)
    return Asked(queries, *top_k(scores, CANDIDATES), held)


def cut(queries: Queries, length: int) -> Queries:
    """Return the same users as if they had liked only their newest items; those with fewer repeat their oldest."""
    rows: list[list[int]] = []
    for q in range(len(queries)):
        known = set(queries.liked[q].indices.tolist())
        newest = [i for i in dict.fromkeys(queries.history[q][::-1].tolist()) if i in known][:length]
        rows.append([*[newest[-1]] * (length - len(newest)), *newest[::-1]])
    return one_each(queries.seen.shape[1], np.array(rows, np.int32))


def scored(ask: Asked, titles: list[str], form: Form, bare: bool, name: str, parts: Path, until: float) -> Floats:
    """Return (q, CANDIDATES) scores of the language model, from the parts kept or made now."""
    told = read_by(ask, LlmRanker(Local(), titles, 10, form, calibrated=False), parts / f"{name}-{form}-10", until)
    if bare:
        return told
    return told - read_by(ask, LlmRanker(Local(), titles, 0, form, calibrated=False), parts / f"{name}-{form}-0", until)


def read_by(ask: Asked, ranker: LlmRanker, part: Path, until: float) -> Floats:
    blocks = []
    for start in range(0, len(ask.items), CHUNK):
        file = part.with_name(f"{part.name}-{start}.npy")
        if not file.exists():
            if time.monotonic() > until:
                raise SystemExit(f"time is up at {file.name}; start again to go on")
            began, rows = time.process_time(), slice(start, start + CHUNK)
            np.save(file, ranker.score(ask.queries.take(rows), ask.items[rows]))
            print(file.name, f"{time.process_time() - began:.1f} CPU-s", flush=True)
        blocks.append(np.load(file))
    return np.concatenate(blocks)


def chosen(valid: Asked, read: dict[tuple[Form, bool], Floats]) -> dict[str, Any]:
    """Return the form whose own order is best, the weight that suits it, and the figures of all."""
    alone = {key: float(ndcg(valid, scores, 10).mean()) for key, scores in read.items()}
    form, bare = max(alone, key=lambda key: alone[key])
    by_weight = {w: float(ndcg(valid, mixed(valid, read[form, bare], w), 10).mean()) for w in WEIGHTS}
    best = max(WEIGHTS, key=lambda w: (by_weight[w], -w))
    figures = {f"{f}, {'bare' if b else 'calibrated'}": value for (f, b), value in alone.items()}
    before = float(ndcg(valid, valid.scores, 10).mean())
    random = np.random.default_rng(0).random(valid.items.shape).astype(np.float32)
    return {
        "form": form,
        "calibrated": not bare,
        "weight": best,
        "ndcg@10 before": before,
        "ndcg@10 of a random order": float(ndcg(valid, random, 10).mean()),
        "ndcg@10 alone": figures,
        "ndcg@10 by weight": by_weight,
    }


def compared(test: Asked, found: Floats, weight: float) -> dict[str, Any]:
    """Return NDCG before and after, with paired intervals of the differences."""
    out: dict[str, Any] = {}
    rng = np.random.default_rng(0)
    for k in (10, 20):
        before = ndcg(test, test.scores, k)
        random = ndcg(test, rng.random(test.items.shape).astype(np.float32), k)
        alone, blended = ndcg(test, found, k), ndcg(test, mixed(test, found, weight), k)
        out[f"ndcg@{k}"] = {
            "before": float(before.mean()),
            "random order": float(random.mean()),
            "re-ranked": float(alone.mean()),
            "blended": float(blended.mean()),
            "re-ranked minus before": asdict(paired(alone, before, np.random.default_rng(0))),
            "re-ranked minus random": asdict(paired(alone, random, np.random.default_rng(0))),
            "blended minus before": asdict(paired(blended, before, np.random.default_rng(0))),
        }
    return out


def mixed(ask: Asked, found: Floats, weight: float) -> Floats:
    return ((1 - weight) * unit(ask.scores) + weight * unit(found)).astype(np.float32)


def unit(scores: Floats) -> Floats:
    return np.asarray((scores - scores.mean(1, keepdims=True)) / (scores.std(1, keepdims=True) + 1e-9), np.float32)


def ndcg(ask: Asked, scores: Floats, k: int) -> Floats:
    order = np.argsort(-scores, axis=1, kind="stable")
    items = np.take_along_axis(ask.items, order, 1)
    return Ndcg(k).measure(Slate(items, np.take_along_axis(scores, order, 1), np.ones_like(scores)), ask.holdout.truth)


if __name__ == "__main__":
    main()
