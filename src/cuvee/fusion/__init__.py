"""Fusion at feature level: several modalities of an item become one vector."""
