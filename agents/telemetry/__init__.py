"""Metrics and the heartbeat of a worker."""
