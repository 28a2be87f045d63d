"""Generations in a store of either kind."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from state.errors import GenerationError
from state.generations.generation_files import FILES
from tests.support.settings import settings_with
from tests.support.stores import BucketCase, FolderCase, StoreCase

BASE = [*FILES, "manifest.json", "manifest.sha256"]
PART = ["related/rows.npy", "related/cosines.npy", "related/checksums.json", "related/checksums.sha256"]


@contextmanager
def prepared(request: pytest.FixtureRequest, folder: Path) -> Iterator[StoreCase]:
    """Give a store of the kind that the fixture asks for, empty."""
    settings = settings_with(data_dir=str(folder))
    if request.param == "folder":
        yield FolderCase(settings)
        return
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AWS_ENDPOINT_URL", request.getfixturevalue("s3"))
        patched.setenv("AWS_DEFAULT_REGION", "us-east-1")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patched.setenv(name, "made-up")
        case = BucketCase(settings, folder.name)
        yield case
        case.client.close()


def said(act: Callable[[], object]) -> str:
    """Return the message of a generation that cannot be used."""
    with pytest.raises(GenerationError) as caught:
        act()
    return str(caught.value)


def listed(case: StoreCase) -> list[str]:
    """Return the names of the listed generations."""
    return [manifest.generation_id for manifest in case.store.manifests()]


def damage(case: StoreCase, name: str) -> None:
    """Flip the last bit of a file in the store."""
    content = bytearray(case.read(name))
    content[-1] ^= 1
    case.write(name, bytes(content))
