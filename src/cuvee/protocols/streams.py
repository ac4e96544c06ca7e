"""Where events come from: streams that hand an entry out again until it was acknowledged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Entry", "Stream", "Subscription"]


@dataclass(frozen=True)
class Entry:
    """One entry of a stream."""

    number: str
    """Its id in the stream."""
    fields: Mapping[bytes, bytes]
    """As they were written; empty where the entry was trimmed before it was read."""


class Subscription(Protocol):
    """One reader of a stream. What it took is handed to another reader when it goes without acknowledging it.

    Every method raises ConnectionError where the stream cannot be reached; the same call may be made again.
    """

    def take(self, most: int, seconds: float) -> Sequence[Entry]:
        """Return at most so many entries, those that other readers left first; none came in `seconds`: empty."""
        ...

    def acknowledge(self, entries: Sequence[Entry]) -> None:
        """Say that they are dealt with."""
        ...

    def refuse(self, refused: Sequence[tuple[Entry, str]]) -> None:
        """Put entries aside with the reason, and acknowledge them."""
        ...


class Stream(Protocol):
    """Parameters of a stream."""

    def subscribe(self) -> Subscription:
        """Return a new reader."""
        ...
