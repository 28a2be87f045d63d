"""The seed of every random choice of a job: the same input gives the same result."""

SEED = 0
