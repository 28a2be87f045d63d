"""Fetches of records: batches that do not decode, and the way back after an error."""
