"""What are the words of reviews worth? Sentiment against stars, and text over stars for recommending.

    python benchmarks/reviews.py [--parts sentiment verdict speed]

Sentiment: the latest tenth of the reviews of amazon-musical-instruments-2014 is the test, the tenth before validation;
AUC of telling 4 and 5 stars from 1 and 2 (3 stars are left out), and 5 stars from the rest. A logistic regression on
TF-IDF of words and pairs of words learns from the earlier reviews, its penalty chosen on validation. The same on the
demo shop in Chinese, by pairs of characters. Intervals by bootstrap over the test reviews, those of differences paired.

Verdict: the recipe e-commerce-reviews with random splits of three seeds. One blend of the same views for each choice of
modalities, weights found on validation; differences of each user's NDCG@20, mean over the seeds that ask them. The same
once by global time for words and stars: the latest tenth of the events, and reviews written before it, of known users.

Writes results/reviews.json after every part, and the figures of docs/reviews.md.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from quality import ROOT, machine
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from cuvee.cache import default_cache
from cuvee.demo.write import write_shop
from cuvee.encoders.reviews import Reviews
from cuvee.encoders.text import Text
from cuvee.features import fit_channels
from cuvee.filters.unseen import allowed
from cuvee.metrics.ndcg import Ndcg
from cuvee.models.blend import Blend
from cuvee.models.content import Content
from cuvee.models.content_ease import ContentEase
from cuvee.models.ease import Ease
from cuvee.models.item_knn import ItemKnn
from cuvee.protocols import Encoder, Splitter
from cuvee.queries import with_features
from cuvee.rank import recommend
from cuvee.recipe import load_recipe
from cuvee.reviewing.profiles import profile, read_reviews
from cuvee.reviewing.sentiment import sentiment
from cuvee.splits.by_time import ByTime
from cuvee.statistics import paired
from cuvee.types import Floats, Split

DATA = Path(os.environ.get("CUVEE_DATA") or ROOT.parent / "shared" / "data")
AMAZON = DATA / "amazon-musical-instruments-2014" / "reviews.parquet"
RESULTS = ROOT / "benchmarks" / "results" / "reviews.json"
PAGE = ROOT / "docs" / "reviews.md"
PARTS = ("sentiment", "verdict", "later", "speed")
PENALTIES = (0.1, 1.0, 10.0, 100.0)
"""Inverse strengths that are tried on validation."""
SEEDS = (0, 1, 2)
_RESAMPLES = 1_000
Values = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="*", default=PARTS, choices=PARTS)
    parser.add_argument("--page-only", action="store_true", help="Only write the figures of the page.")
    args = parser.parse_args()
    known = json.loads(RESULTS.read_text("utf-8")) if RESULTS.is_file() else {}
    makers: Mapping[str, Callable[[], Any]] = {
        "sentiment": sentiments,
        "verdict": verdict,
        "later": later,
        "speed": speed,
    }
    for part in () if args.page_only else args.parts:
        known[part] = makers[part]()
        known |= {"date": datetime.now(UTC).date().isoformat(), "machine": machine()}
        RESULTS.write_text(json.dumps(known, indent=1) + "\n", "utf-8")
    write_figures(known)


def sentiments() -> dict[str, Any]:
    """Return set -> question -> tool -> AUC and what it is above the first tool."""
    with tempfile.TemporaryDirectory() as folder:
        write_shop(Path(folder) / "shop", lang="zh")
        demo = pl.read_parquet(Path(folder) / "shop" / "reviews.parquet")
    sets = {
        "amazon-musical-instruments-2014": (pl.read_parquet(AMAZON), ("vader", "products"), "word", (1, 2)),
        "demo shop in Chinese": (demo, ("snownlp",), "char", (1, 2)),
    }
    found: dict[str, Any] = {}
    for name, (table, tools, analyser, runs) in sets.items():
        table = table.filter(pl.col("text").fill_null("").str.strip_chars() != "")
        table = table.sort("timestamp", maintain_order=True)
        for question, kept in (("4 or 5 stars, not 1 or 2", pl.col("rating") != 3), ("5 stars or not", pl.lit(True))):
            least = 4 if question.startswith("4") else 5
            train, valid, test = _by_time(table, kept)
            scores = {tool: sentiment(test["text"].to_list(), tool).astype(np.float64) for tool in tools}
            scores["logistic regression"] = _regression(train, valid, test, least, analyser, runs)
            found.setdefault(name, {})[question] = _aucs(scores, (test["rating"] >= least).to_numpy())
            print(name, question, found[name][question], flush=True)
    return found


def _by_time(table: pl.DataFrame, kept: pl.Expr) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Cut all reviews at two moments; reviews of one moment stay together."""
    time_ = table["timestamp"].to_numpy()
    first, second = (time_[int(len(time_) * share)] for share in (0.8, 0.9))
    moment = pl.col("timestamp")
    return (
        table.filter((moment < first) & kept),
        table.filter((moment >= first) & (moment < second) & kept),
        table.filter((moment >= second) & kept),
    )


def _regression(
    train: pl.DataFrame, valid: pl.DataFrame, test: pl.DataFrame, least: int, analyser: str, runs: tuple[int, int]
) -> Values:
    """Return (n,) the log odds of the test reviews."""
    vectors = TfidfVectorizer(analyzer=analyser, ngram_range=runs, min_df=2, sublinear_tf=True)
    inputs = vectors.fit_transform(train["text"].to_list())
    wanted = (train["rating"] >= least).to_numpy()
    best: tuple[float, Any] = (0.0, None)
    for penalty in PENALTIES:
        model = LogisticRegression(C=penalty, max_iter=2_000).fit(inputs, wanted)
        told = model.decision_function(vectors.transform(valid["text"].to_list()))
        auc = float(roc_auc_score((valid["rating"] >= least).to_numpy(), told))
        print("  penalty", penalty, "validation AUC", round(auc, 4), flush=True)
        best = max(best, (auc, model), key=lambda pair: pair[0])
    found: Values = best[1].decision_function(vectors.transform(test["text"].to_list()))
    return found


def _aucs(scores: Mapping[str, Values], wanted: "NDArray[np.bool_]") -> dict[str, Any]:
    """Return tool -> AUC with its interval, and that of its difference to the first."""
    rng = np.random.default_rng(0)
    first = next(iter(scores))
    drawn = [rows for rows in rng.integers(0, len(wanted), (_RESAMPLES, len(wanted))) if 0 < wanted[rows].mean() < 1]
    many = {tool: np.array([roc_auc_score(wanted[r], s[r]) for r in drawn]) for tool, s in scores.items()}
    found = {}
    for tool, values in many.items():
        above = values - many[first]
        found[tool] = {
            "auc": float(roc_auc_score(wanted, scores[tool])),
            "low": float(np.quantile(values, 0.025)),
            "high": float(np.quantile(values, 0.975)),
            "above_first": [float(np.quantile(above, q)) for q in (0.025, 0.975)] if tool != first else None,
            "n": len(wanted),
            "unkind": int((~wanted).sum()),
        }
    return found


def encoders() -> dict[str, Encoder]:
    text = Text(columns=("text",))
    return {
        "stars": Reviews(),
        "words": Reviews(text=text),
        "aspects": Reviews(sentiment="products", aspects=50, weighted=True),
        "words by votes": Reviews(text=text, weighted=True),
    }


FORMS: Mapping[str, tuple[str, ...]] = {
    "no reviews": (),
    "stars": ("stars",),
    "words": ("words",),
    "stars and words": ("stars", "words"),
    "stars and words by votes": ("stars", "words by votes"),
    "stars and aspects": ("stars", "aspects"),
    "everything": ("stars", "words by votes", "aspects"),
}
_PAIRS = (
    ("stars and words", "stars"),
    ("stars and aspects", "stars"),
    ("everything", "stars"),
    ("stars and words by votes", "stars and words"),
    ("everything", "stars and words"),
    ("stars", "no reviews"),
    ("words", "no reviews"),
    ("everything", "no reviews"),
)


def verdict() -> dict[str, Any]:
    """Return the NDCG@20 of each form, and paired differences."""
    parts: dict[str, list[pl.DataFrame]] = {form: [] for form in FORMS}
    valid: dict[str, list[float]] = {form: [] for form in FORMS}
    for seed in SEEDS:
        split = _split(seed)
        for form, on in FORMS.items():
            model = _blend(on).fit(split.train, split.valid, np.random.default_rng(seed)).plain
            held = split.tests["test"]
            values = {"user": held.users, "value": _quality(model, held)}
            parts[form].append(pl.DataFrame(values))
            valid[form].append(float(_quality(model, split.valid).mean()))
            print(seed, form, valid[form][-1], float(values["value"].mean()), flush=True)
    mean = {
        form: pl.concat(tables).group_by("user").agg(pl.col("value").mean()).sort("user")["value"].to_numpy()
        for form, tables in parts.items()
    }
    rng = np.random.default_rng(0)
    return {
        "forms": {f: {"valid": float(np.mean(valid[f])), "test": float(mean[f].mean())} for f in FORMS},
        "pairs": [{"a": a, "b": b, **asdict(paired(mean[a], mean[b], rng))} for a, b in _PAIRS],
        "users": len(mean["stars"]),
    }


def later() -> dict[str, Any]:
    """Return the same by global time, where nothing is drawn: no review of the future is read."""
    forms = {form: FORMS[form] for form in ("no reviews", "stars", "words", "stars and words")}
    split = _split(0, ByTime(known_users=True), {name: encoders()[name] for name in ("stars", "words")})
    held = split.tests["test"]
    test, valid = {}, {}
    for form, on in forms.items():
        model = _blend(on).fit(split.train, split.valid, np.random.default_rng(0)).plain
        test[form], valid[form] = _quality(model, held), float(_quality(model, split.valid).mean())
    rng = np.random.default_rng(0)
    return {
        "forms": {f: {"valid": valid[f], "test": float(test[f].mean())} for f in forms},
        "pairs": [{"a": a, "b": b, **asdict(paired(test[a], test[b], rng))} for a, b in _PAIRS if {a, b} <= set(forms)],
        "users": len(held.users),
    }


def _split(seed: int, splitter: Splitter | None = None, read: Mapping[str, Encoder] | None = None) -> Split:
    recipe = load_recipe(ROOT / "recipes" / "scenarios" / "e-commerce-reviews.yaml")
    split = (splitter or recipe.split).split(recipe.reader.read(), np.random.default_rng(seed))
    _, train = fit_channels(split.train, read or encoders(), recipe.project, default_cache())
    return replace(split, train=train, valid=with_features(split.valid, train))


def _blend(on: tuple[str, ...]) -> Any:
    """Return what people do, and the views of the recipe on these modalities, words counting most."""
    weights = {name: 1.0 if "words" in name or len(on) == 1 else 0.3 for name in on}
    views: list[Any] = [Ease(50), ItemKnn()]
    if on:
        views += [Content(on=weights), ContentEase(on=weights, l2=50, content=10)]
        views += [ContentEase(on=weights, l2=50, content=30), ContentEase(on=weights, share=1, content_l2=10)]
    return Blend(tuple(views))


def _quality(model: Any, held: Any) -> Floats:
    slate = recommend(model, held.queries, 20, filters=[allowed], candidates=held.candidates)
    found: Floats = Ndcg(20).measure(slate, held.truth)
    return found


def speed() -> float:
    """Return the CPU seconds to read 10,000 reviews by VADER with words about products, and tell of every item."""
    table = pl.read_parquet(AMAZON).head(10_000)
    started = time.process_time()
    profile(read_reviews(table, "products"), "item")
    return time.process_time() - started


def write_figures(known: Mapping[str, Any]) -> None:
    """Put the tables between the marks of the page."""
    text = PAGE.read_text("utf-8")
    for part, lines in (("sentiment", _sentiment_lines), ("verdict", _verdict_lines), ("later", _verdict_lines)):
        if part in known:
            head, mark, rest = text.partition(f"<!-- figures: {part} -->\n")
            _, end, tail = rest.partition("<!-- end of figures -->")
            text = head + mark + "\n".join(lines(known[part])) + "\n" + end + tail
    PAGE.write_text(text, "utf-8")


def _sentiment_lines(found: Mapping[str, Any]) -> Iterator[str]:
    yield "| reviews | question | tool | AUC | 95 % interval | above the first |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name, questions in found.items():
        for question, tools in questions.items():
            for tool, f in tools.items():
                above = "" if f["above_first"] is None else "{:+.3f} .. {:+.3f}".format(*f["above_first"])
                told = f"{question} ({f['n']:,}, {f['unkind']:,} of them not)"
                yield f"| {name} | {told} | {tool} | {f['auc']:.3f} | {f['low']:.3f} .. {f['high']:.3f} | {above} |"


def _verdict_lines(found: Mapping[str, Any]) -> Iterator[str]:
    yield "| what is read | validation NDCG@20 | test NDCG@20 |"
    yield "| --- | --- | --- |"
    for form, f in found["forms"].items():
        yield f"| {form} | {f['valid']:.4f} | {f['test']:.4f} |"
    yield ""
    yield "| difference on test | NDCG@20 | 95 % interval |"
    yield "| --- | --- | --- |"
    for pair in found["pairs"]:
        told = f"{pair['difference']:+.4f} | {pair['low']:+.4f} .. {pair['high']:+.4f}"
        yield f"| {pair['a']} over {pair['b']} | {told} |"


if __name__ == "__main__":
    main()
