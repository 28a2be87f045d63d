"""The stages of `playfold demo`, and its view."""
