"""Write what a bundle holds as plain parquet files."""

from pathlib import Path

import click
import numpy as np
import polars as pl

from cuvee.bundle import load_bundle
from cuvee.errors import ConfigError

__all__ = ["command"]


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--embeddings", is_flag=True, required=True, help="The vectors of every modality.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Folder to write to.")
def command(bundle: Path, embeddings: bool, out: Path) -> None:  # noqa: ARG001
    """Write BUNDLE's vectors: one file a modality, with the id, whether the modality is present, and the vector."""
    data = load_bundle(bundle).data
    if not data.features:
        raise ConfigError(f"{bundle} holds no embeddings: its recipe has no encoders")
    out.mkdir(parents=True, exist_ok=True)
    for (role, modality), feature in data.features.items():
        ids = data.items if role == "item" else data.users
        vectors = pl.Series("vector", np.ascontiguousarray(feature.vectors), dtype=pl.Array(pl.Float32, feature.dim))
        table = pl.DataFrame([pl.Series(f"{role}_id", ids), pl.Series("present", feature.present), vectors])
        path = out / f"{role}-{modality}.parquet"
        table.write_parquet(path)
        click.echo(f"{path}: {len(table)} x {feature.dim}")
