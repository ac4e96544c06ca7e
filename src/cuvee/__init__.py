"""Cuvee: a recommender that blends what people do with what things say, look and sound like."""

__version__ = "0.1.0"
