"""Where a run's figures are sent."""
