"""Texts through pretrained Transformers, frozen or tuned."""
