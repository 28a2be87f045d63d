"""The `playfold` command."""
