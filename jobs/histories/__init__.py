"""The snapshot of all histories, and the training set made of it."""
