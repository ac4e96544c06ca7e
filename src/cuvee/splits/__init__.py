"""From a Dataset to training, validation and test."""
