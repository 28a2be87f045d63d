"""The ranks of a candidate and of the generation in service, on the disk between two steps."""

from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from jobs.retraining.gate import Ranks

RECORD = "answers.json"


class _RanksRecord(msgspec.Struct):
    """The part of `GateRanks` that is no array."""

    against: str | None
    n_items: dict[str, int]
    """Items that each model knows."""


class GateRanks(NamedTuple):
    """The ranks of the same held-out items under both models."""

    candidate: Ranks
    serving: Ranks | None
    """None if there is no generation in service, or it cannot be opened."""
    against: str | None
    """The id of the generation in service."""

    def save(self, folder: Path) -> None:
        """Write the ranks into an existing folder."""
        models = {"candidate": self.candidate} | ({"serving": self.serving} if self.serving is not None else {})
        for name, model in models.items():
            np.save(folder / f"{name}.npy", model.ranks)
        record = _RanksRecord(self.against, {name: model.n_items for name, model in models.items()})
        (folder / RECORD).write_bytes(msgspec.json.encode(record))

    @classmethod
    def load(cls, folder: Path) -> "GateRanks":
        """Read the ranks that `save` wrote."""
        record = msgspec.json.decode((folder / RECORD).read_bytes(), type=_RanksRecord)
        models = {name: Ranks(np.load(folder / f"{name}.npy"), n_items) for name, n_items in record.n_items.items()}
        return cls(models["candidate"], models.get("serving"), record.against)
