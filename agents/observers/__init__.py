"""Observers of commit groups: they count and measure, and change no state."""
