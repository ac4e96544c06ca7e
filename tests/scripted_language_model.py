"""A language model that says what it is told to say."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cuvee.errors import LanguageModelError
from cuvee.generation.completions import Completion
from cuvee.types import Message, Usage

__all__ = ["Scripted"]


@dataclass(frozen=True)
class Scripted:
    """Answers each conversation by a function of it; None is no answer."""

    answer: Callable[[Sequence[Message]], str | None]
    name: str = "scripted"
    takes_schema: bool = False
    """Whether a schema may be given; the answer is told to keep to it."""

    @property
    def fingerprint(self) -> str:
        return self.name

    def complete(
        self, messages: Sequence[Message], *, schema: Mapping[str, Any] | None = None, stop: Sequence[str] = ()
    ) -> Completion:
        assert self.takes_schema == (schema is not None)
        return Completion(self._told(messages, stop))

    def complete_many(
        self,
        conversations: Sequence[Sequence[Message]],
        *,
        schema: Mapping[str, Any] | None = None,
        stop: Sequence[str] = (),
    ) -> Sequence[Completion]:
        return [self.complete(messages, schema=schema, stop=stop) for messages in conversations]

    def _told(self, messages: Sequence[Message], stop: Sequence[str]) -> Generator[str, None, Usage]:
        text = self.answer(messages)
        if text is None:
            raise LanguageModelError("nobody is there")
        for end in stop:
            text = text.partition(end)[0]
        yield text
        return Usage(sum(len(m.text.split()) for m in messages), len(text.split()), 0.0, 0.0)
