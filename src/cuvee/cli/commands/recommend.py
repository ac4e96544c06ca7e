"""Recommend items to a user, to somebody with a few items, or to everybody."""

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
import polars as pl
import yaml
from tqdm import tqdm

from cuvee import plain_yaml, registry
from cuvee.bundle import Bundle, load_bundle
from cuvee.errors import ConfigError
from cuvee.generation.completions import METER
from cuvee.protocols import LanguageModel
from cuvee.queries import queries_of
from cuvee.types import PAD, Reason
from cuvee.wording.facts import facts_of
from cuvee.wording.writing import word

__all__ = ["command"]

_BLOCK = 4096
_TEMPLATE = "template"
"""Stands for no language model."""


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--user", help="Id of a user the bundle knows.")
@click.option("--item", "items", multiple=True, help="Item somebody unknown has touched; repeat it, oldest first.")
@click.option("--all", "everybody", is_flag=True, help="Every user of the bundle, to --out.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Parquet file for --all.")
@click.option("-k", default=10, show_default=True, type=click.IntRange(1), help="How many items.")
@click.option(
    "--words",
    metavar="MODEL",
    help="Reasons as sentences: `template`, or worded by a model: local, {local: {seed: 1}}.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def command(
    bundle: Path,
    user: str | None,
    items: tuple[str, ...],
    everybody: bool,
    out: Path | None,
    k: int,
    words: str | None,
    as_json: bool,
) -> None:
    """Recommend from BUNDLE (or the folder of a run): --user ID, or --item A --item B, or --all --out FILE.

    With neither user nor items: what somebody unknown is shown.
    """
    if sum((user is not None, bool(items), everybody)) > 1:
        raise ConfigError("choose one of --user, --item and --all")
    if everybody != (out is not None):
        raise ConfigError("--all and --out FILE.parquet belong together")
    if words and everybody:
        raise ConfigError("--words tells of the items of one user; leave it out with --all")
    told_by = None if words in (None, _TEMPLATE) else _language_model(words)
    loaded = load_bundle(bundle)
    if out is not None:
        click.echo(f"{_all(loaded, k, out)} rows written to {out}")
        return
    queries = loaded.user(user) if user is not None else loaded.items(items)
    slate = loaded.recommend(queries, k)
    explainers = [registry.build("explainers", name) for name in ("views", "history", "reviews")]
    reasons = loaded.reasons(queries, slate, explainers)[0]
    rows = [
        _row(loaded, int(item), float(score), why)
        for item, score, why in zip(slate.items[0], slate.scores[0], reasons, strict=True)
        if item != PAD
    ]
    if words:
        shown = [why for item, why in zip(slate.items[0], reasons, strict=True) if item != PAD]
        _put_in_words(rows, shown, told_by)
    if as_json:
        click.echo(json.dumps({"user_id": user, "items": rows}, ensure_ascii=False))
        return
    for rank, row in enumerate(rows, 1):
        why = "; ".join(reason["text"] for reason in row["reasons"])
        told = f"{row['words']['text']} [{row['words']['by']}]" if words else why
        click.echo(f"{rank:3}. {row['title']}  [{row['item_id']}]  {row['score']:.3f}\n       {told}")


def _language_model(spec: str) -> LanguageModel:
    try:
        model: LanguageModel = registry.build("llms", plain_yaml.load(spec))
    except yaml.YAMLError as error:
        raise ConfigError(f"--words takes `{_TEMPLATE}` or a language model such as local, got {spec!r}") from error
    return model


def _put_in_words(rows: list[dict[str, Any]], reasons: list[list[Reason]], model: LanguageModel | None) -> None:
    """Add to each row its reasons as sentences and who worded them; tell on stderr what that took."""
    found = word([facts_of(row["title"], why) for row, why in zip(rows, reasons, strict=True)], model)
    for row, wording in zip(rows, found, strict=True):
        by = "model" if wording.by_model else _TEMPLATE
        row["words"] = {"text": wording.text, "by": by, "refused": list(wording.refused)}
    if model is not None:
        click.echo(f"{sum(w.by_model for w in found)} of {len(found)} worded by the model", err=True)
        for name, total in METER.totals.items():
            click.echo(f"{name}: {total}", err=True)


def _row(bundle: Bundle, item: int, score: float, why: list[Reason]) -> dict[str, Any]:
    table = bundle.data.item_table
    title = table["title"][item] if "title" in table.columns else None
    return {
        "item_id": bundle.data.items[item],
        "title": title or bundle.data.items[item],
        "score": score,
        "reasons": [{"kind": r.kind, "weight": r.weight, "text": r.text, "evidence": dict(r.evidence)} for r in why],
    }


def _all(bundle: Bundle, k: int, out: Path) -> int:
    """Write user_id, item_id, rank and score for every user; return the number of rows."""
    data, parts = bundle.data, []
    items, users = np.array(data.items, dtype=object), np.array(data.users, dtype=object)
    for start in tqdm(range(0, len(data.users), _BLOCK), desc="recommend", delay=2):
        rows = np.arange(start, min(start + _BLOCK, len(data.users)), dtype=np.int32)
        slate = bundle.recommend(queries_of(data, rows), k)
        q, place = np.nonzero(slate.items != PAD)
        parts.append(
            pl.DataFrame(
                {
                    "user_id": pl.Series(users[rows[q]], dtype=pl.String),
                    "item_id": pl.Series(items[slate.items[q, place]], dtype=pl.String),
                    "rank": pl.Series((place + 1).astype(np.int32)),
                    "score": pl.Series(slate.scores[q, place]),
                }
            )
        )
    table = pl.concat(parts)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(out.name + ".part")
    table.write_parquet(part)
    part.replace(out)
    return len(table)
