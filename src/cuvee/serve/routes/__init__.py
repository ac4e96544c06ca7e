"""What the service answers, one resource a file; each has a `router`."""
