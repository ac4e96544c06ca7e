from pathlib import Path

import pytest

from tests.tiny_language_models import TEMPLATE, save_tiny


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama with a chat template."""
    return save_tiny(tmp_path_factory.mktemp("llama"), "llama", template=TEMPLATE)


@pytest.fixture(scope="session")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny GPT-2 without one."""
    return save_tiny(tmp_path_factory.mktemp("gpt2"), "gpt2")
