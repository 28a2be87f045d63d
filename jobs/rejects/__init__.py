"""Rejected records: what was rejected and why, their export, and sending them again."""
