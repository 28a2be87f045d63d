"""Evaluation of models on the events of a file."""
