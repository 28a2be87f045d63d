"""Moves of the state to other topics, while no worker runs."""
