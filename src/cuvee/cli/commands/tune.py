"""Look for the parameters that do best on validation."""

from pathlib import Path

import click

from cuvee.recipe import load_recipe

__all__ = ["command"]


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder for the trials.")
@click.option(
    "--trials", type=click.IntRange(min=1), default=50, show_default=True, help="Altogether, with those in the folder."
)
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="Start no trial after these.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of what is drawn.")
@click.option("--metric", help="What to maximise, such as recall@20; the recipe's first NDCG where it is not given.")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="Change one value: --set seed=1.")
def command(
    recipe: Path,
    out: Path,
    trials: int,
    minutes: float | None,
    workers: int,
    seed: int,
    metric: str | None,
    changes: tuple[str, ...],
) -> None:
    """Look for the parameters of RECIPE that do best on validation, within the ranges of its key `tune`.

    Test data are never looked at. Killed, and called again, it goes on. The best recipe is OUT/best.yaml.
    """
    from cuvee.tune.search import Effort, tune  # Optuna is an extra: help must come without it

    found = tune(load_recipe(recipe, changes), out, Effort(trials, minutes, workers, seed), metric)
    click.echo(str(found))
    click.echo(f"the best: cuvee run {out / 'best.yaml'} --out RUN; all trials: {out / 'trials.csv'}")
