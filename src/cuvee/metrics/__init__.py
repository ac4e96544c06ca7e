"""How good a slate is."""
