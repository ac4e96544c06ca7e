"""What is searched for, and what is found."""

from pydantic import BaseModel, Field

from cuvee.serve.bodies import Body, Condition, Id, Text

__all__ = ["Found", "FoundItem", "Sought"]


class Sought(Body):
    """What to search for: a text, a picture, or both."""

    text: Text | None = Field(None, min_length=1, max_length=1_000)
    image: str | None = Field(None, min_length=1, max_length=6 << 20, description="A picture in base64")
    filter: Condition | None = Field(None, description="Condition on columns")
    k: int = Field(10, ge=1, le=200)
    user_id: Id | None = None
    personalise: float = Field(0.0, ge=0, le=1, description="Weight of the user's taste against the search")


class FoundItem(BaseModel):
    item_id: str
    title: str | None
    score: float
    by: list[str] = Field(description="What found it: words, text, image")


class Found(BaseModel):
    model_version: str
    personal: bool = Field(description="Whether the user's taste was used")
    degraded: bool = Field(description="Whether something that should have been used could not be")
    items: list[FoundItem]
