"""The messages on the topics."""
