"""How many reasons does a language model word, and does any text say what its evidence does not hold?

    python benchmarks/wording.py [--parts DIR]

One of the first five recommendations of each of 500 users of ml-latest-small, by the recipe of the video scenario,
with the reasons of `views` and `history`, worded by SmolLM2-135M-Instruct. What is shown is read by `claims`, which
knows nothing of the guard. Parts of 50 that are done are kept in DIR, with their texts, and not made again. Writes
results/wording.json.
"""

import json
import re
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from claims import index, unsupported
from quality import ROOT, machine

from cuvee import registry
from cuvee.pipeline import encode, fit
from cuvee.queries import queries_of
from cuvee.rank import recommend
from cuvee.recipe import load_recipe
from cuvee.types import Reason
from cuvee.wording.facts import Facts, facts_of, listed
from cuvee.wording.writing import conversation, word

TEXTS, PART, DEPTH = 500, 50, 5
WEIGHTS = "smollm2-135m-instruct"
Case = tuple[str, list[Reason]]
"""Title of the item shown, and its reasons."""


def main(parts: Path) -> None:
    cases, titles = explained()
    rows: list[dict[str, Any]] = []
    for first in range(0, TEXTS, PART):
        path = parts / f"{first:03}.json"
        if not path.is_file():
            parts.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(worded(cases[first : first + PART]), ensure_ascii=False, indent=1))
        rows += json.loads(path.read_text())
        print(f"{len(rows)}: {sum(row['by_model'] for row in rows)} by the model", flush=True)
    told = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "weights": WEIGHTS,
        **judged(cases, rows, titles),
    }
    (ROOT / "benchmarks" / "results" / "wording.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(told, indent=1))


def explained() -> tuple[list[Case], list[str]]:
    """Return what is to be worded, one item a user, and the titles of the whole catalogue."""
    recipe = load_recipe(ROOT / "recipes" / "scenarios" / "video-movielens.yaml")
    data = recipe.reader.read()
    _, split = encode(recipe, recipe.split.split(data, np.random.default_rng(recipe.seed)))
    _, model = fit(recipe.model, split, recipe.seed)
    rng = np.random.default_rng(1)
    queries = queries_of(split.train, rng.permutation(len(split.train.users))[:TEXTS].astype(np.int32))
    filters = [f.prepare(split.train) for f in recipe.filters]
    slate = recommend(model, queries, DEPTH, filters=filters)
    views, history = (registry.build("explainers", name) for name in ("views", "history"))
    found = [e.explain(model, queries, slate, split.train) for e in (views, history)]
    shown = split.train.item_table["title"]
    places = rng.integers(0, DEPTH, TEXTS)
    cases = [
        (str(shown[int(slate.items[q, place])]), [reason for one in found for reason in one[q][place]])
        for q, place in enumerate(places)
    ]
    # those that begin alike come into one part: what they begin with is computed once
    cases.sort(key=lambda case: [m.text for m in conversation(facts_of(*case))[:-1]])
    return cases, [str(name) for name in data.item_table["title"] if name]


def worded(cases: Sequence[Case]) -> list[dict[str, Any]]:
    facts = [facts_of(title, reasons) for title, reasons in cases]
    model = registry.build("llms", {"local": {"weights": WEIGHTS, "max_tokens": 64}})
    start = time.perf_counter()
    found = word(facts, model)
    seconds = (time.perf_counter() - start) / len(found)
    return [asdict(w) | {"seconds": seconds, "follows": follows(w.text, f)} for w, f in zip(found, facts, strict=True)]


def follows(text: str, facts: Facts) -> bool:
    """Say whether a text is word by word an example that the model was shown, with other names and numbers."""
    examples = {_numberless(m.text) for m in conversation(facts) if m.role == "assistant"}
    return _numberless(text.replace(facts.item, "[A]").replace(listed(facts.past) or "[B]", "[B]")) in examples


def judged(cases: Sequence[Case], rows: Sequence[Mapping[str, Any]], titles: Sequence[str]) -> dict[str, Any]:
    catalogue = index(titles)
    wrong = [unsupported(row["text"], title, why, catalogue) for row, (title, why) in zip(rows, cases, strict=True)]
    by_model = [row for row in rows if row["by_model"]]
    usage = [took for row in rows for took in row["usage"]]
    return {
        "texts": len(rows),
        "distinct_items": len({title for title, _ in cases}),
        "with_an_unsupported_claim": sum(map(bool, wrong)),
        "by_the_model": len(by_model),
        "at_the_first_attempt": sum(not row["refused"] for row in by_model),
        "as_an_example_word_by_word": sum(row["follows"] for row in by_model),
        "different_frames": len(
            {_frame(row["text"], title, why) for row, (title, why) in zip(rows, cases, strict=True)}
        ),
        "refused": dict(Counter(_sort(why) for row in rows for why in row["refused"]).most_common()),
        "seconds_a_text": float(np.mean([row["seconds"] for row in rows])),
        "prompt_tokens": sum(took["prompt_tokens"] for took in usage),
        "reused_tokens": sum(took["reused_tokens"] for took in usage),
        "completion_tokens": sum(took["completion_tokens"] for took in usage),
    }


def _frame(text: str, title: str, reasons: Sequence[Reason]) -> str:
    facts = facts_of(title, reasons)
    return _numberless(text.replace(facts.item, "[A]").replace(listed(facts.past) or "[B]", "[B]"))


def _numberless(text: str) -> str:
    return re.sub(r"\d+ %", "N %", text)


def _sort(why: str) -> str:
    """Return a refusal without what it was about."""
    return re.sub(r"'.*'", "...", why)


if __name__ == "__main__":
    main(Path(sys.argv[2]) if sys.argv[1:2] == ["--parts"] else ROOT / "build" / "wording")
