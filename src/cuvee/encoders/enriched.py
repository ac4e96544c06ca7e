"""What `cuvee enrich` wrote about each item, read by a text encoder: generated text as one more modality."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from cuvee.errors import ConfigError, DataError
from cuvee.protocols import Encoder, FittedEncoder, Learning
from cuvee.tables import read_table
from cuvee.types import Dataset, Embeddings

__all__ = ["Enriched", "FittedEnriched"]

_KEY = "item_id"


@dataclass(frozen=True)
class Enriched:
    """Columns of another table of the items, encoded as if they stood in the catalogue; vectors are cached as theirs.

    Items that the table does not have, such as those that come later, have the modality missing until `cuvee enrich`
    has read them too.
    """

    path: Path
    """Table with item_id and the columns that `text` reads, as `cuvee enrich` writes it."""
    text: Encoder
    """Encoder of the columns, e.g. {text: {columns: [llm_description, llm_attributes]}}."""

    def __post_init__(self) -> None:
        if isinstance(self.text, Learning):
            raise ConfigError("enriched needs a text encoder that is trained already, such as text or llm")

    def fit(self, train: Dataset, role: str) -> "FittedEnriched":
        """Read the table.

        Raises:
            DataError: a table that cannot be used, with no item_id, or with one twice.
            UnknownNameError: the table has none of a column's name.
        """
        told = read_table(self.path)
        if _KEY not in told.columns:
            raise DataError(f"{self.path} has no column {_KEY}; `cuvee enrich` writes one")
        told = told.with_columns(pl.col(_KEY).cast(pl.String))
        twice = told[_KEY].filter(told[_KEY].is_duplicated())
        if len(twice):
            raise DataError(f"{self.path}: item_id {twice[0]!r} is there twice; keep one of the rows")
        return FittedEnriched(self.text.fit(replace(train, item_table=_joined(train.item_table, told)), role), told)


@dataclass(frozen=True)
class FittedEnriched:
    """An encoder of one table's rows by what another table tells of them."""

    text: FittedEncoder
    told: pl.DataFrame

    @property
    def fingerprint(self) -> str:
        """That of the text encoder: equal words have equal vectors, wherever they stand."""
        return self.text.fingerprint

    def contents(self, table: pl.DataFrame) -> list[str]:
        return list(self.text.contents(_joined(table, self.told)))

    def encode(self, table: pl.DataFrame) -> Iterator[Embeddings]:
        return self.text.encode(_joined(table, self.told))


def _joined(table: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """Return what is told of each row of a table, null where nothing is."""
    return table.select(_KEY).join(told, on=_KEY, how="left", maintain_order="left")
