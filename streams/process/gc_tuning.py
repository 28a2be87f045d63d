"""The garbage collector of a process that takes in records, or answers requests, by the thousand."""

import gc

COLLECT_AFTER = 50_000
"""Objects made, less those freed, after which the collector looks at the youngest."""


def freeze_gc() -> None:
    """Keep the collector from walking all modules again and again: what is there now stays."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
