"""SmolLM2 in llama.cpp's format (GGUF, 4 bits a weight) as a Hugging Face folder: network, tokeniser, chat template.

transformers unpacks the weights; they are kept in float16, whose rounding is a hundredth of that of four bits. Its
tokeniser lacks one step of SmolLM2's: digits are split off before anything else.

Reference: Ben Allal et al., "SmolLM2: when Smol goes big", 2025.
"""

import struct
from pathlib import Path
from typing import Any

from tokenizers import pre_tokenizers

from cuvee.errors import ConfigError, DataError
from cuvee.torch_runtime import quiet

__all__ = ["materialise"]


def materialise(source: Path, target: Path) -> None:
    """Write the folder `target` from the file `source`.

    Raises:
        ConfigError: the package that reads such files is not installed.
        DataError: not such a file, or not all of it.
    """
    with quiet():
        model, tokeniser = _unpacked(source)
        del model.config.quantization_config  # what is written is not quantised
        fresh = type(model)(model.config).half()  # a model that was unpacked refuses to change its type
        fresh.load_state_dict(model.state_dict())
        fresh.save_pretrained(target)
        tokeniser.save_pretrained(target)


def _unpacked(source: Path) -> tuple[Any, Any]:
    """Return the network in float32 and its tokeniser."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    models: Any = AutoModelForCausalLM
    tokenisers: Any = AutoTokenizer
    given = {"gguf_file": source.name, "local_files_only": True}
    try:
        model, info = models.from_pretrained(source.parent, output_loading_info=True, **given)
        tokeniser = tokenisers.from_pretrained(source.parent, **given)
    except ImportError as error:
        raise ConfigError("GGUF files need the package gguf; pip install 'cuvee[weights-llm]'") from error
    except (OSError, ValueError, LookupError, RuntimeError, struct.error) as error:
        raise DataError(f"{source} cannot be read as GGUF: {error}; add the weights again") from error
    wrong = sorted({*info["missing_keys"], *info["unexpected_keys"]})
    if wrong:
        raise DataError(f"{source} does not fit {type(model).__name__}: {', '.join(wrong[:5])}")
    tokeniser.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokeniser.model_max_length = model.config.max_position_embeddings
    return model, tokeniser
