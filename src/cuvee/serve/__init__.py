"""The service: a trained bundle behind HTTP, fresh with every event."""
