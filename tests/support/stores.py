"""Generation stores of both kinds, and damage to their files."""

from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import msgspec
import numpy as np

from model.objective import Objective
from state.generations.generation import write_generation
from state.generations.manifest import Gate
from state.generations.open_store import generation_store
from state.generations.related_items import Related, write_related
from state.generations.store import GenerationStore
from streams.settings import Settings, override
from tests.support.generations import catalog_of, manifest_of

BUCKET = "generations"


class StoreCase(ABC):
    """A store, the settings that name it, and its files."""

    def __init__(self, settings: Settings) -> None:
        """Prepare."""
        self.settings = settings

    @cached_property
    def store(self) -> GenerationStore:
        """Return the store; it remembers nothing, so it is as good as that of another process."""
        return generation_store(self.settings)

    @abstractmethod
    def names(self) -> set[str]:
        """List the files outside of the folder aside."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Return the content of a file."""

    @abstractmethod
    def write(self, name: str, content: bytes) -> None:
        """Write a new file, so that a hard link keeps the old content."""

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove a file."""


class FolderCase(StoreCase):
    """A store in a folder."""

    def names(self) -> set[str]:
        """Leave out temporary folders."""
        root = self.settings.application.generations_path
        paths = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
        return {str(path) for path in paths if not str(path).startswith(".")}

    def read(self, name: str) -> bytes:
        """Read."""
        return (self.settings.application.generations_path / name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        """Write a new file, so that hard links to the old one keep its bytes."""
        path = self.settings.application.generations_path / name
        path.unlink(missing_ok=True)
        path.write_bytes(content)

    def remove(self, name: str) -> None:
        """Remove."""
        (self.settings.application.generations_path / name).unlink()


class BucketCase(StoreCase):
    """A store in a bucket of an S3 server."""

    def __init__(self, settings: Settings, prefix: str) -> None:
        """Make the bucket, if there is none yet."""
        super().__init__(override(settings, generation_store=f"s3://{BUCKET}/{prefix}"))
        self.prefix = prefix
        self.client: Any = boto3.client("s3")
        self.client.create_bucket(Bucket=BUCKET)

    def names(self) -> set[str]:
        """List the bucket."""
        objects = self.client.list_objects_v2(Bucket=BUCKET, Prefix=f"{self.prefix}/").get("Contents", [])
        return {entry["Key"].removeprefix(f"{self.prefix}/") for entry in objects}

    def read(self, name: str) -> bytes:
        """Get an object."""
        content: bytes = self.client.get_object(Bucket=BUCKET, Key=f"{self.prefix}/{name}")["Body"].read()
        return content

    def write(self, name: str, content: bytes) -> None:
        """Put an object."""
        self.client.put_object(Bucket=BUCKET, Key=f"{self.prefix}/{name}", Body=content)

    def remove(self, name: str) -> None:
        """Delete an object."""
        self.client.delete_object(Bucket=BUCKET, Key=f"{self.prefix}/{name}")


BECAUSE = "Because."
RELATED = Related(np.arange(1, 41, dtype=np.int32)[:, None] % 40, np.full((40, 1), 0.5, np.float32))
"""Every item is related to the one in the next row."""


def judged(accepted: bool) -> Gate:  # noqa: FBT001
    """Return the verdict of a gate that had nothing to measure."""
    return Gate(against=None, candidate=None, serving=None, difference=None, accepted=accepted, reason=BECAUSE)


def write_night(folder: Path, generation_id: str, gate: Gate | None = None, seed: int = 0) -> Path:
    """Write a small generation with a part, as a night writes it before it is published; return its folder."""
    written = folder / "nights" / f"{generation_id}-{seed}"
    manifest = msgspec.structs.replace(manifest_of(generation_id, Objective(factors=8), 40), gate=gate)
    write_generation(written, manifest, catalog_of(seed=seed))
    write_related(written, RELATED)
    return written
