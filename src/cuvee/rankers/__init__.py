"""Rankers: they score the candidates of another model with everything in view."""
