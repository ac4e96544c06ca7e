"""The answer of a language model, read while it is being written, and the running total of what answers took."""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock

from cuvee.errors import LanguageModelError
from cuvee.types import Usage

__all__ = ["METER", "Completion", "Meter", "Total"]


class Completion:
    """Text that comes piece by piece; for one thread.

    Iterating again repeats what has come and then goes on. What failed once is raised each time it is read.
    """

    def __init__(self, source: Generator[str, None, Usage]) -> None:
        self._source = source
        self._pieces: list[str] = []
        self._usage: Usage | None = None
        self._failure: LanguageModelError | None = None

    def __iter__(self) -> Iterator[str]:
        at = 0
        while at < len(self._pieces) or self._read():
            yield self._pieces[at]
            at += 1

    @property
    def text(self) -> str:
        """All of it; waits for the end."""
        return "".join(self)

    @property
    def usage(self) -> Usage:
        """What it took; waits for the end."""
        while self._read():
            pass
        assert self._usage is not None
        return self._usage

    def wait(self) -> None:
        """Read to the end; what failed is raised where the answer is used, and not here."""
        try:
            while self._read():
                pass
        except LanguageModelError:
            pass

    def close(self) -> None:
        """Stop the writing; what has come stays, and `usage` is no longer known."""
        self._source.close()

    def _read(self) -> bool:
        """Take one piece more; return False at the end."""
        if self._failure is not None:
            raise self._failure
        if self._usage is not None:
            return False
        try:
            self._pieces.append(next(self._source))
        except LanguageModelError as error:
            self._failure = error
            raise
        except StopIteration as end:
            self._usage = end.value
            return False
        return True


@dataclass(frozen=True)
class Total:
    """What all answers of one model took together."""

    calls: int = 0
    prompt_tokens: int = 0
    reused_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    retries: int = 0

    def plus(self, usage: Usage) -> "Total":
        return Total(
            self.calls + 1,
            self.prompt_tokens + usage.prompt_tokens,
            self.reused_tokens + usage.reused_tokens,
            self.completion_tokens + usage.completion_tokens,
            self.seconds + usage.seconds,
            self.retries + usage.retries,
        )

    def __str__(self) -> str:
        rate = self.completion_tokens / self.seconds if self.seconds else 0.0
        retries = f", {self.retries} retries" if self.retries else ""
        return (
            f"{self.calls} calls, {self.prompt_tokens} prompt tokens ({self.reused_tokens} reused), "
            f"{self.completion_tokens} written, {self.seconds:.1f} s, {rate:.1f} tokens/s{retries}"
        )


class Meter:
    """Counts, for each model, what its answers took; for any number of threads."""

    def __init__(self) -> None:
        self._totals: dict[str, Total] = {}
        self._lock = Lock()

    def add(self, model: str, usage: Usage) -> None:
        with self._lock:
            self._totals[model] = self._totals.get(model, Total()).plus(usage)

    @property
    def totals(self) -> Mapping[str, Total]:
        with self._lock:
            return dict(self._totals)


METER = Meter()
"""Of this process; commands that use a language model print it."""
