"""How a causal model on this machine writes: token by token, from what it read before, within a schema."""
