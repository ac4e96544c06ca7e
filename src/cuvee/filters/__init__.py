"""Which items may be shown at all."""
