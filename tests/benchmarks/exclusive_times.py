"""Times of functions without those of the functions that they call: each second counts once.

Functions are wrapped from the outside for the time of a measurement, so the product has no timers.
"""

import functools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple


class Timed(NamedTuple):
    """A function that is timed, as its callers look it up."""

    part: str
    """The part whose time it adds to; several functions may add to one."""
    owner: object
    """The class or module."""
    name: str
    """The attribute of the owner."""


class ExclusiveTimes:
    """Adds up times by part; one thread calls the functions.

    Attributes:
        seconds: By part, since the last `begin`; a timed function that another one calls takes its time from that.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """Read seconds from `clock`, which a test sets."""
        self.seconds: dict[str, float] = {}
        self._clock = clock
        self._inner_s: list[float] = []
        """For each call in progress, the seconds of the timed calls inside it."""

    def begin(self) -> None:
        """Set all times to zero."""
        self.seconds = dict.fromkeys(self.seconds, 0.0)

    @contextmanager
    def wrapping(self, functions: Iterable[Timed]) -> Iterator[None]:
        """Time functions meanwhile.

        Raises:
            AttributeError: An owner has no such function.
        """
        originals = [(timed, getattr(timed.owner, timed.name)) for timed in functions]
        for timed, function in originals:
            self.seconds.setdefault(timed.part, 0.0)
            setattr(timed.owner, timed.name, self._wrapped(timed.part, function))
        try:
            yield
        finally:
            for timed, function in originals:
                setattr(timed.owner, timed.name, function)

    def _wrapped(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def timed(*arguments: Any, **named: Any) -> Any:
            self._inner_s.append(0.0)
            began = self._clock()
            try:
                return function(*arguments, **named)
            finally:
                whole_s = self._clock() - began
                self.seconds[part] += whole_s - self._inner_s.pop()
                if self._inner_s:
                    self._inner_s[-1] += whole_s

        return timed
