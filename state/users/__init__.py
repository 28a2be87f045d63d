"""User records: their codec, what events change in them, and their store."""
