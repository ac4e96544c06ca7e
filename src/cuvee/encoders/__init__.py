"""From rows of a table to vectors."""
