"""Generations: their files, the stores that hold them, the one in service."""
