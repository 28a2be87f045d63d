"""User records: their codec, the changes that events make in them, and their store."""
