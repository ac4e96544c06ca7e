"""Tiny random backbones of every family, as Hugging Face folders."""

from pathlib import Path
from typing import Any

import pytest

from cuvee.text_networks.towers import load_backbone

FAMILIES = ("bert", "roberta", "gpt2", "t5", "llama")


@pytest.fixture(scope="session")
def backbones(text_folders: Path) -> dict[str, Path]:
    """Family -> folder."""
    return {family: text_folders / family for family in FAMILIES}


def loaded(folder: Path) -> Any:
    return load_backbone(folder)
