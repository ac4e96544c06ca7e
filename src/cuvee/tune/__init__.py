"""Looks for the parameters of a recipe that do best on validation."""
