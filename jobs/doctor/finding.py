"""The finding of one check: a verdict, a description, and the steps that remedy it."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

Verdict = Literal["ok", "note", "warning", "problem"]
VERDICTS: tuple[Verdict, ...] = ("ok", "note", "warning", "problem")
"""From the best to the worst."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """The finding of one check."""

    check: str
    verdict: Verdict
    says: str
    """The description, in one sentence or several."""
    do: str = ""
    """The remedy; empty if there is nothing to do."""


class Issue(NamedTuple):
    """One issue among those of a check."""

    verdict: Verdict
    says: str
    do: str = ""


def make_finding(check: str, fine: str, issues: Sequence[Issue] = ()) -> Finding:
    """Return the finding of a check: the worst issue first, or the description of a healthy part.

    Args:
        check: Name of the check.
        fine: The description without an issue. Notes are added to it; a warning or a problem replaces it.
        issues: In any order.
    """
    by_rank = sorted(issues, key=lambda issue: VERDICTS.index(issue.verdict), reverse=True)
    verdict = by_rank[0].verdict if by_rank else "ok"
    says = [issue.says for issue in by_rank]
    if VERDICTS.index(verdict) <= VERDICTS.index("note"):
        says.insert(0, fine)
    return Finding(
        check=check,
        verdict=verdict,
        says=" ".join(filter(None, says)),
        do=" ".join(dict.fromkeys(issue.do for issue in by_rank if issue.do)),
    )
