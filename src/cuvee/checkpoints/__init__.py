"""Readers of weight files that are no Hugging Face folder, one a file: `materialise(source, target)` writes one."""
