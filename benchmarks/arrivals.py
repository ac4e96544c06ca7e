"""What does a place for new items cost the others? One bundle of hm-lastweek-cold, its lift chosen for several rooms.

    python benchmarks/arrivals.py

`room` is the share of the known items' NDCG@20 on validation that may be given up. `kept` compares the warm test with
the same blend when it never shows a new item. Writes results/arrivals.json.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from quality import ROOT, machine

from cuvee.evaluate import measure, parse_metrics
from cuvee.filters.unseen import allowed
from cuvee.models.blend import BlendModel, lifted
from cuvee.pipeline import encode, fit
from cuvee.rank import recommend
from cuvee.recipe import load_recipe
from cuvee.types import Split

ROOMS = (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1)
NEVER = -1e6
"""A lift with which no new item is shown."""


def main() -> None:
    recipe = load_recipe(ROOT / "recipes" / "bench" / "hm-lastweek-cold.yaml")
    split = recipe.split.split(recipe.reader.read(), np.random.default_rng(recipe.seed))
    _, split = encode(recipe, split)
    _, model = fit(recipe.model, split, recipe.seed)
    assert isinstance(model, BlendModel)
    arrivals = np.array(model.settled.arrivals)
    plain = replace(model.settled, arrivals=tuple((arrivals / arrivals.sum()).tolist()), lift=0.0)
    alone = figures(replace(model, settled=replace(plain, lift=NEVER)), split)
    rows = []
    for room in ROOMS:
        blend = replace(model, settled=replace(plain, room=room))
        placed = lifted(blend, split.valid, np.random.default_rng(recipe.seed))
        found = figures(placed, split)
        kept = found["test_warm"]["ndcg@20"] / alone["test_warm"]["ndcg@20"]
        rows.append({"room": room, "lift": placed.settled.lift, "kept": kept, "test": found})
        print(rows[-1], flush=True)
    told = {"date": datetime.now(UTC).date().isoformat(), "machine": machine(), "alone": alone, "rooms": rows}
    (ROOT / "benchmarks" / "results" / "arrivals.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def figures(model: BlendModel, split: Split) -> dict[str, Any]:
    found = {}
    for name in ("test_warm", "test_cold_among_all"):
        held = split.tests[name]
        slate = recommend(model, held.queries, 20, filters=[allowed], candidates=held.candidates)
        results = measure(slate, held, split.train, parse_metrics(["recall@20", "ndcg@20"])).per_query
        found[name] = {m: float(np.mean(results[m].to_numpy())) for m in ("recall@20", "ndcg@20")}
    return found


if __name__ == "__main__":
    main()
