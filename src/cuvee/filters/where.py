"""Shows only items that fulfil a condition."""

from collections.abc import Callable
from dataclasses import dataclass

from cuvee.conditions import fulfilled
from cuvee.types import Bools, Dataset, Queries

__all__ = ["Where"]


@dataclass(frozen=True)
class Where:
    """Allows only items whose columns fulfil a condition such as `price < 50 and not category == "hats"`."""

    condition: str
    """What is asked of the columns of the item table; see docs/recipes.md for the language."""

    def prepare(self, data: Dataset) -> Callable[[Queries], Bools]:
        """Return the mask (1, i), the same for every query.

        Raises:
            ConfigError: not a condition, or a value that is not of its column's type.
            UnknownNameError: a column that the items do not have.
        """
        mask = fulfilled(self.condition, data.item_table)[None, :]
        return lambda queries: mask  # noqa: ARG005
