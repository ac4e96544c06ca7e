"""A language model on this machine, by Transformers: any causal one, by hub id, folder or weights name."""

import dataclasses
import hashlib
import json
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from cuvee import weights as weight_store
from cuvee.errors import ConfigError, DataError, LanguageModelError
from cuvee.generation.causal_models import CausalModel, load
from cuvee.generation.completions import METER, Completion
from cuvee.generation.decoding import Row, read, sample, write
from cuvee.generation.prefixes import Prefixes
from cuvee.generation.streams import TextStream
from cuvee.torch_runtime import Precision, dtype_of
from cuvee.types import Floats, Message, Usage

if TYPE_CHECKING:
    from cuvee.generation.json_guides import JsonGuides

__all__ = ["Local"]

_ROWS = 32
"""Rows written at once by `complete_many`, at most."""

_TOKENS = 24_000
"""Tokens, padding and answers included, of the rows written at once."""


@dataclass(frozen=True)
class Local:
    """A causal language model of Transformers, run here.

    Cost: on a busy AMD EPYC SmolLM2-135M-Instruct reads 400 tokens a CPU-second and writes 14, or 60 in a batch of 16;
    it takes 270 MB in bfloat16. The same question gives the same answer, whatever was asked before.
    """

    weights: str = "smollm2-135m-instruct"
    """Hub id, local folder, or a name of `cuvee weights list`."""
    max_tokens: int = 256
    """Tokens of an answer, at most."""
    temperature: float = 0.0
    """0 takes the likeliest token; 1 draws as the model says."""
    top_p: float = 1.0
    """Draw only from the likeliest tokens that together have this probability."""
    seed: int = 0
    """Of the draws; one question with one seed always draws alike."""
    deadline: float | None = None
    """Seconds after which an answer ends with what it has; of `complete_many`, of each batch. None: no bound."""
    precision: Precision = "auto"
    """Width of the numbers inside the network."""
    prefix_megabytes: int = 256
    """Memory for beginnings of prompts; the next prompt with such a beginning starts after it. 0 keeps none."""

    def __post_init__(self) -> None:
        for name, good in (
            ("max_tokens", self.max_tokens >= 1),
            ("temperature", self.temperature >= 0),
            ("top_p", 0 < self.top_p <= 1),
            ("deadline", self.deadline is None or self.deadline > 0),
            ("prefix_megabytes", self.prefix_megabytes >= 0),
        ):
            if not good:
                raise ConfigError(f"llms local: {name} cannot be {getattr(self, name)!r}")

    @cached_property
    def fingerprint(self) -> str:
        folder = weight_store.fingerprint(weight_store.resolve(self.weights))
        settings = {k: v for k, v in dataclasses.asdict(self).items() if k not in ("weights", "prefix_megabytes")}
        settings["precision"] = str(dtype_of(self.precision))
        return hashlib.sha256(f"{folder} {json.dumps(settings, sort_keys=True)}".encode()).hexdigest()

    @cached_property
    def model(self) -> CausalModel:
        """The network and its tokeniser, loaded once a process."""
        return _loaded(self.weights, self.precision)

    def complete(
        self, messages: Sequence[Message], *, schema: Mapping[str, Any] | None = None, stop: Sequence[str] = ()
    ) -> Completion:
        return Completion(self._writing(self._row(messages, schema, stop)))

    def complete_many(
        self,
        conversations: Sequence[Sequence[Message]],
        *,
        schema: Mapping[str, Any] | None = None,
        stop: Sequence[str] = (),
    ) -> Sequence[Completion]:
        """Return the answers in order. Rows of like length are written together: many times faster than one by one."""
        rows = [self._row(messages, schema, stop) for messages in conversations]
        answers: dict[int, Completion] = {}
        for batch in self._batches([row.prompt for row in rows], self.max_tokens):
            start = time.perf_counter()
            for _ in write(self.model.network, [rows[r] for r in batch], self._prefixes, self._until(start)):
                pass
            seconds = (time.perf_counter() - start) / len(batch)
            answers |= {r: Completion(self._written(rows[r], start, seconds)) for r in batch}
            for r in batch:
                METER.add(self.weights, self._usage(rows[r], start, seconds))
        return [answers[r] for r in range(len(rows))]

    def choose(self, conversations: Sequence[Sequence[Message]], options: Sequence[str]) -> Floats:
        """Return (n, o): one pass through the network a conversation, those that begin alike together.

        Raises:
            ConfigError: two options that begin with one token.
        """
        first = self.model.first_tokens(options)
        prompts = [self._prompt(messages) for messages in conversations]
        out = np.zeros((len(prompts), len(options)), np.float32)
        for batch in self._batches(prompts):
            start = time.perf_counter()
            logits = read(self.model.network, [prompts[r] for r in batch], self._prefixes).astype(np.float64)
            total = np.log(np.exp(logits - logits.max(1, keepdims=True)).sum(1, keepdims=True))
            out[batch] = (logits - logits.max(1, keepdims=True) - total)[:, first]
            seconds = (time.perf_counter() - start) / len(batch)
            for r in batch:
                METER.add(self.weights, Usage(len(prompts[r]), 0, seconds, seconds))
        return out

    def _prompt(self, messages: Sequence[Message]) -> list[int]:
        if not messages:
            raise DataError("a conversation needs at least one message")
        prompt = self.model.prompt(messages)
        if len(prompt) >= self.model.room:
            raise DataError(
                f"the conversation has {len(prompt)} tokens, and {self.weights} reads {self.model.room}; shorten it"
            )
        return prompt

    def _row(self, messages: Sequence[Message], schema: Mapping[str, Any] | None, stop: Sequence[str]) -> Row:
        prompt = self._prompt(messages)
        room = self.model.room - len(prompt)
        rng = np.random.default_rng([self.seed, *hashlib.sha256(str(prompt).encode()).digest()])

        def choose(logits: Floats) -> int:
            return sample(logits, self.temperature, self.top_p, rng)

        stream = TextStream(self.model.text, (*stop, *self.model.stop))
        guide = None if schema is None else self._guides.guide(schema)
        return Row(prompt, choose, stream, self.model.ends, min(self.max_tokens, room), guide)

    def _batches(self, prompts: Sequence[Sequence[int]], more: int = 0) -> Iterator[list[int]]:
        """Yield rows of like length, longest first, few enough for one pass with `more` tokens behind each."""
        batch: list[int] = []
        for r in sorted(range(len(prompts)), key=lambda r: -len(prompts[r])):
            full = (len(batch) + 1) * (len(prompts[batch[0] if batch else r]) + more) > _TOKENS
            if batch and (full or len(batch) == _ROWS or not self.model.takes_positions):
                yield batch
                batch = []
            batch.append(r)
        if batch:
            yield batch

    def _writing(self, row: Row) -> Generator[str, None, Usage]:
        start, said = time.perf_counter(), 0
        try:
            for _ in write(self.model.network, [row], self._prefixes, self._until(start)):
                yield from row.pieces[said:]
                said = len(row.pieces)
        finally:
            usage = self._usage(row, start, time.perf_counter() - start)
            METER.add(self.weights, usage)
        return _checked(row, usage)

    def _written(self, row: Row, start: float, seconds: float) -> Generator[str, None, Usage]:
        yield from row.pieces
        return _checked(row, self._usage(row, start, seconds))

    def _usage(self, row: Row, start: float, seconds: float) -> Usage:
        finish = row.finish or "stop"
        return Usage(len(row.prompt), row.tokens, seconds, row.first - start, row.reused, finish)

    def _until(self, start: float) -> float:
        return start + self.deadline if self.deadline else float("inf")

    @cached_property
    def _guides(self) -> "JsonGuides":
        from cuvee.generation.json_guides import JsonGuides

        return JsonGuides(self.model)

    @cached_property
    def _prefixes(self) -> Prefixes:
        return Prefixes(self.prefix_megabytes)


def _checked(row: Row, usage: Usage) -> Usage:
    if row.guide is not None and usage.finish != "stop":
        bound = f"max_tokens ({row.limit})" if usage.finish == "length" else "the deadline"
        raise LanguageModelError(f"{bound} cut the answer before its JSON was complete: {''.join(row.pieces)[-80:]!r}")
    return usage


@lru_cache(maxsize=2)
def _loaded(weights: str, precision: Precision) -> CausalModel:
    return load(weight_store.resolve(weights), dtype_of(precision))
