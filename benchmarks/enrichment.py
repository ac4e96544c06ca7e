"""Does a language model tell of films what MiniLM, reading the same texts, does not? A part of ml-latest-small.

    python benchmarks/enrichment.py [--items 300]

So many films, drawn from those with three likes or more; what nobody has met yet is foretold from content as in `cuvee
verdict` (new items), on the training data of three random splits: MiniLM's vectors beside hidden states of
SmolLM2-135M-Instruct (mean of the middle layer; last token after a suffix), and beside MiniLM's vectors of what it
wrote. Then the verdict on the better of them to a blend with MiniLM, on the same splits. Vectors and answers are
cached, so a run that was killed goes on. Writes results/enrichment.json.
"""

import argparse
import json
import tempfile
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from quality import ROOT, machine

from cuvee import registry
from cuvee.cache import default_cache
from cuvee.encoders.enriched import Enriched
from cuvee.encoders.llm import Llm
from cuvee.encoders.text import Text
from cuvee.enrichment import ATTRIBUTES, DESCRIPTION, enrich
from cuvee.features import fit_channels
from cuvee.model_verdict import examine
from cuvee.new_items import findings
from cuvee.protocols import Encoder
from cuvee.recipe import load_recipe
from cuvee.splits.random import Random
from cuvee.text_cells import joined_texts
from cuvee.types import Dataset

COLUMNS = ("title", "genres", "description")
SEEDS = 3
STATES: dict[str, Encoder] = {
    "llm_middle": Llm(COLUMNS, max_tokens=64, layer=15),
    "llm_last": Llm(COLUMNS, max_tokens=64, pooling="last", suffix=' This film in one word: "'),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=300)
    args = parser.parse_args()
    recipe = load_recipe(ROOT / "recipes" / "scenarios" / "video-movielens.yaml")
    data = part(recipe.reader.read(), args.items)
    trains = [Random().split(data, np.random.default_rng(seed)).train for seed in range(SEEDS)]
    told: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "items": len(data.items),
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "told.parquet"
        encoders = {"text": Text(COLUMNS), **STATES}
        start = time.perf_counter()
        told["described"], told["attributes"] = written(data, path)
        told["enrich_seconds"] = time.perf_counter() - start
        encoders["enriched"] = Enriched(path, Text((DESCRIPTION, ATTRIBUTES)))
        told["new_items"] = {name: beside_text(trains, encoders, name) for name in encoders}
        best = max(STATES, key=lambda name: told["new_items"][name]["gain"])
        told["model"] = [to_a_model(data, encoders, name) for name in (best, "enriched")]
    out = ROOT / "benchmarks" / "results" / "enrichment.json"
    out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(told, indent=1))


def part(data: Dataset, items: int) -> Dataset:
    """Return the data set with so many items, a draw from those with three likes or more, and the events on them."""
    rows = np.flatnonzero(data.popularity >= 3)
    rows = np.sort(np.random.default_rng(0).permutation(rows)[:items])
    events = data.events.take(np.isin(data.events.item, rows))
    events = replace(events, item=np.searchsorted(rows, events.item).astype(np.int32))
    return replace(data, items=tuple(data.items[r] for r in rows), item_table=data.item_table[rows], events=events)


def written(data: Dataset, path: Path) -> tuple[int, float]:
    """Write what the model makes of each film; return how many it described, and attributes a film."""
    model = registry.build("llms", {"local": {"max_tokens": 90}})
    found = enrich(joined_texts(data.item_table, COLUMNS), model)
    data.item_table.select("item_id").hstack(found).write_parquet(path)
    return int(found[DESCRIPTION].count()), float(found[ATTRIBUTES].list.len().mean() or 0)  # type: ignore[arg-type]


def beside_text(trains: list[Dataset], encoders: dict[str, Encoder], name: str) -> dict[str, Any]:
    """Return what a modality tells of new items: beside MiniLM's vectors, and as the only one."""
    beside = {n: encoders[n] for n in ("text", name)}
    recipe = load_recipe(ROOT / "recipes" / "scenarios" / "video-movielens.yaml")
    data = [fit_channels(train, beside, recipe.project, default_cache())[1] for train in trains]
    rngs = [np.random.default_rng(seed) for seed in range(SEEDS)]
    added = next(f for f in findings(data, list(beside), rngs) if f.modalities == (name,))
    rngs = [np.random.default_rng(seed) for seed in range(SEEDS)]
    alone = findings(data, [name], rngs)[0]
    row = {**asdict(added.gain), "gain": added.gain.difference, "p": added.p_value, "helps": added.helps}
    print(name, row, alone.gain, flush=True)
    return row | {"alone": asdict(alone.gain)}


def to_a_model(data: Dataset, encoders: dict[str, Encoder], name: str) -> dict[str, Any]:
    """Return the verdict on a modality to a blend that has MiniLM's vectors too."""
    views = ["ease", {"content": {"on": {"text": 1}}}, {"content": {"on": {name: 1}}}]
    views += [{"content_ease": {"on": {"text": 1}}}, {"content_ease": {"on": {"text": 1, name: 1}}}]
    recipe = replace(
        load_recipe(ROOT / "recipes" / "scenarios" / "video-movielens.yaml"),
        split=Random(),
        encoders={n: encoders[n] for n in ("text", name)},
        model=registry.build("models", {"blend": {"views": views}}),
    )
    found = next(w for w in examine(recipe, data, SEEDS, [name]) if w.group == "everybody")
    return asdict(found) | {"helps": found.helps, "hurts": found.hurts}


if __name__ == "__main__":
    main()
