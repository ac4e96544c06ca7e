"""Tiny random networks for pictures and sound saved as Hugging Face folders, as `tests.tiny_networks` does for text."""

from pathlib import Path
from typing import Any

import pytest

from tests.tiny_networks import SMALL, save, save_tokeniser


@pytest.fixture(scope="session")
def bert(text_folders: Path) -> Path:
    return text_folders / "bert"


@pytest.fixture(scope="session")
def roberta(text_folders: Path) -> Path:
    """Positions for 18 tokens, and a tokeniser that does not say so."""
    return text_folders / "roberta"


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel

    folder = tmp_path_factory.mktemp("clip")
    text = {"vocab_size": 40, "max_position_embeddings": 20, "eos_token_id": 2, "bos_token_id": 1, **SMALL}
    config = CLIPConfig(text_config=text, vision_config={"image_size": 32, "patch_size": 8, **SMALL}, projection_dim=12)
    save(CLIPModel(config), folder)
    save_tokeniser(folder, 20)
    processor: Any = CLIPImageProcessor
    processor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network without a trained pooling layer: its first token is the picture."""
    from transformers import ViTConfig, ViTImageProcessor, ViTModel

    folder = tmp_path_factory.mktemp("vit")
    save(ViTModel(ViTConfig(image_size=24, patch_size=8, **SMALL), add_pooling_layer=False), folder)
    processor: Any = ViTImageProcessor
    processor(size={"height": 24, "width": 24}).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whisper for windows of one second: 50 positions of 320 samples."""
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperModel

    folder = tmp_path_factory.mktemp("whisper")
    sizes: dict[str, Any] = {
        "encoder_layers": 2,
        "decoder_layers": 1,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
    }
    config = WhisperConfig(
        vocab_size=40, d_model=16, encoder_ffn_dim=24, decoder_ffn_dim=24, num_mel_bins=8, max_source_positions=50,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1, **sizes
    )  # fmt: skip
    save(WhisperModel(config), folder)
    extractor: Any = WhisperFeatureExtractor
    extractor(feature_size=8, chunk_length=1).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def wav2vec2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network on the wave itself, at 8,000 samples a second."""
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    folder = tmp_path_factory.mktemp("wav2vec2")
    convolutions: dict[str, Any] = {
        "conv_dim": (8, 8),
        "conv_kernel": (20, 8),
        "conv_stride": (10, 8),
        "num_feat_extract_layers": 2,
    }
    positions: dict[str, Any] = {"num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2}
    save(Wav2Vec2Model(Wav2Vec2Config(vocab_size=8, **convolutions, **positions, **SMALL)), folder)
    extractor: Any = Wav2Vec2FeatureExtractor
    extractor(sampling_rate=8_000).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def ast(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from transformers import ASTConfig, ASTFeatureExtractor, ASTModel

    folder = tmp_path_factory.mktemp("ast")
    sizes: dict[str, Any] = {"num_mel_bins": 16, "max_length": 64}
    config = ASTConfig(patch_size=8, frequency_stride=8, time_stride=8, **sizes, **SMALL)
    save(ASTModel(config), folder)
    extractor: Any = ASTFeatureExtractor
    extractor(**sizes).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def clap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network for a second at 48,000, whose extractor cuts what is longer at a random place."""
    from transformers import ClapConfig, ClapFeatureExtractor, ClapModel

    folder = tmp_path_factory.mktemp("clap")
    sound: dict[str, Any] = {
        "spec_size": 64, "num_mel_bins": 16, "patch_size": 4, "patch_stride": 4, "window_size": 4,
        "patch_embeds_hidden_size": 8, "hidden_size": 16, "depths": (1, 1), "num_attention_heads": (2, 2),
        "num_hidden_layers": 2, "projection_dim": 12,
    }  # fmt: skip
    text: dict[str, Any] = {"vocab_size": 40, "max_position_embeddings": 20, "projection_dim": 12, **SMALL}
    save(ClapModel(ClapConfig(text_config=text, audio_config=sound, projection_dim=12)), folder)
    extractor: Any = ClapFeatureExtractor
    extractor(feature_size=16, max_length_s=1, truncation="rand_trunc").save_pretrained(folder)
    return folder
