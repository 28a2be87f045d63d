"""What a check of `playfold doctor` found: one verdict, what is so, and what to do about it."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

Verdict = Literal["ok", "note", "warning", "problem"]
VERDICTS: tuple[Verdict, ...] = ("ok", "note", "warning", "problem")
"""From the best to the worst."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found."""

    check: str
    verdict: Verdict
    says: str
    """What is so, in a sentence or some."""
    do: str = ""
    """What to do about it; empty if there is nothing to do."""


class Complaint(NamedTuple):
    """One of the things that a check found to be wrong."""

    verdict: Verdict
    says: str
    do: str = ""


def found(check: str, fine: str, complaints: Sequence[Complaint] = ()) -> Finding:
    """Return what a check found: the worst of the complaints first, or that all is well.

    Args:
        check: Name of the check.
        fine: What to say without a complaint; it is said after notes, too, for they take nothing from it.
        complaints: What is wrong, in any order.
    """
    by_rank = sorted(complaints, key=lambda one: VERDICTS.index(one.verdict), reverse=True)
    verdict = by_rank[0].verdict if by_rank else "ok"
    says = [one.says for one in by_rank]
    if VERDICTS.index(verdict) <= VERDICTS.index("note"):
        says.insert(0, fine)
    return Finding(
        check=check,
        verdict=verdict,
        says=" ".join(filter(None, says)),
        do=" ".join(dict.fromkeys(one.do for one in by_rank if one.do)),
    )
