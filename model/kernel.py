"""Kernels whose cache notices a change in any file that they are compiled from."""

import hashlib
import re
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

from numba import njit
from numba.core.caching import FunctionCache, IndexDataCacheFile

_ROOT = Path(__file__).parent.parent
_IMPORT = re.compile(r"^from ((?:model|state)(?:\.\w+)+) import", re.MULTILINE)


def kernel(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile a function that runs without the interpreter's lock, and cache the machine code.

    Numba takes the functions and constants of other files into a kernel, but compiles it again only when its own file
    changes. Here it compiles again after a change in any file of `model` or `state` that the kernel's file imports,
    directly or not.

    Args:
        function: The function; a decorator is returned if it is left out.
        **options: Further options of numba's `njit`.
    """
    if function is None:
        return partial(kernel, **options)
    compiled = njit(nogil=True, **options)(function)
    compiled._cache = _Cache(function)  # noqa: SLF001  what `cache=True` sets; numba has no public name for it
    return compiled


class _Cache(FunctionCache):
    """Numba's cache of a function, with a stamp of several files."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        stamp = sources_stamp(Path(function.__code__.co_filename), _ROOT)
        self._cache_file = IndexDataCacheFile(self._cache_path, self._impl.filename_base, stamp)


@cache
def sources_stamp(file: Path, root: Path) -> str:
    """Return a checksum of a file and of the files of `model` and `state` that it imports, directly or not.

    Args:
        file: The file.
        root: The folder that has these folders.
    """
    contents = {file: file.read_bytes()}
    unread = [file]
    while unread:
        for name in _IMPORT.findall(contents[unread.pop()].decode()):
            other = root.joinpath(*name.split(".")).with_suffix(".py")
            if other not in contents and other.exists():
                contents[other] = other.read_bytes()
                unread.append(other)
    digests = sorted(hashlib.sha256(content).hexdigest() for content in contents.values())
    return hashlib.sha256("".join(digests).encode()).hexdigest()
