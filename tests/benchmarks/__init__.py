"""Benchmarks, each run as `python -m tests.benchmarks.NAME [--json]`; not part of the test run."""
