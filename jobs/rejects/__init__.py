"""Rejected records: their counts by reason, their export, and sending them again."""
