"""What a candidate and the generation in service answered at the gate."""

from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from jobs.retraining.gate import Scored

RECORD = "answers.json"


class _AnswersRecord(msgspec.Struct):
    """What goes with the ranks."""

    against: str | None
    n_items: dict[str, int]
    """Items that a side knows."""


class Answers(NamedTuple):
    """The ranks that each side gave to the same items."""

    candidate: Scored
    serving: Scored | None
    """None if there is no generation in service, or it cannot be opened."""
    against: str | None
    """The id of the one in service."""

    def save(self, folder: Path) -> None:
        """Write them into a folder that is there."""
        sides = {"candidate": self.candidate} | ({"serving": self.serving} if self.serving is not None else {})
        for name, side in sides.items():
            np.save(folder / f"{name}.npy", side.ranks)
        record = _AnswersRecord(self.against, {name: side.n_items for name, side in sides.items()})
        (folder / RECORD).write_bytes(msgspec.json.encode(record))

    @classmethod
    def load(cls, folder: Path) -> "Answers":
        """Read what `save` wrote."""
        record = msgspec.json.decode((folder / RECORD).read_bytes(), type=_AnswersRecord)
        sides = {name: Scored(np.load(folder / f"{name}.npy"), n_items) for name, n_items in record.n_items.items()}
        return cls(sides["candidate"], sides.get("serving"), record.against)
