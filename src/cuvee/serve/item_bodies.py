"""What requests and answers about items look like."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from cuvee.serve.bodies import Body, Id, Value
from cuvee.sql.catalogue import State

__all__ = ["ColumnsIn", "ItemIn", "ItemOut", "ItemsIn", "ItemsOut", "StateOut"]

_MOST_ITEMS = 1_000


class ColumnsIn(Body):
    """Columns of the catalogue."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, Value] = Field(init=False)

    @property
    def attributes(self) -> dict[str, Any]:
        return dict(self.__pydantic_extra__ or {})


class ItemIn(ColumnsIn):
    """An item: its id and whatever columns of the catalogue there are."""

    item_id: Id


class ItemsIn(Body):
    items: list[ItemIn] = Field(min_length=1, max_length=_MOST_ITEMS)


class ItemOut(BaseModel):
    item_id: str
    attributes: dict[str, Any]
    state: State
    served: bool = Field(description="Whether the model in use knows it")
    current: bool = Field(description="Whether it is ranked by its content as it is now; False: by that of the fit")
    media: list[str] = Field([], description="What was uploaded for it: image/0 ...")


class ItemsOut(BaseModel):
    items: list[ItemOut]
    next: str | None = Field(description="Give it as `after` to get what follows; None: this is the end")


class StateOut(BaseModel):
    item_id: str
    state: State
