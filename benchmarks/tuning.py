"""What does each way of tuning a text encoder cost, and what is it worth? "Will like" on ml-100k, from texts alone.

One MiniLM reads users (age, gender, occupation, the titles they liked last) and films (title, genres, description), 32
tokens each; a small head over both vectors and their product says whether a rating will be 4 or 5. The last tenth of
each user's ratings by time is the test, the tenth before it validation, and all ways learn from the same examples drawn
from the rest, in the same order. A step encodes each different text of its batch once. The epoch is chosen by
validation AUC. Each way runs in a process of its own, so that the peak of memory is its own, with one thread; seconds
are CPU seconds of the training steps of an epoch, which a busy machine stretches less than wall time. `none` trains the
head alone on cached vectors. Intervals of AUC differences are of 1,000 resamples of users.

    python benchmarks/tuning.py                # everything that is not there yet, then the table
    python benchmarks/tuning.py --only lora    # one part
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from evaluate import machine, versions
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from cuvee import registry, weights
from cuvee.text_networks.towers import TextTower, load_backbone, padded, tokenise
from cuvee.text_networks.tuned import StateReading, share, trained
from cuvee.train import Training, train

DATA = Path(os.environ.get("CUVEE_DATA") or Path(__file__).parents[2] / "shared" / "data")
OUT = Path(__file__).parent / "results" / "tuning.json"
PACKAGES = ["torch", "transformers", "peft"]
EXAMPLES, BATCH, TOKENS, RESAMPLES = 3_000, 64, 32, 1_000

Longs = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Way:
    """How one way is trained. Learning rates follow what the papers use for networks of this size."""

    tuning: Any
    epochs: int
    lr: float


WAYS = {
    "none": Way(None, 20, 1e-3),
    "full": Way("full", 2, 2e-4),
    "last_layers": Way("last_layers", 2, 3e-4),
    "lora": Way("lora", 2, 1e-3),
    "adalora": Way("adalora", 2, 1e-3),
    "prefix": Way("prefix", 2, 3e-3),
    "prompt": Way("prompt", 2, 3e-3),
    "ia3": Way("ia3", 2, 3e-3),
    "bottleneck": Way("bottleneck", 2, 1e-3),
    "side": Way("side", 20, 1e-3),
}
"""The backbone is run in each epoch by all but `none` and `side`, which may have more epochs for it."""


@dataclass(frozen=True)
class Likes:
    """Texts, and who liked what."""

    texts: list[str]
    """Users, then items."""
    users: int
    parts: dict[str, tuple[Longs, Longs, Floats]]
    """train, valid, test -> user rows (n,), item rows (n,), label (n,)."""


def read() -> Likes:
    """Return the texts and the three parts of ml-100k."""
    events = pl.read_parquet(DATA / "ml-100k" / "interactions.parquet").sort("user_id", "timestamp", "item_id")
    people = pl.read_parquet(DATA / "ml-100k" / "users.parquet").sort("user_id")
    films = pl.read_parquet(DATA / "ml-100k" / "items.parquet").sort("item_id")
    user_row = {name: row for row, name in enumerate(people["user_id"])}
    item_row = {name: row for row, name in enumerate(films["item_id"])}
    user = np.array([user_row[name] for name in events["user_id"]], np.int64)
    item = np.array([item_row[name] for name in events["item_id"]], np.int64)
    label = (events["rating"].to_numpy() >= 4).astype(np.float32)
    place = np.arange(len(user)) - np.searchsorted(user, user)
    share_before = (place + 0.5) / np.bincount(user)[user]
    masks = {"train": share_before < 0.8, "valid": (share_before >= 0.8) & (share_before < 0.9)}
    masks["test"] = share_before >= 0.9
    titles = films["title"].to_list()
    liked = masks["train"] & (label > 0)
    profiles = []
    for row, (age, gender, work) in enumerate(people.select("age", "gender", "occupation").rows()):
        last = [titles[i] for i in item[liked & (user == row)][::-1][:8]]
        profiles.append(f"{age} {gender} {work}. {', '.join(last)}")
    rows = films.select("title", "genres", "description").fill_null("").rows()
    told = [f"{title}. {genres.replace('|', ', ')}. {text}" for title, genres, text in rows]
    parts = {name: (user[mask], item[mask], label[mask]) for name, mask in masks.items()}
    return Likes([*profiles, *told], len(profiles), parts)


class Pairs(nn.Module):
    """forward(rows of texts, users' and items' positions among them) -> (n,) logits."""

    def __init__(self, tuned: Any, tokens: list[list[int]], states: Tensor | None, dim: int) -> None:
        super().__init__()
        self.tower = TextTower(tuned, "mean")
        self._tokens, self._states = tokens, states
        self.head = nn.Sequential(nn.LayerNorm(3 * dim), nn.Linear(3 * dim, 128), nn.ReLU(), nn.Linear(128, 1))

    def vectors(self, rows: Longs) -> Tensor:
        if self._states is None:
            found = self.tower(*padded([self._tokens[r] for r in rows]))
        elif self._states.ndim == 2:
            found = self._states[torch.from_numpy(rows)]
        else:
            found = self.tower.backbone.from_states(self._states[torch.from_numpy(rows)])  # type: ignore[operator]
        scaled: Tensor = nn.functional.normalize(found, dim=1) * found.shape[1] ** 0.5
        return scaled

    def forward(self, vectors: Tensor, users: Tensor, items: Tensor) -> Tensor:
        u, p = vectors[users], vectors[items]
        logits: Tensor = self.head(torch.cat([u, p, u * p], dim=1))[:, 0]
        return logits


@torch.no_grad()
def cached(tuned: Any, tokens: list[list[int]]) -> Tensor:
    """Return what of the texts never changes: (n, l, d) for a ladder, (n, d) for a head alone."""
    order = np.argsort([len(t) for t in tokens], kind="stable")
    found: dict[int, Tensor] = {}
    for rows in np.array_split(order, max(1, len(order) // 64)):
        ids, mask = padded([tokens[r] for r in rows])
        got = tuned.states(ids, mask) if isinstance(tuned, StateReading) else TextTower(tuned, "mean")(ids, mask)
        found |= dict(zip(rows.tolist(), got, strict=True))
    return torch.stack([found[row] for row in range(len(tokens))])


def measure(name: str, seed: int, examples: int) -> dict[str, Any]:
    """Train and test one way; runs in a process of its own."""
    torch.set_num_threads(1)
    way, likes, rng = WAYS[name], read(), np.random.default_rng(seed)
    torch.manual_seed(seed)
    folder = weights.resolve("minilm")
    tokens, backbone = tokenise(folder, likes.texts, TOKENS), load_backbone(folder)
    tuning = None if way.tuning is None else registry.build("tuning", way.tuning)
    tuned = backbone.requires_grad_(False) if tuning is None else tuning.attach(backbone)
    learned, whole = share(tuned)
    began = time.process_time()
    states = cached(tuned, tokens) if tuning is None or isinstance(tuned, StateReading) else None
    once = time.process_time() - began if states is not None else 0.0
    network = Pairs(tuned, tokens, states, 384)
    user, item, label = likes.parts["train"]
    drawn = np.sort(rng.choice(len(user), examples, replace=False))
    clock: list[float] = []

    def batches(order: np.random.Generator) -> Iterator[tuple[Longs, Tensor, Tensor, Tensor]]:
        """Yield examples of few users at once: a batch then has few different texts."""
        places = order.permutation(likes.users)[user[drawn]]
        rows, began = drawn[np.lexsort((order.random(len(drawn)), places))], time.process_time()
        for batch in np.array_split(rows, max(1, len(rows) // BATCH)):
            texts, at = np.unique(np.concatenate([user[batch], likes.users + item[batch]]), return_inverse=True)
            u, p = torch.from_numpy(at).reshape(2, -1)
            yield texts, u, p, torch.from_numpy(label[batch])
        clock.append(time.process_time() - began)

    best: dict[str, Any] = {"valid": 0.0}

    def score(trained_network: Any) -> float:
        every = torch.cat([trained_network.vectors(r) for r in np.array_split(np.arange(len(tokens)), 40)])
        told = {part: _logits(trained_network, every, likes, part) for part in ("valid", "test")}
        found = float(roc_auc_score(likes.parts["valid"][2], told["valid"]))
        if found > best["valid"]:
            best.update(valid=found, test=told["test"])
        return found

    def loss(trained_network: Any, batch: tuple[Longs, Tensor, Tensor, Tensor]) -> Tensor:
        texts, u, p, wanted = batch
        logits = trained_network(trained_network.vectors(texts), u, p)
        return nn.functional.binary_cross_entropy_with_logits(logits, wanted)

    training = Training(way.epochs, lr=way.lr, weight_decay=0.01, patience=None, warmup=0.1)
    history = train(network, batches, loss, score, training, rng)
    del clock[::2]  # a warm-up counts each epoch's batches first
    return {
        "way": name, "seed": seed, "examples": examples, "trained": learned, "of": whole, "once": once,
        "seconds": float(np.median(clock)), "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "saved": sum(v.numel() * 4 for v in trained(tuned).values()), "losses": history.losses.tolist(),
        "scores": history.scores.tolist(), "best": history.best, "valid": best["valid"],
        "test": float(roc_auc_score(likes.parts["test"][2], best["test"])), "logits": best["test"].tolist(),
        "asked": asdict(way), "date": datetime.now(UTC).date().isoformat(),
    }  # fmt: skip


def _logits(network: Any, every: Tensor, likes: Likes, part: str) -> Floats:
    user, item, _ = likes.parts[part]
    return np.asarray(network(every, torch.from_numpy(user), torch.from_numpy(likes.users + item)).numpy(), np.float32)


def difference(a: Floats, b: Floats, likes: Likes, rng: np.random.Generator) -> tuple[float, float, float]:
    """Return how much the AUC of a is above that of b, and the 95 % interval over users; (s, n) logits by seed."""
    user, _, label = likes.parts["test"]
    by_user = np.split(np.argsort(user, kind="stable"), np.cumsum(np.bincount(user, minlength=likes.users))[:-1])

    def auc(logits: Floats, rows: Longs) -> float:
        """Return the share of pairs in the right order, from ranks: a thousand resamples in seconds."""
        liked = label[rows] > 0
        n, ranks = int(liked.sum()), rankdata(logits[rows])
        return float((ranks[liked].sum() - n * (n + 1) / 2) / (n * (len(rows) - n)))

    def gap(rows: Longs) -> float:
        return float(np.mean([auc(x, rows) - auc(y, rows) for x, y in zip(a, b, strict=True)]))

    drawn = [
        gap(np.concatenate([by_user[u] for u in rng.integers(0, likes.users, likes.users)])) for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return gap(np.arange(len(user))), float(low), float(high)


def table(parts: Path, seeds: range) -> dict[str, Any]:
    """Return the figures of every way whose parts are all there."""
    likes, rng = read(), np.random.default_rng(0)
    found = {}
    for name in WAYS:
        files = [parts / f"{name}-{seed}.json" for seed in seeds]
        if all(path.is_file() for path in files):
            found[name] = [json.loads(path.read_text(encoding="utf-8")) for path in files]
    logits = {name: np.array([run["logits"] for run in runs], np.float32) for name, runs in found.items()}
    rows = []
    for name, runs in found.items():
        row = {key: runs[0][key] for key in ("way", "trained", "of", "saved", "examples", "date", "asked")}
        row |= {key: float(np.median([run[key] for run in runs])) for key in ("seconds", "once", "peak")}
        row |= {key: float(np.mean([run[key] for run in runs])) for key in ("valid", "test")}
        row["epochs"] = [run["best"] + 1 for run in runs]
        if "lora" in found and name != "lora":
            row["against_lora"] = difference(logits[name], logits["lora"], likes, rng)
            row["faster_than_lora"] = float(np.median([run["seconds"] for run in found["lora"]])) / row["seconds"]
        rows.append(row)
    return {"machine": machine(), "versions": versions(sys.executable, PACKAGES), "seeds": list(seeds), "ways": rows}


def show(figures: dict[str, Any]) -> str:
    """Return the table as Markdown."""
    lines = [
        "| way | trained | share | CPU-s an epoch | once | peak memory | epoch | valid AUC | test AUC | less LoRA's |",
        "| --- | --: | --: | --: | --: | --: | --: | --: | --: | --- |",
    ]
    for row in figures["ways"]:
        gap = "{:+.4f} [{:+.4f}, {:+.4f}]".format(*row["against_lora"]) if "against_lora" in row else ""
        share_of = 100 * row["trained"] / row["of"]
        lines.append(
            f"| {row['way']} | {row['trained']:,} | {share_of:.2f} % | {row['seconds']:.2f} | {row['once']:.0f} | "
            f"{row['peak'] / 2**20:.0f} MB | {', '.join(map(str, row['epochs']))} | {row['valid']:.4f} | "
            f"{row['test']:.4f} | {gap} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=[*WAYS], help="measure one way alone, and print no table")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0, help="of --only")
    parser.add_argument("--examples", type=int, default=EXAMPLES)
    parser.add_argument("--parts", type=Path, default=Path("runs") / "tuning", help="where parts are kept")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    args.parts.mkdir(parents=True, exist_ok=True)
    if args.only:
        part = args.parts / f"{args.only}-{args.seed}.json"
        part.write_text(json.dumps(measure(args.only, args.seed, args.examples)) + "\n", encoding="utf-8")
        return
    for seed in range(args.seeds):
        for name in WAYS:
            if not (args.parts / f"{name}-{seed}.json").is_file():
                own = ["--parts", str(args.parts), "--examples", str(args.examples)]
                subprocess.run([sys.executable, __file__, "--only", name, "--seed", str(seed), *own], check=True)
    figures = table(args.parts, range(args.seeds))
    args.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(show(figures))


if __name__ == "__main__":
    main()
