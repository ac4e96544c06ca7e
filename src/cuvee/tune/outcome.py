"""What came of tuning: the best recipe, every trial as a table, and a few lines for the terminal."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from cuvee.errors import ConfigError
from cuvee.recipe import Recipe, dump_recipe
from cuvee.statistics import Paired, paired
from cuvee.tune.space import Space
from cuvee.tune.trials import Study, done, importances, values_of

__all__ = ["Outcome", "outcome", "write_outcome"]


@dataclass(frozen=True)
class Outcome:
    """The best of all trials; figures are on validation."""

    best: Recipe
    """Ready to run."""
    metric: str
    figures: tuple[float, ...]
    """(n,) of each trial, the recipe as it stood first; NaN where it could not be fitted."""
    values: tuple[Mapping[str, Any], ...]
    """(n,) path -> value of each trial."""
    errors: tuple[str, ...]
    """(n,) why it could not be fitted, "" where it could."""
    seconds: tuple[float, ...]
    """(n,) NaN where it could not be fitted."""
    gain: Paired
    """The best minus the recipe as it stood, user by user. It is the best of many: optimistic."""
    importances: Mapping[str, float]
    """Path -> share of what mattered; empty where too little was tried."""

    @property
    def winner(self) -> int:
        """The number of the best trial."""
        return int(np.nanargmax(self.figures))

    def __str__(self) -> str:
        start, best = self.figures[0], self.figures[self.winner]
        failed = sum(map(bool, self.errors))
        lines = [f"{len(self.figures)} trials" + (f", of which {failed} could not be fitted" if failed else "")]
        lines.append(f"{self.metric} on validation: {best:.4f} in trial {self.winner}, {start:.4f} as the recipe stood")
        if self.gain.low is not None and self.winner:
            told = f"{self.gain.difference:+.4f}  {self.gain.low:.4f} .. {self.gain.high:.4f}"
            lines.append(f"difference: {told}, user by user; as the best of many it is optimistic")
        width = max(map(len, self.values[0]))
        for path, value in self.values[self.winner].items():
            share = f"  mattered {100 * self.importances[path]:3.0f} %" if path in self.importances else ""
            lines.append(f"  {path:{width}}  {_short(self.values[0][path])} -> {_short(value)}{share}")
        return "\n".join(lines)


def outcome(study: Study, space: Space, metric: str, out: Path) -> Outcome:
    """Read what the trials came to.

    Raises:
        ConfigError: no trial has ended, or the recipe as it stands could not be fitted.
    """
    trials = done(study)
    values = [values_of(t.params, space) for t in trials]
    first = next((n for n, v in enumerate(values) if v == dict(space.start)), None)
    if first is None:
        raise ConfigError(f"{out}: no trial has ended yet; give it more minutes")
    if trials[first].value is None:
        raise ConfigError(f"the recipe as it stands: {trials[first].user_attrs.get('error')}")
    order = [first, *(n for n in range(len(trials)) if n != first)]
    trials, values = [trials[n] for n in order], [values[n] for n in order]
    figures = [float("nan") if t.value is None else t.value for t in trials]
    best = int(np.nanargmax(figures))
    ours, theirs = (np.load(out / "queries" / f"{trials[n].number}.npy") for n in (best, 0))
    return Outcome(
        best=space.at(values[best]),
        metric=metric,
        figures=tuple(figures),
        values=tuple(values),
        errors=tuple(t.user_attrs.get("error", "") for t in trials),
        seconds=tuple(t.user_attrs.get("seconds", float("nan")) for t in trials),
        gain=paired(ours, theirs, np.random.default_rng(0)),
        importances=importances(study),
    )


def write_outcome(found: Outcome, out: Path) -> None:
    """Write best.yaml, trials.csv and tune.json."""
    head = (
        f"# {found.metric} {found.figures[found.winner]:.4f} on validation, {found.figures[0]:.4f} before;"
        f" the best of {len(found.figures)} trials of `cuvee tune`.\n"
    )
    (out / "best.yaml").write_text(head + dump_recipe(found.best), encoding="utf-8")
    table = {"trial": range(len(found.figures)), found.metric: found.figures, "seconds": found.seconds}
    told = {path: [_cell(values[path]) for values in found.values] for path in found.values[0]}
    frame = pl.DataFrame({**table, **told, "error": found.errors}, strict=False, nan_to_null=True)
    frame.write_csv(out / "trials.csv")
    facts = {
        "metric": found.metric,
        "trials": len(found.figures),
        "failed": sum(map(bool, found.errors)),
        "before": found.figures[0],
        "best": found.figures[found.winner],
        "winner": found.winner,
        "gain": asdict(found.gain),
        "values": dict(found.values[found.winner]),
        "importances": dict(found.importances),
    }
    (out / "tune.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _cell(value: Any) -> Any:
    return value if isinstance(value, (int, float, str)) or value is None else json.dumps(value, ensure_ascii=False)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(_cell(value))
