"""The night: the next generation from the histories."""
