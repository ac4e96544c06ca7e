"""From a slate to a better one."""
