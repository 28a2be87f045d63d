"""Evaluation of models on a file of plays."""
