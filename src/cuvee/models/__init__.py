"""From a Dataset to scores."""
