"""From tokens to text that can be shown at once: no character is cut, and a stop string is never shown in part."""

from collections.abc import Callable, Sequence

__all__ = ["TextStream"]

_INCOMPLETE = "\N{REPLACEMENT CHARACTER}"
"""What decoders write for bytes that are no character yet."""


class TextStream:
    """Takes token after token and gives back the text that no later token can change.

    Only the tokens since the last complete character are decoded again, with those before them for their spacing.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str], stop: Sequence[str] = ()) -> None:
        """Args: decode: tokens -> text; stop: strings that end the text and are no part of it."""
        if not all(stop):
            raise ValueError("a stop string must not be empty")
        self._decode, self._stop = decode, tuple(stop)
        self._tokens: list[int] = []
        self._from, self._read = 0, 0
        self._held = ""
        self.stopped = False
        """Whether a stop string came; then nothing more is given."""

    def push(self, token: int) -> str:
        """Return what may be shown now, perhaps nothing."""
        self._tokens.append(token)
        fresh = self._fresh()
        if not fresh or fresh.endswith(_INCOMPLETE):
            return ""
        self._from, self._read = self._read, len(self._tokens)
        return self._released(fresh)

    def end(self) -> str:
        """Return what was held back, when no token follows; a character that never became complete is left out."""
        if self.stopped:
            return ""
        fresh = self._released(self._fresh().rstrip(_INCOMPLETE))
        held, self._held = self._held, ""
        return fresh + ("" if self.stopped else held)

    def _fresh(self) -> str:
        before = self._decode(self._tokens[self._from : self._read])
        return self._decode(self._tokens[self._from :])[len(before) :]

    def _released(self, fresh: str) -> str:
        if self.stopped:
            return ""
        text = self._held + fresh
        found = [at for at in (text.find(s) for s in self._stop) if at >= 0]
        if found:
            self.stopped, self._held = True, ""
            return text[: min(found)]
        hold = max((_overlap(text, s) for s in self._stop), default=0)
        self._held = text[len(text) - hold :]
        return text[: len(text) - hold]


def _overlap(text: str, stop: str) -> int:
    """Return how many characters at the end of `text` could be the beginning of `stop`."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if stop.startswith(text[-n:])), 0)
