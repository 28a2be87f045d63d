"""Files in a bucket, through fsspec, with bounded waits and errors of one sentence."""

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
"""Bounds of waits and retries by protocol; address and credentials come from the protocol's own settings."""
BLOCK_BYTES = 8 << 20


class Bucket:
    """Creates, reads and removes files below a URL. A file is never overwritten."""

    def __init__(self, url: str) -> None:
        """Use a URL such as `s3://bucket/prefix`; no request is sent yet."""
        self.url = url.rstrip("/")
        with self._translated_errors():
            options = OPTIONS.get(url.partition("://")[0], {})
            self._files, self._root = url_to_fs(self.url, skip_instance_cache=True, use_listings_cache=False, **options)
        self._files.retries = ATTEMPTS  # s3fs retries in addition to botocore

    def names(self, folder: str = "") -> set[str]:
        """Return the names of all files below a folder, relative to the URL."""
        with self._translated_errors():
            paths = self._files.find(self._path(folder) if folder else self._root)
        return {path.removeprefix(self._root).lstrip("/") for path in paths}

    def read(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the content of small files by name; missing ones are left out."""
        names = list(names)
        whole = [None] * len(names)
        with self._translated_errors():
            contents = self._files.cat_ranges([self._path(name) for name in names], whole, whole, on_error="return")
            for content in contents:
                if isinstance(content, Exception) and not isinstance(content, FileNotFoundError):
                    raise content
        return {name: content for name, content in zip(names, contents, strict=True) if isinstance(content, bytes)}

    def checksum(self, name: str) -> str | None:
        """Return the SHA-256 of a file, None if it is missing."""
        digest = hashlib.sha256()
        with self._translated_errors():
            try:
                with self._files.open(self._path(name), "rb", block_size=BLOCK_BYTES) as file:
                    while block := file.read(BLOCK_BYTES):
                        digest.update(block)
            except FileNotFoundError:
                return None
        return digest.hexdigest()

    def create(self, name: str, source: Path) -> bool:
        """Write a file atomically; return False and change nothing if the name is taken."""
        with self._translated_errors():
            try:
                self._files.put_file(str(source), self._path(name), mode="create")
            except FileExistsError:
                return False
        return True

    def fetch(self, name: str, target: Path) -> bool:
        """Copy a file to this machine; return False if it is missing."""
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._translated_errors():
            try:
                self._files.get_file(self._path(name), str(target))
            except FileNotFoundError:
                return False
        return True

    def remove(self, names: Iterable[str]) -> None:
        """Remove files; missing ones are ignored."""
        with self._translated_errors():
            for name in names:
                with suppress(FileNotFoundError):
                    self._files.rm_file(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        """Raise every error of fsspec as one of ours; its file systems share no base class of errors."""
        try:
            yield
        except Exception as error:
            reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            message = f"The generation store {self.url} cannot be used: {reason}."
            raise StoreUnavailableError(message) from error
