"""The reference documents that are generated from the code."""
