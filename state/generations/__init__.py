"""Generations: their files, their stores, and the one in service."""
