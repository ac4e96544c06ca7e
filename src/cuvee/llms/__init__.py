"""Language models that write: on this machine, or behind a server."""
