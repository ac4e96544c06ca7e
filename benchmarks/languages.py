"""Is text worth as much in Chinese as in English? The demo shop is the same in both but for its words.

    python benchmarks/languages.py --out benchmarks/results/languages.json [--shops runs/languages]

For each seed and language new items (a fifth of those that are bought) are ranked by content alone: with the text
encoder that `cuvee init` suggests, which is another one in each language, and with the Chinese one for both. The worth
of text is NDCG@20 among the new items minus the same with the vectors at the wrong items, a mean of several shuffles.
Languages are compared on the same users, whose events are the same.
"""

import argparse
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from quality import ROOT, machine

from cuvee.cache import default_cache
from cuvee.demo.write import write_shop
from cuvee.encoders.text import Text
from cuvee.evaluate import measure, parse_metrics
from cuvee.features import fit_channels
from cuvee.models.content_ease import ContentEase
from cuvee.projection import Projection
from cuvee.rank import recommend
from cuvee.readers.folder import Folder
from cuvee.registry import build, describe
from cuvee.splits.cold_items import ColdItems
from cuvee.suggest import suggest
from cuvee.types import Dataset, Holdout

LANGUAGES = ("en", "zh")
SEEDS = (0, 1, 2)
SHUFFLES = 4
BOTH: dict[str, dict[str, Any]] = {
    "as suggested": {},
    "one encoder": {"weights": "multilingual-e5-small"},
    "one encoder, title and description": {"weights": "multilingual-e5-small", "columns": ("title", "description")},
}
"""What is compared -> what is changed in the suggested encoder."""

HELD = ("valid", "test_cold_among_cold")

SPLIT = ColdItems(test=0.2, targets=("buy",))
MODEL = ContentEase({"text": 1.0}, share=1.0, content_l2=10.0)

Doubles = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "languages.json")
    parser.add_argument("--shops", type=Path, default=ROOT / "runs" / "languages")
    args = parser.parse_args()
    shops = {(lang, seed): args.shops / f"{lang}-{seed}" for lang in LANGUAGES for seed in SEEDS}
    for (lang, seed), folder in shops.items():
        write_shop(folder, lang=lang, seed=seed)
    told: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "seeds": SEEDS,
        "shuffles": SHUFFLES,
        "split": describe(SPLIT),
        "model": describe(MODEL),
        "encoders": {lang: describe(suggested(Folder(shops[lang, 0]).read(), Path())) for lang in LANGUAGES},
        "compared": {name: both(shops, changes) for name, changes in BOTH.items()},
    }
    args.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    for name, found in told["compared"].items():
        for held, figures in found.items():
            worth = ", ".join(f"{lang} {figures['worth'][lang]['mean']:.4f}" for lang in LANGUAGES)
            ratio = figures["ratio"]
            print(f"{name:35} {held:21} {worth}, ratio {ratio['mean']:.3f} ({ratio['low']:.3f} .. {ratio['high']:.3f})")


def both(shops: dict[tuple[str, int], Path], changes: dict[str, Any]) -> dict[str, Any]:
    """Return set -> figures of both languages."""
    asked = {}
    for key, folder in shops.items():
        data = Folder(folder).read()
        asked[key] = answered(data, replace(suggested(data, folder), **changes), key[1])
    return {held: compared({key: found[held] for key, found in asked.items()}) for held in HELD}


def suggested(data: Dataset, folder: Path) -> Text:
    """Return the text encoder of the recipe that `cuvee init` writes."""
    encoder: Text = build("encoders", yaml.safe_load(suggest(data, folder))["encoders"]["text"])
    return encoder


def answered(data: Dataset, encoder: Text, seed: int) -> dict[str, dict[str, Doubles]]:
    """Return set -> right, wrong: (q,) NDCG@20 with the vectors at the right items, and at the wrong ones."""
    split = SPLIT.split(data, np.random.default_rng(seed))
    _, train = fit_channels(split.train, {"text": encoder}, Projection(), default_cache())
    held = dict(zip(HELD, (split.valid, split.tests[HELD[1]]), strict=True))
    rng = np.random.default_rng([seed, 1])
    wrong = [ndcg(shuffled(train, rng), held) for _ in range(SHUFFLES)]
    right = ndcg(train, held)
    return {name: {"right": right[name], "wrong": np.mean([w[name] for w in wrong], axis=0)} for name in held}


def shuffled(train: Dataset, rng: np.random.Generator) -> Dataset:
    """Return the data with the text vectors at the wrong items."""
    text = train.feature("item", "text").take(rng.permutation(len(train.items)))
    return replace(train, features={**train.features, ("item", "text"): text})


def ndcg(train: Dataset, held: dict[str, Holdout]) -> dict[str, Doubles]:
    model = MODEL.fit(train, None, np.random.default_rng(0))
    metrics = parse_metrics(["ndcg@20"])
    found = {}
    for name, asked in held.items():
        slate = recommend(model, asked.queries, 20, candidates=asked.candidates)
        found[name] = measure(slate, asked, train, metrics).per_query["ndcg@20"].to_numpy().astype(np.float64)
    return found


def compared(asked: dict[tuple[str, int], dict[str, Doubles]]) -> dict[str, Any]:
    """Return the worth in each language and their ratio, mean over seeds, with 95 % intervals over users."""
    rng = np.random.default_rng(0)
    worth = {key: found["right"] - found["wrong"] for key, found in asked.items()}
    drawn: dict[str, list[Doubles]] = {lang: [] for lang in LANGUAGES}
    for seed in SEEDS:
        q = len(worth[LANGUAGES[0], seed])
        times = rng.multinomial(q, np.full(q, 1 / q), size=2_000) / q  # the same users in every language
        for lang in LANGUAGES:
            drawn[lang].append(times @ worth[lang, seed])
    means = {lang: float(np.mean([worth[lang, s].mean() for s in SEEDS])) for lang in LANGUAGES}
    resampled = {lang: np.mean(drawn[lang], axis=0) for lang in LANGUAGES}
    en, zh = LANGUAGES
    return {
        "queries": [len(worth[en, s]) for s in SEEDS],
        "ndcg@20": {lang: [float(asked[lang, s]["right"].mean()) for s in SEEDS] for lang in LANGUAGES},
        "shuffled": {lang: [float(asked[lang, s]["wrong"].mean()) for s in SEEDS] for lang in LANGUAGES},
        "worth": {lang: interval(means[lang], resampled[lang]) for lang in LANGUAGES},
        "ratio": interval(means[zh] / means[en], resampled[zh] / resampled[en]),
    }


def interval(mean: float, resampled: Doubles) -> dict[str, float]:
    low, high = np.quantile(resampled, [0.025, 0.975])
    return {"mean": mean, "low": float(low), "high": float(high)}


if __name__ == "__main__":
    main()
