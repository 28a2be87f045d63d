"""The topics: their names and settings, and how they are created and verified."""
