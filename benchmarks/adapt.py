"""What is it worth to tune the text encoder on the catalogue's own histories? `cuvee adapt` before and after.

A tenth of the items is held out for validation and a tenth for the test; items are recommended by the cosine of their
text (title, genres, description, 32 tokens, MiniLM) to what was liked, and by a blend that learns from events as well;
nothing but the text encoder differs. The epoch is chosen on validation. Seeds draw other splits. What is there is not
run again, so a run may be cut anywhere.

    python benchmarks/adapt.py --data ml-100k --tuning side --epochs 6 --pairs 4000
"""

import argparse
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from evaluate import machine, versions

from cuvee.statistics import paired

DATA = Path(os.environ.get("CUVEE_DATA") or Path(__file__).parents[2] / "shared" / "data")
OUT = Path(__file__).parent / "results" / "adapt.json"
RECIPE = """
reader: {{folder: {{path: "{data}", min_rating: 4}}}}
split: {split}
encoders:
  text: {{text: {{columns: [title, genres, description], max_tokens: 32}}}}
model: {model}
evaluate: {{verdict: false}}
seed: {seed}
"""
MODELS = {
    "text": ("cold_items", "{content: {on: {text: 1}}}"),
    "blend": (
        "{cold_items: {choose_on: both}}",
        "{blend: {views: [{ease: {l2: 200}}, {content: {on: {text: 1}}}, "
        "{content_ease: {on: {text: 1}, l2: 200, content: 30}}, "
        "{content_ease: {on: {text: 1}, l2: 200, content: 0, share: 0.3, content_l2: 1}}]}}",
    ),
}
"""The text alone, which also adapts, or a blend that learns from events: split, model."""
METRIC = "ndcg@20"


def cuvee(*arguments: str) -> str:
    command = [sys.executable, "-m", "cuvee", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def measure(data: str, seed: int, model: str, options: list[str], work: Path) -> dict[str, Any]:
    """Return the figures of one split: test set -> before, after, and the paired difference with its interval."""
    tuned, recipes = work / f"{data}-{seed}", {name: work / f"{data}-{seed}-{name}.yaml" for name in MODELS}
    for name, (split, spec) in MODELS.items():
        text = RECIPE.format(data=DATA / data, seed=seed, split=split, model=spec)
        recipes[name].write_text(text, encoding="utf-8")
    if not tuned.is_dir() and not (work / f"{data}-{seed}.txt").is_file():
        told = cuvee("adapt", str(recipes["text"]), "--out", str(tuned), *options)
        (work / f"{data}-{seed}.txt").write_text(told, encoding="utf-8")
        print(told, flush=True)
    changes: dict[str, list[str]] = {"before": [], "after": []}
    if tuned.is_dir():  # otherwise validation found nothing better, and the weights stay as they are
        changes["after"] = ["--set", f"encoders.text.text.weights={tuned}"]
    frames = {}
    for name, change in changes.items():
        done = work / f"{data}-{seed}-{model}-{name}"
        if not (done / "metrics.json").is_file():
            cuvee("run", str(recipes[model]), "--out", str(done), *change)
        frames[name] = pl.read_parquet(done / "per_query.parquet")
    found: dict[str, Any] = {}
    for test in frames["before"]["set"].unique(maintain_order=True):
        values = {n: f.filter(pl.col("set") == test)[METRIC].to_numpy() for n, f in frames.items()}
        gain = paired(values["after"], values["before"], np.random.default_rng(0))
        means = {name: float(np.nanmean(value)) for name, value in values.items()}
        found[str(test)] = means | {"gain": gain.difference, "low": gain.low, "high": gain.high, "n": gain.n}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="ml-100k")
    parser.add_argument("--tuning", default="side")
    parser.add_argument("--epochs", default="6")
    parser.add_argument("--pairs", default="4000")
    parser.add_argument("--lr", default="0.0005")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path("runs") / "adapt")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    options = [f for name in ("tuning", "epochs", "pairs", "lr") for f in (f"--{name}", str(getattr(args, name)))]
    runs = {m: [measure(args.data, seed, m, options, args.work) for seed in range(args.seeds)] for m in MODELS}
    figures = json.loads(args.out.read_text(encoding="utf-8")) if args.out.is_file() else {}
    own = {"options": options, "seeds": runs, "date": datetime.now(UTC).date().isoformat(), "machine": machine(),
           "versions": versions(sys.executable, ["torch", "transformers", "peft"])}  # fmt: skip
    figures[f"{args.data} {args.tuning}"] = own
    args.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    for model, test in [(m, t) for m in MODELS for t in runs[m][0]]:
        found = [run[test] for run in runs[model]]
        told = [f"{r['before']:.4f} -> {r['after']:.4f} [{r['low']:+.4f}, {r['high']:+.4f}]" for r in found]
        print(f"{model:6}{test:24}", "  ".join(told))


if __name__ == "__main__":
    main()
