"""Reasons in the words of a language model, each checked against the facts it may tell."""
