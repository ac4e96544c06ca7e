"""Which queries or items are measured apart."""
