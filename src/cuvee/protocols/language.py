"""What continues conversations."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from cuvee.completions import Completion
from cuvee.types import Message

__all__ = ["LanguageModel"]


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
