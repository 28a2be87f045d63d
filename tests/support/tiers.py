"""The tiers of the tests: a folder below `tests`, and the fixtures and markers that make a test no unit test."""

from pathlib import Path

import pytest

TIERS = ("acceptance", "kafka", "latency")
"""Folders of the tests that are no unit tests."""


def folder_of(path: Path, project: Path) -> str:
    """Return the folder of a test below `tests`; empty for the examples of a file of code."""
    first, *rest = path.relative_to(project).parts
    return rest[0] if first == "tests" else ""


def order_of(item: pytest.Item) -> int:
    """Return the place of a test's folder in a run."""
    folder = folder_of(item.path, item.config.rootpath)
    return TIERS.index(folder) if folder in TIERS else len(TIERS)


def is_unit(item: pytest.Item) -> bool:
    """Return whether a test needs neither Kafka nor a browser, and starts no process."""
    needs_broker = "broker" in getattr(item, "fixturenames", ())
    return order_of(item) == len(TIERS) and not needs_broker and item.get_closest_marker("processes") is None
