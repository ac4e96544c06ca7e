"""Why an item is shown."""
