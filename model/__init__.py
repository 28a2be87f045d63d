"""The maths: pure functions on arrays. No clock, no environment, no randomness of its own."""
