"""The loop that lets a causal language model write: prompts in blocks, then token after token, for one row or many."""

import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from cuvee.generation.prefixes import BLOCK, Prefixes, shared_blocks
from cuvee.generation.streams import TextStream
from cuvee.types import Bools, Floats

__all__ = ["Guide", "Row", "read", "sample", "write"]


class Guide(Protocol):
    """Says which tokens may come next, so that the whole keeps a form."""

    def allowed(self) -> Bools:
        """Return (v,)."""
        ...

    def take(self, token: int) -> bool:
        """Take a token; return whether the form is complete and nothing may follow."""
        ...


@dataclass
class Row:
    """One answer while it is being written."""

    prompt: Sequence[int]
    choose: Callable[[Floats], int]
    """(v,) logits -> token."""
    stream: TextStream
    ends: frozenset[int]
    limit: int
    """Tokens it may have."""
    guide: Guide | None = None
    tokens: int = 0
    """Tokens written."""
    reused: int = 0
    pieces: list[str] = field(default_factory=list)
    first: float = float("nan")
    """`time.perf_counter` at its first token."""
    finish: Literal["stop", "length", "deadline"] | None = None
    """None while it is being written."""

    def take(self, logits: Floats) -> int:
        """Choose a token, and notice the end."""
        if self.guide:
            logits = np.where(self.guide.allowed()[: len(logits)], logits, -np.inf).astype(np.float32)
        token = self.choose(logits)
        if not self.tokens:
            self.first = time.perf_counter()
        self.tokens += 1
        if token in self.ends:
            self.end("stop")
            return token
        self._say(self.stream.push(token))
        complete = self.guide is not None and self.guide.take(token)
        if complete or self.stream.stopped:
            self.end("stop")
        elif self.tokens >= self.limit:
            self.end("length")
        return token

    def end(self, finish: Literal["stop", "length", "deadline"]) -> None:
        self._say(self.stream.end())
        self.finish = finish

    def _say(self, text: str) -> None:
        if text:
            self.pieces.append(text)


def sample(logits: Floats, temperature: float, top_p: float, rng: np.random.Generator) -> int:
    """Return a token: the likeliest at temperature 0, else drawn from the fewest that hold `top_p` of the probability.

    Reference: Holtzman et al., "The Curious Case of Neural Text Degeneration", ICLR 2020, eq. 2 and 3.
    """
    if temperature == 0:
        return int(logits.argmax())
    scaled = logits.astype(np.float64) / temperature
    chances = np.exp(scaled - scaled.max())
    order = np.argsort(-chances, kind="stable")
    cumulative = np.cumsum(chances[order]) / chances.sum()
    kept = cumulative[: np.searchsorted(cumulative, top_p) + 1]
    return int(order[min(np.searchsorted(kept, rng.random() * kept[-1], side="right"), len(kept) - 1)])


def write(network: Any, rows: Sequence[Row], prefixes: Prefixes, until: float = float("inf")) -> Iterator[None]:
    """Write all rows to their end; yields after each token of each, so that text can be read as it comes.

    Args:
        network: a causal language model of transformers.
        rows: more than one only where the network takes positions; padding is on the left.
        until: `time.perf_counter` after which nothing more is written.
    """
    reading = _read(network, [list(row.prompt) for row in rows], prefixes, until)
    cache, logits, mask = reading.cache, reading.logits, reading.mask
    for row in rows:
        row.reused = reading.reused
    lengths = np.array([len(row.prompt) for row in rows])
    rows = list(rows)
    while True:
        if logits is None or time.perf_counter() > until:
            for row in rows:
                row.end("deadline")
            yield
            return
        tokens = [row.take(values) for row, values in zip(rows, logits, strict=True)]
        yield
        going = [at for at, row in enumerate(rows) if row.finish is None]
        if not going:
            return
        if len(going) < len(rows):
            rows, lengths, tokens = [rows[g] for g in going], lengths[going], [tokens[g] for g in going]
            cache.batch_select_indices(torch.tensor(going, device=network.device))
            mask = mask[going]
        mask = np.pad(mask, ((0, 0), (0, 1)), constant_values=1)
        logits = _forward(network, cache, np.array(tokens)[:, None], lengths[:, None], mask)
        lengths = lengths + 1


def read(network: Any, prompts: Sequence[Sequence[int]], prefixes: Prefixes) -> Floats:
    """Return the logits (n, v) of what follows each prompt; what all begin with is computed once, or never again."""
    logits = _read(network, [list(p) for p in prompts], prefixes, float("inf")).logits
    assert logits is not None
    return logits


@dataclass
class _Reading:
    cache: Any
    logits: Floats | None
    """(b, v) after the last token of each prompt; None past the deadline."""
    mask: "np.ndarray[Any, Any]"
    """(b, t) 0 where there is padding."""
    reused: int


def _read(network: Any, prompts: Sequence[list[int]], prefixes: Prefixes, until: float) -> _Reading:
    """Run the prompts: block by block what they share (all of it where there is but one), then the rest at once."""
    one = len(prompts) == 1
    shared = len(prompts[0]) if one else shared_blocks([p[:-1] for p in prompts])
    # of a beginning that several share all may be known, of a prompt all but a token
    reused, known = prefixes.find(prompts[0][:shared] if one else [*prompts[0][:shared], -1])
    cache: Any = DynamicCache(known or None, config=network.config)
    logits: Floats | None = None
    for start in range(reused, shared, BLOCK):
        if time.perf_counter() > until:
            return _Reading(cache, None, np.zeros((0, 0), np.int64), reused)
        block = np.array([prompts[0][start : min(start + BLOCK, shared)]])
        seen = np.ones((1, start + block.shape[1]), np.int64)
        logits = _forward(network, cache, block, start + np.arange(block.shape[1])[None], seen)
    if shared and all(type(layer) is DynamicLayer for layer in cache.layers):
        prefixes.keep(prompts[0][:shared], tuple((layer.keys, layer.values) for layer in cache.layers))
    if one:
        return _Reading(cache, logits, np.ones((1, shared), np.int64), reused)
    if shared:
        cache.batch_repeat_interleave(len(prompts))
    width = max(map(len, prompts)) - shared
    tokens, mask = np.zeros((len(prompts), width), np.int64), np.ones((len(prompts), shared + width), np.int64)
    for r, prompt in enumerate(prompts):
        pad = width - (len(prompt) - shared)
        tokens[r, pad:] = prompt[shared:]
        mask[r, shared : shared + pad] = 0
    places = np.maximum(mask.cumsum(1) - 1, 0)[:, shared:]
    return _Reading(cache, _forward(network, cache, tokens, places, mask), mask, reused)


def _forward(
    network: Any,
    cache: Any,
    tokens: "np.ndarray[Any, Any]",
    places: "np.ndarray[Any, Any]",
    mask: "np.ndarray[Any, Any]",
) -> Floats:
    """Run tokens (b, t) at their places (b, t), add them to the cache; return the logits (b, v) after the last."""
    known = inspect.signature(network.forward).parameters
    more: dict[str, Any] = {}
    if "position_ids" in known:
        more["position_ids"] = torch.from_numpy(places).to(network.device)
    if "logits_to_keep" in known:
        more["logits_to_keep"] = 1
    with torch.inference_mode():
        out = network(
            input_ids=torch.from_numpy(tokens).to(network.device),
            attention_mask=torch.from_numpy(mask).to(network.device),
            past_key_values=cache,
            use_cache=True,
            **more,
        )
        logits: Floats = out.logits[:, -1].float().cpu().numpy()
    return logits
