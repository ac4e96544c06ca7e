"""From a recipe with ranges to the one that does best on validation: workers, what they share, and what is written.

Several workers are processes of one thread each. Features are encoded once, before any of them starts, and handed over
as files; a worker whose parent is gone stops at once.
"""

import json
import logging
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch
from tqdm import tqdm

from cuvee import plain_yaml, store
from cuvee.errors import ConfigError
from cuvee.memo import Memo
from cuvee.pipeline import told_in
from cuvee.recipe import Recipe, dump_recipe, read_recipe
from cuvee.tune.objective import Objective, Seen, check_metric, memory, see
from cuvee.tune.outcome import Outcome, outcome, write_outcome
from cuvee.tune.space import Space, space_of
from cuvee.tune.trials import abandon, alone, done, open_study, work

__all__ = ["Effort", "tune"]

logger = logging.getLogger(__name__)

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS")


@dataclass(frozen=True)
class Effort:
    """How much is tried."""

    trials: int = 50
    """Trials altogether, those in the folder included."""
    minutes: float | None = None
    """No trial starts after these; None: no end."""
    workers: int = 1
    """Processes."""
    seed: int = 0
    """Of what is drawn; the recipe keeps its own."""


def tune(recipe: Recipe, out: Path, effort: Effort | None = None, metric: str | None = None) -> Outcome:
    """Look for the recipe that does best on validation within its ranges, and write it to `out`.

    Files: best.yaml, trials.csv, tune.json; trials.db, from which a search that was interrupted goes on.

    Args:
        metric: such as ndcg@20; None: the recipe's first NDCG.

    Raises:
        ConfigError: a range that does not fit the recipe, a folder with trials of another recipe, data or metric, or
            the recipe as it stands cannot be fitted.
    """
    effort = effort or Effort()
    space = space_of(recipe)
    label = check_metric(metric) if metric else told_in(recipe)
    out.mkdir(parents=True, exist_ok=True)
    with alone(out / "tune.lock", wait=False):
        seen = see(space.recipe)
        _same(out, recipe, seen, label)
        study = open_study(out)
        abandon(study, space)
        if len(done(study)) < effort.trials:
            _search(out, space, seen, label, effort)
        found = outcome(study, space, label, out)
        write_outcome(found, out)
    return found


def _same(out: Path, recipe: Recipe, seen: Seen, metric: str) -> None:
    """Note what the trials in a folder are of, or refuse to add others."""
    ours = {"recipe": dump_recipe(replace(recipe, track=())), "data": seen.fingerprint, "metric": metric}
    path = out / "search.json"
    if path.is_file():
        theirs = json.loads(path.read_text(encoding="utf-8"))
        for key, value in ours.items():
            if theirs.get(key) != value:
                told = f": {theirs.get(key)!r}, not {value!r}" if key == "metric" else ""
                raise ConfigError(f"{out} holds trials of another {key}{told}; give another --out, or delete it")
        return
    part = out / "search.json.part"
    part.write_text(json.dumps(ours, indent=1) + "\n", encoding="utf-8")
    part.replace(path)


def _search(out: Path, space: Space, seen: Seen, metric: str, effort: Effort) -> None:
    until = time.time() + 60 * effort.minutes if effort.minutes is not None else float("inf")
    study = open_study(out)
    with tqdm(total=effort.trials, initial=len(done(study)), desc="tune", unit="trial") as bar:

        def tell(ended: int) -> None:
            bar.update(ended - bar.n)

        if effort.workers == 1:
            measure = Objective(space.recipe, seen, metric, Memo(memory(1)))
            work(out, space, measure, trials=effort.trials, until=until, seed=effort.seed, tell=tell)
            logger.info("%d fits and factors made, %d reused", measure.memo.made, measure.memo.found)
            return
        _spread(out, seen, metric, effort, until, lambda: tell(len(done(study))))


def _spread(out: Path, seen: Seen, metric: str, effort: Effort, until: float, tell: Callable[[], None]) -> None:
    """Let processes do the trials.

    Raises:
        ChildProcessError: one of them failed.
    """
    store.save(seen.train, out / "seen", "train")
    store.save(seen.valid, out / "seen", "valid")
    context = multiprocessing.get_context("spawn")
    limit = memory(effort.workers)
    workers: list[BaseProcess] = [
        context.Process(target=_worker, args=(str(out), metric, effort, until, limit, n), daemon=True)
        for n in range(effort.workers)
    ]
    try:
        with _one_thread():
            for process in workers:
                process.start()
        while any(process.is_alive() for process in workers):
            wait([process.sentinel for process in workers if process.is_alive()], timeout=1)
            tell()
            if any(process.exitcode for process in workers):
                raise ChildProcessError("a worker failed, see above; call again to go on from the trials that ended")
    finally:
        for process in workers:
            if process.is_alive():
                process.terminate()
            process.join()


def _worker(out: str, metric: str, effort: Effort, until: float, limit: int, number: int) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    folder = Path(out)
    saved = json.loads((folder / "search.json").read_text(encoding="utf-8"))
    space = space_of(read_recipe(plain_yaml.load(saved["recipe"]), folder))
    seen = Seen(store.load(folder / "seen", "train"), store.load(folder / "seen", "valid"), saved["data"])
    measure = Objective(space.recipe, seen, metric, Memo(limit))
    work(folder, space, measure, trials=effort.trials, until=until, seed=effort.seed, worker=number,
         workers=effort.workers)  # fmt: skip


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Processes that start meanwhile get one thread each; libraries read this when they are loaded."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
