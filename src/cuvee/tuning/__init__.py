"""Ways of tuning a pretrained Transformer, one a file: which weights are trained, and where."""
