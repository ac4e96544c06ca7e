"""What continues conversations."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from cuvee.generation.completions import Completion
from cuvee.types import Floats, Message

__all__ = ["Choosing", "LanguageModel"]


@runtime_checkable
class Choosing(Protocol):
    """A language model that tells how likely each of several answers is, without writing any."""

    def choose(self, conversations: Sequence[Sequence[Message]], options: Sequence[str]) -> Floats:
        """Return (n, o): log-probability that the answer to a conversation begins with the option's first token."""
        ...


class LanguageModel(Protocol):
    """Continues conversations. What it returns can be read while it is being written."""

    @property
    def fingerprint(self) -> str:
        """Identifies model and parameters: what answers may be cached under, together with the question."""
        ...

    def complete(
        self, messages: Sequence[Message], *, schema: Mapping[str, Any] | None = None, stop: Sequence[str] = ()
    ) -> Completion:
        """Return the answer to a conversation, as it comes.

        Args:
            messages: oldest first.
            schema: JSON Schema that the answer keeps; None for free text.
            stop: strings that end the answer; they are no part of it.

        Raises, where the answer is read:
            LanguageModelError: no answer, or one cut before its JSON was complete.
        """
        ...

    def complete_many(
        self,
        conversations: Sequence[Sequence[Message]],
        *,
        schema: Mapping[str, Any] | None = None,
        stop: Sequence[str] = (),
    ) -> Sequence[Completion]:
        """Return the answers to many conversations, in order; for offline work, where all of them may wait."""
        ...
