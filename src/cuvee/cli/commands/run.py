"""Read, encode, learn, evaluate and report, as a recipe says."""

from pathlib import Path

import click

from cuvee.pipeline import run
from cuvee.recipe import load_recipe

__all__ = ["command"]


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for the results.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change one value: --set seed=1.")
def command(recipe: Path, out: Path, changes: tuple[str, ...]) -> None:
    """Read, encode, learn, evaluate and report, as RECIPE says; everything is written to --out."""
    done = run(load_recipe(recipe, changes), out)
    if done.events:
        click.echo(str(done.events))
    for name, measured in done.tests.items():
        click.echo(f"{name}:")
        for metric, e in measured.summary.items():
            interval = "" if e.low is None else f"  {e.low:.4f} .. {e.high:.4f}  n={e.n}"
            click.echo(f"  {metric:26} {'-' if e.mean is None else format(e.mean, '.4f')}{interval}")
        gain = done.gain[name]
        if gain.difference is not None:
            click.echo(f"  over popularity: {done.metric} {gain.difference:+.4f}  {gain.low:.4f} .. {gain.high:.4f}")
    click.echo(f"open {out / 'report.html'}; recommend with `cuvee recommend {out} --user ID`")
