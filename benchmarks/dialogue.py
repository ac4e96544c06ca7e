"""Are conversations worth it? Simulated people look for an item they are going to like.

    python benchmarks/dialogue.py [--sets ml-latest-small ...] [--choose] [--dialogues 300]

Targets are held-out items of known people, who talk as benchmarks/simulated_people.py says, for five turns at most,
with `K` items a turn. Beside it stand one search with the first message by the same text index and text space, what is
popular, and the recommender without a word; each with K items, and with as many as five turns show. `--choose` looks
for weights and for when a question pays, on validation targets only. Writes benchmarks/results/dialogue.json and the
table of docs/conversation.md.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from simulated_people import VOICES, Person, common_words

from cuvee.bundle import Bundle
from cuvee.demo.write import write_shop
from cuvee.dialogue.asking import Asking
from cuvee.dialogue.conversation import Conversation, open_conversation
from cuvee.dialogue.retrieval import Retriever, Weights
from cuvee.dialogue.state import Constraint, State
from cuvee.pipeline import encode, fit
from cuvee.recipe import load_recipe
from cuvee.types import Floats, Holdout, Split

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "dialogue.json"
PAGE = ROOT / "docs" / "conversation.md"
MARK = ("<!-- figures -->\n", "<!-- end of figures -->")
K, TURNS = 5, 5
SEEDS = (0, 1, 2)

BLEND = """
model:
  blend:
    views:
    - {ease: {l2: 200}}
    - item_knn
    - {content: {on: {text: 1}}}
    - {content_ease: {on: {text: 1}, l2: 100, content: 30}}
filters: [unseen]
"""
LARGE = """
model: {blend: {views: [item_knn, {content: {on: {text: 1}}}]}}
filters: [unseen]
"""
RECIPES = {
    "ml-latest-small": """
reader: {folder: {path: "${CUVEE_DATA}/ml-latest-small", min_rating: 4}}
split: {given: {path: "${CUVEE_DATA}/splits/ml-latest-small.parquet"}}
encoders: {text: {text: {columns: [title, genres, description]}}}
""",
    "hm-lastweek": """
reader: {folder: {path: "${CUVEE_DATA}/hm-lastweek"}}
split: {given: {path: "${CUVEE_DATA}/splits/hm-lastweek.parquet"}}
encoders: {text: {text: {columns: [title, category, brand, description]}}}
""",
    "demo shop, Chinese": """
reader: {folder: {path: "${CUVEE_DEMO}"}}
split: {random: {targets: [buy, like]}}
encoders: {text: {text: {columns: [title, category, brand, description], weights: multilingual-e5-small}}}
""",
}


@dataclass(frozen=True)
class Set:
    """A catalogue with people who are going to like something in it."""

    name: str
    bundle: Bundle
    split: Split
    rows: list[dict[str, Any]]
    common: frozenset[str]
    """Words that several descriptions have."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="*", default=list(RECIPES), choices=list(RECIPES))
    parser.add_argument("--choose", action="store_true", help="Print validation figures; write nothing.")
    parser.add_argument("--dialogues", type=int, default=300, help="Of each seed.")
    parser.add_argument("--timed", type=int, metavar="N", help="Only measure turns over a catalogue of N items.")
    parser.add_argument("--page-only", action="store_true", help="Only write the table from the results.")
    args = parser.parse_args()
    if args.timed:
        keep("large", timed(args.timed))
    for name in () if args.page_only or args.timed else args.sets:
        found = opened(name)
        if args.choose:
            choose(found, args.dialogues)
        else:
            keep(name, measured(found, args.dialogues))
    if not args.choose:
        write_page()


def opened(name: str) -> Set:
    """Read, split, encode and fit; the model knows training events only."""
    with tempfile.TemporaryDirectory() as folder:
        if "CUVEE_DEMO" in RECIPES[name]:
            write_shop(Path(folder) / "shop", lang="zh")
            os.environ["CUVEE_DEMO"] = str(Path(folder) / "shop")
        path = Path(folder) / "recipe.yaml"
        path.write_text(RECIPES[name] + BLEND, encoding="utf-8")
        recipe = load_recipe(path)
        split = recipe.split.split(recipe.reader.read(), np.random.default_rng(0))
        channels, split = encode(recipe, split)
        _, model = fit(recipe.model, split, 0)
    bundle = Bundle(recipe, model, split.train, channels)
    rows = list(split.train.item_table.iter_rows(named=True))
    return Set(name, bundle, split, rows, common_words(rows))


def targets(held: Holdout, count: int, seed: int) -> list[tuple[int, int]]:
    """Return (user row, item row) of some held-out pairs, drawn by the seed."""
    q, items = held.truth.nonzero()
    drawn = np.random.default_rng(seed).choice(len(q), min(count, len(q)), replace=False)
    return [(int(held.users[q[d]]), int(items[d])) for d in drawn]


@dataclass(frozen=True)
class Talk:
    """What came of one dialogue."""

    turn: int
    """In which the target was shown; 0: in none."""
    seconds: list[float]
    """Wall time of each turn."""
    cpu: list[float]
    """Processor seconds of each turn: what other work on the machine does not add to."""
    opening: str
    violations: int
    invented: int


def talk(conversation: Conversation, found: Set, user: int, item: int, seed: int) -> Talk:
    """Let one person look for an item."""
    rng = np.random.default_rng([seed, user, item])
    others = [found.rows[r] for r in rng.integers(len(found.rows), size=20)]
    person = Person(VOICES[found.name], found.rows[item], others, rng, found.common)
    data, message = found.bundle.data, person.opening()
    opening, state, violations, invented = message, State(user=data.users[user]), 0, 0
    seconds, cpu = list[float](), list[float]()
    for turn in range(1, TURNS + 1):
        start, used = time.perf_counter(), time.process_time()
        answer = conversation.turn(state, message)
        seconds.append(time.perf_counter() - start)
        cpu.append(time.process_time() - used)
        shown = [data.item_rows.get(i.item_id) for i in answer.items]
        invented += sum(row is None for row in shown)
        rows = [found.rows[row] for row in shown if row is not None]
        violations += sum(not holds(row, c) for row in rows for c in answer.state.constraints)
        if item in shown:
            return Talk(turn, seconds, cpu, opening, violations, invented)
        state, question = answer.state, answer.question
        message = person.answer(question.kind if question else "", question.column if question else "",
                                question.bound if question else 0.0, rows)  # fmt: skip
    return Talk(0, seconds, cpu, opening, violations, invented)


def holds(row: Mapping[str, Any], constraint: Constraint) -> bool:
    """Look a constraint up in the table's row itself."""
    if constraint.pairs:
        cells = {column: str(row.get(column) or "") for column, _ in constraint.pairs}
        hit = any(value == cells[c] or value in [p.strip() for p in cells[c].replace(",", "|").split("|")]
                  for c, value in constraint.pairs)  # fmt: skip
        return hit if constraint.test == "any" else not hit
    digits = str(row[constraint.column]).split()[:1]
    value = float(digits[0]) if digits and row[constraint.column] is not None else float("nan")
    return value <= constraint.bound if constraint.test == "<=" else value >= constraint.bound


def places(conversation: Conversation, found: Set, user: int, item: int, opening: str) -> dict[str, int]:
    """Return where the target stands, 0 first, in one search, in what is popular, and for the silent recommender."""
    retriever, data = conversation.retriever, found.bundle.data
    allowed = retriever.allowed(State(user=data.users[user]))
    orders = {
        "search": searched(retriever, opening, allowed),
        "popular": data.popularity,
        "recommender": retriever.rank(State(user=data.users[user])).scores,
    }
    return {name: int((np.where(allowed, scores, -np.inf) > scores[item]).sum()) for name, scores in orders.items()}


def searched(retriever: Retriever, text: str, allowed: "np.ndarray[Any, Any]") -> Floats:
    """Return (i,) what a search finds in the whole message: meaning and words, each in standard deviations."""
    parts = [retriever.words.score(text)] + ([retriever.space.score(text)] if retriever.space else [])
    standard = [(p - p[allowed].mean()) / max(float(p[allowed].std()), 1e-9) for p in parts]
    return np.asarray(np.sum(standard, axis=0), np.float32)


def measured(found: Set, dialogues: int) -> dict[str, Any]:
    conversation = warmed(found.bundle)
    talks, stands = [], []
    for seed in SEEDS:
        for user, item in targets(found.split.tests["test"], dialogues, seed):
            talks.append(talk(conversation, found, user, item, seed))
            stands.append(places(conversation, found, user, item, talks[-1].opening))
    won = np.array([t.turn > 0 for t in talks], float)
    out: dict[str, Any] = {
        "items": len(found.rows), "dialogues": len(talks), "seeds": len(SEEDS), "success": interval(won),
        "by_seed": [float(part.mean()) for part in np.split(won, len(SEEDS))],
        "turns": float(np.mean([t.turn for t in talks if t.turn])),
        "first_turn": float(np.mean([t.turn == 1 for t in talks])),
        "violations": sum(t.violations for t in talks), "invented": sum(t.invented for t in talks),
        "p95_ms": float(np.percentile([1000 * s for t in talks for s in t.seconds], 95)),
    }  # fmt: skip
    for name in ("search", "popular", "recommender"):
        for k in (K, K * TURNS):
            hit = np.array([s[name] < k for s in stands], float)
            out[f"{name}@{k}"] = interval(hit) | {"ratio": ratio(won, hit)}
    return out


def interval(values: "np.ndarray[Any, Any]") -> dict[str, float]:
    draws = np.random.default_rng(0).integers(len(values), size=(2000, len(values)))
    low, high = np.percentile(values[draws].mean(axis=1), [2.5, 97.5])
    return {"mean": float(values.mean()), "low": float(low), "high": float(high)}


def ratio(won: "np.ndarray[Any, Any]", other: "np.ndarray[Any, Any]") -> dict[str, float]:
    """Return the ratio of two success rates on the same targets, with a paired bootstrap interval."""
    draws = np.random.default_rng(0).integers(len(won), size=(2000, len(won)))
    ratios = won[draws].mean(axis=1) / np.maximum(other[draws].mean(axis=1), 1e-9)
    low, high = np.percentile(ratios, [2.5, 97.5])
    return {"mean": float(won.mean() / max(other.mean(), 1e-9)), "low": float(low), "high": float(high)}


def warmed(bundle: Bundle, weights: Weights | None = None, asking: Asking | None = None) -> Conversation:
    """Return a conversation whose networks are loaded."""
    conversation = open_conversation(bundle, k=K, weights=weights, asking=asking)
    conversation.turn(State(), "warm")
    return conversation


def choose(found: Set, dialogues: int) -> None:
    """Print success on validation targets, one setting changed at a time."""
    base = warmed(found.bundle)
    for label, weights, asking in settings():
        conversation = replace(base, asking=asking, retriever=replace(base.retriever, weights=weights))
        drawn = targets(found.split.valid, dialogues, 7)
        talks = [talk(conversation, found, user, item, 7) for user, item in drawn]
        rate = np.mean([t.turn > 0 for t in talks])
        if label == "as it is":
            stands = [places(conversation, found, *pair, t.opening) for pair, t in zip(drawn, talks, strict=True)]
            beside = {f"{n}@{k}": round(float(np.mean([s[n] < k for s in stands])), 3)
                      for n in stands[0] for k in (K, K * TURNS)}  # fmt: skip
            print(f"{found.name:20} {beside}", flush=True)
        print(
            f"{found.name:20} {label:24} success {rate:.3f}  turns {np.mean([t.turn or 6 for t in talks]):.2f}",
            flush=True,
        )


def settings() -> Iterator[tuple[str, Weights, Asking]]:
    yield "as it is", Weights(), Asking()
    for bits in (0.0, 0.5, 1.5, float("inf")):
        yield f"least_bits {bits}", Weights(), Asking(least_bits=bits)
    for temperature in (0.5, 2.0):
        yield f"temperature {temperature}", Weights(), Asking(temperature=temperature)
    for name, values in {"taste": (0.5, 2.0), "alike": (0.3, 2.0), "meaning": (0.5, 2.0), "words": (0.5, 2.0),
                         "leans": (0.5, 2.0)}.items():  # fmt: skip
        for value in values:
            yield f"{name} {value}", replace(Weights(), **{name: value}), Asking()


def keep(name: str, figures: Mapping[str, Any]) -> None:
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    known[name] = dict(figures) | {"date": datetime.now(UTC).date().isoformat(), "machine": "2 cores, AMD EPYC"}
    RESULTS.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def timed(count: int) -> dict[str, Any]:
    """Return how long turns take over a catalogue of so many items: H&M's, some of it twice."""
    path = Path(os.environ["CUVEE_DATA"]) / "hm-lastweek"
    table = pl.read_parquet(path / "items.parquet")
    more = table[: count - len(table)].with_columns(pl.col("item_id") + "-again")
    with tempfile.TemporaryDirectory() as folder:
        pl.concat([table, more]).write_parquet(Path(folder) / "items.parquet")
        (Path(folder) / "interactions.parquet").symlink_to((path / "interactions.parquet").absolute())
        recipe_path = Path(folder) / "recipe.yaml"
        recipe_path.write_text(RECIPES["hm-lastweek"].replace("${CUVEE_DATA}/hm-lastweek", folder)
                               .replace("given: {path: \"${CUVEE_DATA}/splits/hm-lastweek.parquet\"}", "random: {}")
                               + LARGE, encoding="utf-8")  # fmt: skip
        recipe = load_recipe(recipe_path)
        split = recipe.split.split(recipe.reader.read(), np.random.default_rng(0))
        channels, split = encode(recipe, split)
        _, model = fit(recipe.model, split, 0)
    rows = list(split.train.item_table.iter_rows(named=True))
    found = Set("hm-lastweek", Bundle(recipe, model, split.train, channels), split, rows, common_words(rows))
    conversation = warmed(found.bundle)
    drawn = targets(split.tests["test"], 100, 0)
    talks = [talk(conversation, found, u, i, 0) for u, i in drawn]
    out: dict[str, Any] = {"items": len(rows), "turns": sum(len(t.seconds) for t in talks)}
    for name, seconds in (("wall", [s for t in talks for s in t.seconds]), ("cpu", [s for t in talks for s in t.cpu])):
        milliseconds = 1000 * np.array(seconds)
        out[f"{name}_median_ms"], out[f"{name}_p95_ms"] = np.percentile(milliseconds, [50, 95]).tolist()
    return out


def write_page() -> None:
    """Write the tables of docs/conversation.md between their marks."""
    known = json.loads(RESULTS.read_text(encoding="utf-8"))
    sets = [name for name in RECIPES if name in known]
    lines = [
        "| | " + " | ".join(f"{name} ({known[name]['items']:,} items)" for name in sets) + " |",
        "| --- |" + " --- |" * len(sets),
    ]
    lines.append("| found within 5 turns of 5 items | " + " | ".join(_share(known[n]["success"]) for n in sets) + " |")
    by_seed = [" / ".join(f"{100 * s:.0f}" for s in known[n]["by_seed"]) + " %" for n in sets]
    lines.append("| ... by seed | " + " | ".join(by_seed) + " |")
    lines.append(
        "| ... in the first turn | " + " | ".join(f"{100 * known[n]['first_turn']:.0f} %" for n in sets) + " |"
    )
    lines.append("| mean turns until found | " + " | ".join(f"{known[n]['turns']:.2f}" for n in sets) + " |")
    for name, told in (("search", "one search"), ("popular", "popularity"), ("recommender", "the silent recommender")):
        for k in (K, K * TURNS):
            cells = [f"{_share(known[n][f'{name}@{k}'])}, x {_times(known[n][f'{name}@{k}']['ratio'])}" for n in sets]
            lines.append(f"| {told}, {k} items | " + " | ".join(cells) + " |")
    for key, told in (("violations", "constraints broken"), ("invented", "items invented")):
        lines.append(f"| {told} | " + " | ".join(str(known[n][key]) for n in sets) + " |")
    lines.append(
        "| p95 of a turn by the clock, other work on the machine | "
        + " | ".join(f"{known[n]['p95_ms']:.0f} ms" for n in sets)
        + " |"
    )
    first, counts = known[sets[0]], ", ".join(str(known[n]["dialogues"]) for n in sets)
    text = "\n".join(lines) + f"\n\n{counts} dialogues, three seeds each; {first['date']}, {first['machine']}.\n"
    if "large" in known:
        large = known["large"]
        text += (
            f"Over {large['items']:,} items a turn takes {large['cpu_median_ms']:.0f} ms of one core in the median and "
            f"{large['cpu_p95_ms']:.0f} ms at the 95th percentile; by the clock, "
            f"{large['wall_median_ms']:.0f} and {large['wall_p95_ms']:.0f} ms ({large['turns']} turns).\n"
        )
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(MARK[0])
    PAGE.write_text(before + MARK[0] + text + MARK[1] + rest.partition(MARK[1])[2], encoding="utf-8")


def _share(estimate: Mapping[str, float]) -> str:
    return f"{100 * estimate['mean']:.1f} % ({100 * estimate['low']:.1f} .. {100 * estimate['high']:.1f})"


def _times(estimate: Mapping[str, float]) -> str:
    return f"**{estimate['mean']:.2f}** ({estimate['low']:.2f} .. {estimate['high']:.2f})"


if __name__ == "__main__":
    main()
