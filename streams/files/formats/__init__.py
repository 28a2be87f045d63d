"""Formats of other services' exports and data sets: one file each, and `table.py`, which lists them."""
