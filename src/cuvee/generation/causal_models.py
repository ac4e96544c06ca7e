"""A causal language model from a Hugging Face folder: its network, its tokeniser, and how a conversation is written."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from cuvee.errors import ConfigError, DataError
from cuvee.torch_runtime import device, quiet, read_json
from cuvee.types import Message

__all__ = ["CausalModel", "load"]


@dataclass(frozen=True)
class CausalModel:
    """A network that foretells the next token, and what is needed to talk to it; read by any number of threads."""

    network: Any
    tokeniser: Any
    ends: frozenset[int]
    """Tokens that end an answer."""

    @property
    def room(self) -> int:
        """Tokens that prompt and answer may have together."""
        config = self.network.config.get_text_config()
        return int(getattr(config, "max_position_embeddings", None) or 2**30)

    @property
    def takes_positions(self) -> bool:
        """Whether rows of a batch may begin at different places; models with ALiBi count for themselves."""
        return "position_ids" in inspect.signature(self.network.forward).parameters

    @property
    def chats(self) -> bool:
        """Whether the tokeniser knows how a conversation is written."""
        return bool(self.tokeniser.chat_template)

    @property
    def stop(self) -> tuple[str, ...]:
        """Strings that end an answer where no token does: the next turn of the plain form."""
        return () if self.chats else ("\nUser:", "\nSystem:")

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """Return the tokens of a conversation, up to where the answer begins.

        Written by the tokeniser's chat template; without one as `User: ...`, `Assistant: ...`. Special tokens that
        stand in a text are written with a space in them: what a title says never ends a turn.
        """
        turns = [{"role": m.role, "content": self._harmless(m.text)} for m in messages]
        if not self.chats:
            text = "\n".join(f"{turn['role'].capitalize()}: {turn['content']}" for turn in turns) + "\nAssistant:"
            return list(self.tokeniser(text)["input_ids"])
        return list(self.tokeniser(self._templated(turns), add_special_tokens=False)["input_ids"])

    def first_tokens(self, options: Sequence[str]) -> list[int]:
        """Return the token with which each option would begin an answer.

        Raises:
            ConfigError: an empty option, or two that begin alike.
        """
        if not all(options):
            raise ConfigError("an option must not be empty")
        spelled = [self.tokeniser(option, add_special_tokens=False)["input_ids"] for option in options]
        first = [int(tokens[0]) for tokens in spelled]
        for at, token in enumerate(first):
            if first.index(token) != at:
                raise ConfigError(f"{options[first.index(token)]!r} and {options[at]!r} begin with the same token")
        return first

    def text(self, tokens: Sequence[int]) -> str:
        """Return what tokens say, without special ones."""
        decoded: str = self.tokeniser.decode(list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return decoded

    def _templated(self, turns: list[dict[str, str]]) -> str:
        from jinja2 import TemplateError

        def write(turns: list[dict[str, str]]) -> str:
            written: str = self.tokeniser.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
            return written

        try:
            return write(turns)
        except TemplateError as error:
            # some templates know no system turn: what it says then stands before the first question
            if len(turns) < 2 or turns[0]["role"] != "system":
                raise DataError(f"the chat template refuses this conversation: {error}") from error
            first = {"role": turns[1]["role"], "content": f"{turns[0]['content']}\n\n{turns[1]['content']}"}
            return write([first, *turns[2:]])

    def _harmless(self, text: str) -> str:
        for special in self.tokeniser.all_special_tokens:
            if len(special) > 1:
                text = text.replace(special, f"{special[0]} {special[1:]}")
        return text


def load(folder: Path, dtype: torch.dtype) -> CausalModel:
    """Return the language model of a Hugging Face folder, ready to run.

    Raises:
        DataError: no safetensors that can be read, weights missing, or no tokeniser that works here.
    """
    import transformers

    networks: Any = transformers.AutoModelForCausalLM
    tokenisers: Any = transformers.AutoTokenizer
    with quiet():
        try:
            network, info = networks.from_pretrained(
                folder, dtype=dtype, use_safetensors=True, local_files_only=True, output_loading_info=True
            )
            tokeniser = tokenisers.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise DataError(f"{folder} is not a causal language model that can be read: {error}") from error
    if info["missing_keys"]:
        missing = ", ".join(sorted(info["missing_keys"])[:5])
        raise DataError(f"{folder} lacks the weights {missing} of {type(network).__name__}")
    named = read_json(folder / "generation_config.json").get("eos_token_id") or network.config.eos_token_id
    ends = {named} if isinstance(named, int) else set(named or ())
    ends |= {tokeniser.eos_token_id} - {None}
    return CausalModel(network.eval().to(device()), tokeniser, frozenset(ends))
