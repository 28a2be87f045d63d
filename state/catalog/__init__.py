"""Metadata of items: kinds, availability, and the items that are unlisted now."""
