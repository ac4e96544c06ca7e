"""Does the order of a history tell anything? A causal Transformer against itself with every history shuffled.

    python benchmarks/sequence.py [SET ...]

An item is unit(unit(content) + residual), as in two_tower; a user is the last output of the Transformer over their
newest 50 liked items, and the loss is the softmax over the whole catalogue at every step. The control is the same with
each history in random order, a new one every epoch, and in training and questions alike. The last item of each user is
the test, the one before validation, on which the best epoch is chosen. Differences are of each user's NDCG@20, mean
over the seeds. `weight` is the share that weights found on validation give it beside the views of `cuvee init`.
Reference: W. Kang, J. McAuley, "Self-attentive sequential recommendation", ICDM 2018, here with the full softmax of
A. Klenitskiy, A. Vasilev, "Turning dross into gold loss", RecSys 2023. Writes results/sequence.json after every set.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from quality import ROOT, machine
from torch import Tensor, nn
from torch.nn import functional

from cuvee import plain_yaml
from cuvee.blending import Pool, find_weights
from cuvee.cache import default_cache
from cuvee.evaluate import measure, parse_metrics
from cuvee.features import fit_channels
from cuvee.filters.unseen import allowed
from cuvee.fusion.concat import Concat
from cuvee.projection import Projection
from cuvee.protocols import Recommender
from cuvee.queries import queries_of
from cuvee.rank import recommend
from cuvee.readers.folder import Folder
from cuvee.registry import build
from cuvee.selection import validation_ndcg
from cuvee.splits.leave_last import LeaveLast
from cuvee.statistics import paired
from cuvee.suggest import suggest
from cuvee.train import Training, train
from cuvee.types import PAD, Dataset, Floats, Holdout, Queries

DATA = Path(os.environ.get("CUVEE_DATA") or ROOT.parent / "shared" / "data")
SETS = {
    "amazon-musical-instruments-2014": "days, real",
    "lastfm-hetrec": "months of first tags, real",
    "ciaodvd": "days, real",
    "ml-100k": "the order of the site's pages, no order of watching",
}
"""Set -> what its times are."""
SEEDS = (0, 1, 2)
STEPS, CORE = 50, 5
"""Newest items of a history; users and items of fewer events are left out."""

Doubles = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Sequence:
    """The Transformer; `shuffled` makes it its own control."""

    on: tuple[str, ...]
    shuffled: bool
    dim: int = 64
    layers: int = 2
    heads: int = 2
    dropout: float = 0.3
    batch_size: int = 128
    training: Training = field(default_factory=lambda: Training(epochs=80, lr=1e-3, patience=8))

    def fit(self, data: Dataset, valid: Holdout, rng: np.random.Generator) -> "SequenceModel":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**62)))
            network = Network(self, data)
        history = newest(queries_of(data, np.arange(len(data.users), dtype=np.int32)))
        history = history[(history != PAD).sum(axis=1) >= 2]

        def batches(order: np.random.Generator) -> Iterator[Tensor]:
            rows = mixed(history, order) if self.shuffled else history
            rows = rows[order.permutation(len(rows))]
            rows = rows[np.argsort((rows != PAD).sum(axis=1), kind="stable")]  # a batch is of about one length
            for start in order.permutation(np.arange(0, len(rows), self.batch_size)):
                yield torch.from_numpy(trimmed(rows[start : start + self.batch_size]))

        def score(trained: nn.Module) -> float:
            return validation_ndcg(SequenceModel(trained, self.shuffled), valid, 20)

        train(network, batches, step, score, self.training, rng)
        return SequenceModel(network, self.shuffled)


@dataclass(frozen=True)
class SequenceModel:
    network: Any
    shuffled: bool

    def score(self, queries: Queries) -> Floats:
        rows = newest(queries)
        rows = mixed(rows, np.random.default_rng(11)) if self.shuffled else rows
        with torch.no_grad():
            items = self.network.items()
            found = []
            for start in range(0, len(rows), 512):
                some = torch.from_numpy(trimmed(rows[start : start + 512]))
                found.append(self.network(some, items)[:, -1] @ items.T * self.network.scale.exp() + self.network.bias)
        scores = torch.cat(found).numpy()
        scores[(rows == PAD).all(axis=1)] = self.network.bias.detach().numpy()
        return np.asarray(scores, np.float32)


class Network(nn.Module):
    """forward((b, t) item rows, PAD at the start; (i, dim)) -> (b, t, dim) of unit length."""

    def __init__(self, sequence: Sequence, data: Dataset) -> None:
        super().__init__()
        parts = {m: data.feature("item", m) for m in sequence.on}
        self.parts = {m: torch.from_numpy(part.vectors) for m, part in parts.items()}
        self.present = {m: torch.from_numpy(part.present) for m, part in parts.items()}
        widths = {m: part.dim for m, part in parts.items()}
        self.fusion = Concat(sequence.on).network(widths, sequence.dim) if parts else None
        self.residual = nn.Embedding(len(data.items), sequence.dim)
        nn.init.normal_(self.residual.weight, std=0.02 if parts else 0.2)
        self.position = nn.Embedding(STEPS, sequence.dim)
        nn.init.normal_(self.position.weight, std=0.02)
        layer = nn.TransformerEncoderLayer(
            sequence.dim, sequence.heads, 2 * sequence.dim, sequence.dropout, batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, sequence.layers, enable_nested_tensor=False)
        self.bias = nn.Parameter(torch.zeros(len(data.items)))
        self.scale = nn.Parameter(torch.tensor(np.log(10.0), dtype=torch.float32))

    def items(self) -> Tensor:
        content = 0.0 if self.fusion is None else functional.normalize(self.fusion(self.parts, self.present), eps=0.1)
        return functional.normalize(content + self.residual.weight, eps=0.1)

    def forward(self, rows: Tensor, items: Tensor) -> Tensor:
        t, missing = rows.shape[1], rows == PAD
        inputs = items[rows.clamp_min(0)] * items.shape[1] ** 0.5 + self.position.weight[STEPS - t :]
        blocked = torch.ones(t, t, dtype=torch.bool).triu(1) | missing[:, None, :]
        blocked = blocked & ~torch.eye(t, dtype=torch.bool)  # whatever is missing looks at itself
        heads = self.blocks.layers[0].self_attn.num_heads
        out: Tensor = self.blocks(inputs, mask=blocked.repeat_interleave(heads, dim=0))
        return functional.normalize(out, dim=-1, eps=0.1)


def step(network: Any, rows: Tensor) -> Tensor:
    """Return the cross-entropy of each next item."""
    items = network.items()
    there = rows[:, :-1] != PAD
    asked = network(rows[:, :-1], items)[there]
    return functional.cross_entropy(asked @ items.T * network.scale.exp() + network.bias, rows[:, 1:][there])


def newest(queries: Queries) -> Rows:
    """Return (q, STEPS) the newest liked items, each once, PAD at the start."""
    rows = np.full((len(queries), STEPS), PAD, np.int64)
    liked = queries.liked
    for q, history in enumerate(queries.history):
        own = set(liked.indices[liked.indptr[q] : liked.indptr[q + 1]].tolist())
        kept = [i for i in dict.fromkeys(history.tolist()) if i in own][-STEPS:]
        rows[q, STEPS - len(kept) :] = kept
    return rows


def trimmed(rows: Rows) -> Rows:
    """Return the rows without the columns at the start in which all are PAD, the last ones kept."""
    return rows[:, min(int((rows == PAD).all(axis=0).sum()), rows.shape[1] - 2) :]


def mixed(rows: Rows, rng: np.random.Generator) -> Rows:
    """Return each row in random order, PAD still at the start."""
    order = np.argsort(np.where(rows == PAD, -1.0, rng.random(rows.shape)), axis=1)
    return np.take_along_axis(rows, order, axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=[*SETS])
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "sequence.json")
    args = parser.parse_args()
    torch.set_num_threads(1)
    told: dict[str, Any] = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "model": asdict(Sequence((), shuffled=False)),
        "sets": json.loads(args.out.read_text())["sets"] if args.out.is_file() else {},
    }
    for name in args.sets:
        told["sets"][name] = {"times": SETS[name], **compared(name)}
        args.out.write_text(json.dumps(told, indent=1, default=str) + "\n", encoding="utf-8")
        print(name, json.dumps(told["sets"][name]), flush=True)


def compared(name: str) -> dict[str, Any]:
    """Return what order gives on one set."""
    with tempfile.TemporaryDirectory() as folder:
        data = read(DATA / name, Path(folder))
        suggested = plain_yaml.load(suggest(data, Path(folder)))
    split = LeaveLast().split(data, np.random.default_rng(0))
    encoders = {m: build("encoders", spec) for m, spec in suggested["encoders"].items() if m == "text"}
    _, known = fit_channels(split.train, encoders, Projection(), default_cache())
    test, on = split.tests["test"], tuple(encoders)
    suggested["model"]["blend"]["views"] = [v for v in suggested["model"]["blend"]["views"] if "image" not in str(v)]
    blend = build("models", suggested["model"]).fit(known, split.valid, np.random.default_rng(0))
    figures: dict[str, list[Doubles]] = {"ordered": [], "shuffled": [], "asked shuffled": []}
    weights, valid = [], []
    for seed in SEEDS:
        ordered, control = (
            Sequence(on, shuffled=s).fit(known, split.valid, np.random.default_rng(seed)) for s in (False, True)
        )
        valid.append([validation_ndcg(model, split.valid, 20) for model in (ordered, control)])
        figures["ordered"].append(ndcg(ordered, test, known))
        figures["shuffled"].append(ndcg(control, test, known))
        figures["asked shuffled"].append(ndcg(SequenceModel(ordered.network, True), test, known))
        rng = np.random.default_rng(seed)
        found = find_weights(Pool.gather([*blend.views, ordered], known.demand, split.valid, 50, rng), rng)
        weights.append(round(found[-1] / sum(found), 4))
    mean = {key: np.mean(values, axis=0) for key, values in figures.items()}
    return {
        "users": len(data.users),
        "items": len(data.items),
        "events": len(data.events),
        "asked": len(test.users),
        "ndcg@20": {key: [round(float(v.mean()), 4) for v in values] for key, values in figures.items()},
        "valid": valid,
        "blend": float(ndcg(blend, test, known).mean()),
        "ordered minus shuffled": asdict(paired(mean["ordered"], mean["shuffled"], np.random.default_rng(0))),
        "ordered minus asked shuffled": asdict(
            paired(mean["ordered"], mean["asked shuffled"], np.random.default_rng(0))
        ),
        "weight": weights,
    }


def ndcg(model: Recommender, held: Holdout, data: Dataset) -> Doubles:
    slate = recommend(model, held.queries, 20, filters=[allowed], candidates=held.candidates)
    found = measure(slate, held, data, parse_metrics(["ndcg@20"])).per_query["ndcg@20"]
    return found.to_numpy().astype(np.float64)


def read(folder: Path, out: Path) -> Dataset:
    """Return the events that have a time, of users and items with five or more of them."""
    events = pl.read_parquet(folder / "interactions.parquet")
    if "first_tagged" in events.columns:
        events = events.with_columns(timestamp="first_tagged")
    events = events.filter(pl.col("timestamp").is_not_null()).select("user_id", "item_id", "timestamp")
    before = 0
    while before != len(events):
        before = len(events)
        events = events.filter(pl.len().over("user_id") >= CORE).filter(pl.len().over("item_id") >= CORE)
    events.write_parquet(out / "interactions.parquet")
    items = pl.read_parquet(folder / "items.parquet").drop("image", strict=False)
    items.filter(pl.col("item_id").is_in(events["item_id"].unique().implode())).write_parquet(out / "items.parquet")
    return Folder(out).read()


if __name__ == "__main__":
    main()
