"""Files in a bucket, by name: whatever fsspec reaches, with bounded patience and errors that are a sentence."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fsspec.core import url_to_fs

from state.errors import StoreUnavailableError

CONNECT_S, READ_S = 5, 10
ATTEMPTS = 2
_S3: dict[str, Any] = {
    "config_kwargs": {
        "connect_timeout": CONNECT_S,
        "read_timeout": READ_S,
        "retries": {"total_max_attempts": ATTEMPTS},
    }
}
OPTIONS = {"s3": _S3, "s3a": _S3}
"""How a protocol is told to be patient for a while only; address and credentials stand where its own tools look."""
BLOCK_BYTES = 8 << 20


class Bucket:
    """Creates, reads and removes files below a URL. A file is never written over."""

    def __init__(self, url: str) -> None:
        """Use a URL as `s3://bucket/prefix`; nothing is asked of it yet."""
        self.url = url.rstrip("/")
        with self._sentences():
            options = OPTIONS.get(url.partition("://")[0], {})
            self._files, self._root = url_to_fs(self.url, skip_instance_cache=True, use_listings_cache=False, **options)
        self._files.retries = ATTEMPTS  # s3fs asks again on its own, on top of what botocore does

    def names(self, folder: str = "") -> set[str]:
        """Return the names of all files below a folder, each as seen from the URL."""
        with self._sentences():
            found = self._files.find(self._path(folder) if folder else self._root)
        return {path.removeprefix(self._root).lstrip("/") for path in found}

    def read(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the content of small files; those that are not there are left out."""
        asked = list(names)
        whole = [None] * len(asked)
        with self._sentences():
            found = self._files.cat_ranges([self._path(name) for name in asked], whole, whole, on_error="return")
            for content in found:
                if isinstance(content, Exception) and not isinstance(content, FileNotFoundError):
                    raise content
        return {name: content for name, content in zip(asked, found, strict=True) if isinstance(content, bytes)}

    def checksum(self, name: str) -> str | None:
        """Return the SHA-256 of a file, None if it is not there."""
        found = hashlib.sha256()
        with self._sentences():
            try:
                with self._files.open(self._path(name), "rb", block_size=BLOCK_BYTES) as file:
                    while block := file.read(BLOCK_BYTES):
                        found.update(block)
            except FileNotFoundError:
                return None
        return found.hexdigest()

    def create(self, name: str, source: Path) -> bool:
        """Write a file whole or not at all; tell whether that was possible: a name that is taken stays as it is."""
        with self._sentences():
            try:
                self._files.put_file(str(source), self._path(name), mode="create")
            except FileExistsError:
                return False
        return True

    def fetch(self, name: str, target: Path) -> bool:
        """Copy a file to this machine; tell whether it was there."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._sentences():
            try:
                self._files.get_file(self._path(name), str(target))
            except FileNotFoundError:
                return False
        return True

    def remove(self, names: Iterable[str]) -> None:
        """Remove files; one that is gone already is none to remove."""
        with self._sentences():
            for name in names:
                with suppress(FileNotFoundError):
                    self._files.rm_file(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        """Turn what a file system says into a sentence; those of fsspec have no error in common."""
        try:
            yield
        except Exception as error:
            reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            message = f"The generation store {self.url} cannot be used: {reason}."
            raise StoreUnavailableError(message) from error
