"""A language model behind a server that speaks OpenAI's chat completions: vLLM, llama.cpp, Ollama, or a service."""

import hashlib
import json
import os
import random
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal
from urllib.parse import urlsplit

import jsonschema
import numpy as np
import openai

from cuvee.errors import ConfigError, DataError, LanguageModelError
from cuvee.generation.completions import METER, Completion
from cuvee.types import Floats, Message, Usage

__all__ = ["OpenaiCompatible"]

_BUSY = frozenset({408, 409, 429, 500, 502, 503, 504})
"""Status codes after which the same request may succeed."""

_PAUSE, _LONGEST_PAUSE = 0.5, 8.0
"""Seconds before the first repetition, doubled each time, and the most."""

_PARALLEL = 8
"""Requests of `complete_many` and `choose` under way at once."""

_TOLD = 20
"""Log-probabilities that a server is asked for: the most that the protocol allows."""


@dataclass(frozen=True)
class OpenaiCompatible:
    """Any server with OpenAI's chat completions: streams, retries with growing pauses, and times out.

    The key is read from the environment variable OPENAI_API_KEY, and stands in no recipe. Servers that know neither
    `response_format` nor `seed` ignore them; an answer that does not keep to a schema is an error.
    """

    model: str
    """The model's name at the server."""
    url: str = "http://127.0.0.1:8000/v1"
    """Where the server is, up to and with `/v1`."""
    max_tokens: int = 256
    """Tokens of an answer, at most."""
    temperature: float = 0.0
    """0 takes the likeliest token; 1 draws as the model says."""
    seed: int = 0
    """Of the draws, where the server takes one."""
    timeout: float = 30.0
    """Seconds of silence after which the server has failed."""
    deadline: float | None = None
    """Seconds after which an answer ends with what it has, and nothing is repeated; a server that falls silent just
    before is waited for as long once more. None: no bound."""
    retries: int = 3
    """Repetitions of a request that a busy or failing server did not take."""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"llms openai_compatible: url must begin with http:// or https://, got {self.url!r}")
        if parts.username or parts.password or parts.query:
            raise ConfigError("llms openai_compatible: no secrets in the url; set OPENAI_API_KEY instead")
        for name, good in (
            ("max_tokens", self.max_tokens >= 1),
            ("temperature", self.temperature >= 0),
            ("timeout", self.timeout > 0),
            ("deadline", self.deadline is None or self.deadline > 0),
            ("retries", self.retries >= 0),
        ):
            if not good:
                raise ConfigError(f"llms openai_compatible: {name} cannot be {getattr(self, name)!r}")

    @cached_property
    def fingerprint(self) -> str:
        kept = ("model", "url", "max_tokens", "temperature", "seed")
        settings = {name: getattr(self, name) for name in kept}
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()

    def complete(
        self, messages: Sequence[Message], *, schema: Mapping[str, Any] | None = None, stop: Sequence[str] = ()
    ) -> Completion:
        request = {**self._request(messages), "stream": True, "stream_options": {"include_usage": True}}
        if stop:
            request["stop"] = list(stop)
        if schema is not None:
            form = {"name": "answer", "schema": dict(schema), "strict": True}
            request["response_format"] = {"type": "json_schema", "json_schema": form}
        return Completion(self._reading(request, schema))

    def complete_many(
        self,
        conversations: Sequence[Sequence[Message]],
        *,
        schema: Mapping[str, Any] | None = None,
        stop: Sequence[str] = (),
    ) -> Sequence[Completion]:
        """Return the answers in order, several requests at a time; one that failed raises where it is read."""

        def drained(messages: Sequence[Message]) -> Completion:
            completion = self.complete(messages, schema=schema, stop=stop)
            completion.wait()
            return completion

        with ThreadPoolExecutor(_PARALLEL) as pool:
            return list(pool.map(drained, conversations))

    def choose(self, conversations: Sequence[Sequence[Message]], options: Sequence[str]) -> Floats:
        """Return (n, o) by the log-probabilities of the first token, several requests at a time.

        Servers tell those of the likeliest 20 tokens; an option that is not among them gets that of the last.

        Raises:
            LanguageModelError: the server failed, or tells no log-probabilities.
        """

        def asked(messages: Sequence[Message]) -> Floats:
            request = {**self._request(messages), "max_tokens": 1, "logprobs": True, "top_logprobs": _TOLD}
            return self._chances(request, options)

        with ThreadPoolExecutor(_PARALLEL) as pool:
            found = list(pool.map(asked, conversations))
        return np.array(found, np.float32).reshape(len(found), len(options))

    def _chances(self, request: dict[str, Any], options: Sequence[str]) -> Floats:
        answer = _Answer(time.perf_counter())
        try:
            response = self._opened(request, answer)
        except (openai.OpenAIError, json.JSONDecodeError) as error:
            raise self._worded(error, answer) from error
        finally:
            METER.add(self.model, answer.usage())
        told = response.choices[0].logprobs if response.choices else None
        if told is None or not told.content:
            raise LanguageModelError(f"{self.url} tells no log-probabilities, which this needs")
        known = {t.token.strip(): t.logprob for t in reversed(told.content[0].top_logprobs) if t.token.strip()}
        least = min(known.values(), default=0.0)
        # the first token of "Yes" may be "Y" somewhere: of those that begin it the longest counts
        first = [max((t for t in known if option.startswith(t)), key=len, default="") for option in options]
        return np.array([known.get(token, least) for token in first], np.float32)

    def _request(self, messages: Sequence[Message]) -> dict[str, Any]:
        if not messages:
            raise DataError("a conversation needs at least one message")
        return {
            "model": self.model,
            "messages": [{"role": m.role, "content": m.text} for m in messages],
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "seed": self.seed,
        }

    def _reading(self, request: dict[str, Any], schema: Mapping[str, Any] | None) -> Generator[str, None, Usage]:
        answer = _Answer(time.perf_counter())
        try:
            with self._opened(request, answer) as chunks:
                yield from self._pieces(chunks, answer)
        except (openai.OpenAIError, json.JSONDecodeError) as error:
            if not self._late(answer):
                raise self._worded(error, answer) from error
            answer.finish = "deadline"
        finally:
            METER.add(self.model, answer.usage())
        if schema is not None:
            self._check(answer, schema)
        return answer.usage()

    def _opened(self, request: dict[str, Any], answer: "_Answer") -> Any:
        """Send the request, again where the server is busy; return the stream."""
        while True:
            try:
                return _client(self.url).chat.completions.create(**request, timeout=self._patience(answer))
            except openai.APIConnectionError as error:
                failed: openai.APIError = error
            except openai.APIStatusError as error:
                if error.status_code not in _BUSY:
                    raise
                failed = error
            pause = _pause(failed, answer.retries)
            if answer.retries == self.retries or self._late(answer, pause):
                raise failed
            time.sleep(pause)
            answer.retries += 1

    def _pieces(self, chunks: Any, answer: "_Answer") -> Iterator[str]:
        for chunk in chunks:
            if chunk.usage:
                details = chunk.usage.prompt_tokens_details
                answer.prompt, answer.written = chunk.usage.prompt_tokens, chunk.usage.completion_tokens
                answer.reused = (details.cached_tokens or 0) if details else 0
            for choice in chunk.choices[:1]:
                if choice.finish_reason == "length":
                    answer.finish = "length"
                if choice.delta.content:
                    answer.add(choice.delta.content)
                    yield choice.delta.content
            if self._late(answer):
                answer.finish = "deadline"
                return

    def _check(self, answer: "_Answer", schema: Mapping[str, Any]) -> None:
        if answer.finish != "stop":
            bound = "max_tokens" if answer.finish == "length" else "the deadline"
            raise LanguageModelError(f"{bound} cut the answer before its JSON was complete: {answer.text[-80:]!r}")
        try:
            jsonschema.validate(json.loads(answer.text), schema)
        except (ValueError, jsonschema.ValidationError) as error:
            reason = getattr(error, "message", str(error))
            raise LanguageModelError(
                f"{self.url} answered what does not keep to the schema ({reason}): {answer.text[:80]!r}; "
                "does the server know `response_format`?"
            ) from error

    def _worded(self, error: Exception, answer: "_Answer") -> LanguageModelError:
        tried = f" after {answer.retries} retries" if answer.retries else ""
        if isinstance(error, openai.APITimeoutError):
            return LanguageModelError(f"{self.url} was silent for {self._patience(answer):g} s{tried}")
        if isinstance(error, openai.APIStatusError):
            return LanguageModelError(f"{self.url} answered {error.status_code}{tried}: {error.message[:200]}")
        cause = error.__cause__ or error
        return LanguageModelError(f"{self.url} cannot be reached, or broke off{tried}: {cause}")

    def _late(self, answer: "_Answer", more: float = 0.0) -> bool:
        return self.deadline is not None and time.perf_counter() - answer.start + more > self.deadline

    def _patience(self, answer: "_Answer") -> float:
        if self.deadline is None:
            return self.timeout
        return max(0.001, min(self.timeout, self.deadline - (time.perf_counter() - answer.start)))


@dataclass
class _Answer:
    """One answer while it is being read."""

    start: float
    """`time.perf_counter` at the call."""
    text: str = ""
    chunks: int = 0
    first: float = float("nan")
    prompt: int = 0
    written: int | None = None
    """Tokens as the server counts them; None until it says."""
    reused: int = 0
    retries: int = 0
    finish: Literal["stop", "length", "deadline"] = "stop"

    def add(self, piece: str) -> None:
        if not self.chunks:
            self.first = time.perf_counter()
        self.chunks += 1
        self.text += piece

    def usage(self) -> Usage:
        """A server that counts no tokens sends about one a piece."""
        written = self.chunks if self.written is None else self.written
        seconds, first = time.perf_counter() - self.start, self.first - self.start
        return Usage(self.prompt, written, seconds, first, self.reused, self.finish, self.retries)


def _pause(error: openai.APIError, retries: int) -> float:
    """Return the seconds to wait: what the server asks for, else twice as long each time; some randomness apart."""
    asked = error.response.headers.get("retry-after", "") if isinstance(error, openai.APIStatusError) else ""
    if asked.replace(".", "", 1).isdigit():
        return min(float(asked), _LONGEST_PAUSE)
    # spread out, or all clients of a server that recovers come back at once
    return min(_PAUSE * 2.0**retries, _LONGEST_PAUSE) * random.uniform(0.75, 1.25)


def _client(url: str) -> openai.OpenAI:
    # servers of one's own ask for no key, but the client insists on one
    return _kept(url, os.environ.get("OPENAI_API_KEY") or "none")


@lru_cache(maxsize=16)
def _kept(url: str, key: str) -> openai.OpenAI:
    """Connections are shared by all models of one server."""
    return openai.OpenAI(base_url=url, api_key=key, max_retries=0)
