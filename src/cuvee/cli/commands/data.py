"""Look at a folder of data: what it holds, what is wrong with it, which recipe fits."""

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import click

from cuvee.inspection.check import Inspection, inspect_folder

__all__ = ["command"]


@click.group()
def command() -> None:
    """Look at data before it is used."""


@command.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@click.pass_context
def check(ctx: click.Context, folder: Path, as_json: bool) -> None:
    """Say what DIR holds and what is wrong with it; errors end in exit status 1, warnings in 0.

    DIR is a canonical folder: interactions and, where there are any, items, users, reviews, social and kg, each as
    parquet, csv or jsonl. Languages are guessed by script and by the commonest English words.
    """
    logging.getLogger("cuvee").addHandler(logging.NullHandler())  # what the reader warns of is among the findings
    found = inspect_folder(folder)
    if as_json:
        click.echo(json.dumps(asdict(found) | {"usable": found.usable}, ensure_ascii=False, indent=1))
    else:
        for line in _lines(found):
            click.echo(line)
    if not found.usable:
        ctx.exit(1)


def _lines(found: Inspection) -> Iterator[str]:
    yield found.folder
    yield _line("tables", {table: f"{n:,}" for table, n in found.rows.items()})
    yield from _events(found)
    yield _line("columns", {c: _percent(share) for c, share in found.columns.items() if share})
    for column, media in found.media.items():
        opened = "" if media.readable is None else f", {media.readable:,} can be opened"
        yield f"  {column:11} {_percent(media.share)} of items: {media.named:,} named, {media.there:,} there{opened}"
    yield _line("languages", {name: _percent(share) for name, share in found.languages.items()})
    yield _line("same texts", {table: f"{n:,}" for table, n in found.same_texts.items()})
    yield _line("same files", {column: f"{media.same:,}" for column, media in found.media.items()})
    yield _line("orphans", {name: f"{n:,}" for name, n in found.orphans.items()})
    yield ""
    yield from map(str, found.findings)
    errors = sum(f.level == "error" for f in found.findings)
    yield f"errors: {errors}, warnings: {len(found.findings) - errors}"
    if found.recipe is not None:
        yield f"\nthe recipe that fits; `cuvee init {found.folder}` writes it:\n"
        yield found.recipe.rstrip()


def _events(found: Inspection) -> Iterator[str]:
    f = found.figures
    if f is None:
        return
    density = "none" if f.density is None else f"{100 * f.density:.4g} %"
    yield f"  {'events':11} {f.events:,} of {f.users:,} users on {f.items:,} items, density {density}"
    yield f"  {'pairs':11} {f.pairs:,} different, {f.events - f.pairs:,} events repeat one"
    yield f"  {'time':11} {f'{f.timed:,} events, {f.first} to {f.last}' if f.timed else 'no event has one'}"
    yield _line("kinds", {kind: f"{n:,}" for kind, n in f.kinds.items()})
    if f.ratings:
        r = f.ratings
        scale = f"{r.low:g} to {r.high:g} in {r.different:,} steps, mean {r.mean:.3g}, {r.known:,} events"
        yield f"  {'ratings':11} {scale}"


def _line(name: str, values: dict[str, str]) -> str:
    return f"  {name:11} {', '.join(f'{key} {value}' for key, value in values.items()) or 'none'}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
