"""Compare two runs query by query: is the difference more than luck?"""

import dataclasses
import json
from pathlib import Path
from typing import Any

import click
import numpy as np
import polars as pl

from cuvee.errors import DataError, UnknownNameError, unknown
from cuvee.statistics import Paired, paired

__all__ = ["command"]

_KEYS = ("set", "user_id")


@dataclasses.dataclass(frozen=True)
class _Run:
    """What a run left behind."""

    path: Path
    values: pl.DataFrame
    """set, user_id and a column a metric."""
    means: dict[str, dict[str, dict[str, Any]]]
    """metrics.json: set -> metric -> mean, low, high, n."""

    @property
    def sets(self) -> list[str]:
        return self.values["set"].unique(maintain_order=True).to_list()

    @property
    def metrics(self) -> list[str]:
        return [name for name in self.values.columns if name not in _KEYS]


@dataclasses.dataclass(frozen=True)
class _Row:
    """One line of the answer."""

    set: str
    metric: str
    a: float | None
    """Mean of the first run over the common users, or over all lists for a metric that has no value a query."""
    b: float | None
    comparison: Paired


@click.command()
@click.argument("run_a", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("run_b", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--metric", "wanted", multiple=True, help="Only this metric, like ndcg@20; may be repeated.")
@click.option("--common", is_flag=True, help="Compare the sets and users that both runs have when they differ.")
@click.option("--seed", default=0, show_default=True, help="Seed of the bootstrap.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(run_a: Path, run_b: Path, wanted: tuple[str, ...], *, common: bool, seed: int, as_json: bool) -> None:
    """Compare RUN_A with RUN_B, two folders written by `cuvee run`, on the same queries.

    The difference is A minus B with its 95 % bootstrap interval and the p value of a paired t test.
    """
    a, b = _load(run_a), _load(run_b)
    rng = np.random.default_rng(seed)
    rows = [row for name in _sets(a, b, common=common) for row in _rows(a, b, name, wanted, rng, common=common)]
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(row) for row in rows], indent=2))
        return
    click.echo(f"A: {run_a}\nB: {run_b}\n")
    click.echo(_table(rows))


def _load(path: Path) -> _Run:
    for name in ("per_query.parquet", "metrics.json"):
        if not (path / name).is_file():
            raise DataError(f"{path} has no {name}: it is not the folder of a finished run; write one by `cuvee run`")
    values = pl.read_parquet(path / "per_query.parquet")
    missing = [key for key in _KEYS if key not in values.columns]
    if missing:
        raise DataError(f"{path / 'per_query.parquet'} has no column {missing[0]!r}; write it again by `cuvee run`")
    return _Run(path, values, json.loads((path / "metrics.json").read_text(encoding="utf-8")))


def _sets(a: _Run, b: _Run, *, common: bool) -> list[str]:
    shared = [name for name in a.sets if name in b.sets]
    if not shared or (len(shared) < max(len(a.sets), len(b.sets)) and not common):
        way_out = "pass --common to compare those in both" if shared else "measure both with the same `split`"
        raise DataError(f"{a.path} has the sets {_list(a.sets)}, {b.path} has {_list(b.sets)}; {way_out}")
    return shared


def _rows(
    a: _Run, b: _Run, name: str, wanted: tuple[str, ...], rng: np.random.Generator, *, common: bool
) -> list[_Row]:
    joined = _joined(a, b, name, common=common)
    system = [m for m in a.means.get(name, {}) if m in b.means.get(name, {}) and m not in a.metrics + b.metrics]
    known = [m for m in a.metrics if m in b.metrics] + system
    for metric in wanted:
        if metric not in known:
            raise UnknownNameError(unknown("metric of both runs", metric, known))
    return [_row(a, b, name, metric, joined, rng) for metric in wanted or known]


def _joined(a: _Run, b: _Run, name: str, *, common: bool) -> pl.DataFrame:
    """Return the values of both runs side by side, B's columns ending in " of B"."""
    left, right = (run.values.filter(pl.col("set") == name).drop("set") for run in (a, b))
    joined = left.join(right, on="user_id", suffix=" of B", maintain_order="left")
    only_a, only_b = len(left) - len(joined), len(right) - len(joined)
    if (only_a or only_b) and not (common and len(joined)):
        way_out = f"pass --common to compare the {len(joined)} in both, or " if len(joined) else ""
        raise DataError(
            f"set {name!r} was measured on different users ({only_a} only in {a.path}, {only_b} only in {b.path}); "
            f"{way_out}measure both with the same `split` and `seed`"
        )
    return joined


def _row(a: _Run, b: _Run, name: str, metric: str, joined: pl.DataFrame, rng: np.random.Generator) -> _Row:
    if metric not in joined.columns:
        first, second = (run.means[name][metric]["mean"] for run in (a, b))
        known = first is not None and second is not None
        return _Row(name, metric, first, second, Paired(first - second if known else None, None, None, None, 0))
    x, y = (joined[c].cast(pl.Float64).fill_null(np.nan).to_numpy() for c in (metric, f"{metric} of B"))
    both = ~np.isnan(x) & ~np.isnan(y)
    first, second = (float(v[both].mean()) if both.any() else None for v in (x, y))
    return _Row(name, metric, first, second, paired(x, y, rng))


def _table(rows: list[_Row]) -> str:
    """Return aligned columns."""
    lines = [("set", "metric", "A", "B", "A - B", "95 % interval", "p", "queries")]
    for row in rows:
        c = row.comparison
        interval = "" if c.low is None else f"{_number(c.low, '+')} .. {_number(c.high, '+')}"
        lines.append((row.set, row.metric, _number(row.a), _number(row.b), _number(c.difference, "+"), interval,
                      "" if c.p_value is None else f"{c.p_value:.2g}", str(c.n) if c.n else "all lists"))  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(text.ljust(w) for text, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def _number(value: float | None, sign: str = "") -> str:
    return "-" if value is None else f"{value:{sign}.4f}"


def _list(names: list[str]) -> str:
    return ", ".join(names) or "none"
