"""Exclusive times on a made-up clock: each second counts once."""

from itertools import pairwise

import pytest

from tests.benchmarks.exclusive_times import ExclusiveTimes, Timed


class Clock:
    """A clock that work sets forward.

    Attributes:
        now_s: The reading.
    """

    now_s = 0.0

    def __call__(self) -> float:
        """Return the reading."""
        return self.now_s


class Work:
    """Steps that call each other, each with work of its own."""

    def __init__(self, clock: Clock) -> None:
        """Work on a clock."""
        self._clock = clock

    def outer(self, seconds: float) -> str:
        """Work, call the inner step twice, and work again."""
        self._clock.now_s += seconds
        self.inner()
        self.inner()
        self._clock.now_s += seconds
        return "done"

    def inner(self) -> None:
        """Work and call the innermost step."""
        self._clock.now_s += 10
        self.innermost()

    def innermost(self) -> None:
        """Work."""
        self._clock.now_s += 100

    def failing(self) -> None:
        """Work, call the innermost step, and fail."""
        self._clock.now_s += 3
        self.innermost()
        message = "broken"
        raise OSError(message)

    def again(self, times: int) -> None:
        """Work, and call itself."""
        self._clock.now_s += 1
        if times > 1:
            self.again(times - 1)


OUTER, INNER, INNERMOST = (Timed(name, Work, name) for name in ("outer", "inner", "innermost"))


@pytest.fixture
def clock() -> Clock:
    """Return a clock at 0."""
    return Clock()


@pytest.fixture
def work(clock: Clock) -> Work:
    """Return work on the clock."""
    return Work(clock)


@pytest.fixture
def times(clock: Clock) -> ExclusiveTimes:
    """Return times by the clock."""
    return ExclusiveTimes(clock)


def test_a_step_is_without_the_steps_inside_it(times: ExclusiveTimes, work: Work, clock: Clock) -> None:
    """The steps add up to the whole."""
    with times.wrapping([OUTER, INNER, INNERMOST]):
        work.outer(1)

    assert {"outer": 2, "inner": 20, "innermost": 200} == times.seconds
    assert clock.now_s == sum(times.seconds.values())


def test_a_step_that_is_not_timed_belongs_to_its_caller(times: ExclusiveTimes, work: Work) -> None:
    """Only the innermost step's time is taken from the outer one."""
    with times.wrapping([OUTER, INNERMOST]):
        work.outer(1)

    assert {"outer": 22, "innermost": 200} == times.seconds


def test_functions_of_one_part_add_up(times: ExclusiveTimes, work: Work) -> None:
    """Nested ones do not count twice."""
    with times.wrapping([OUTER, INNER._replace(part="outer"), INNERMOST]):
        work.outer(1)

    assert {"outer": 22, "innermost": 200} == times.seconds


def test_a_step_that_calls_itself_counts_once(times: ExclusiveTimes, work: Work) -> None:
    """Each call takes its inner one's time away."""
    with times.wrapping([Timed("again", Work, "again")]):
        work.again(5)

    assert {"again": 5} == times.seconds


def test_a_step_that_fails_is_counted(times: ExclusiveTimes, work: Work) -> None:
    """Its error passes, and the next step begins anew."""
    with times.wrapping([Timed("failing", Work, "failing"), INNERMOST]):
        with pytest.raises(OSError, match=r"^broken$"):
            work.failing()
        work.innermost()

    assert {"failing": 3, "innermost": 200} == times.seconds


def test_a_step_returns_its_value(times: ExclusiveTimes, work: Work) -> None:
    """A wrapped function takes and returns as before, by name as well."""
    with times.wrapping([OUTER]):
        assert "done" == work.outer(seconds=1)


def test_begin_sets_every_part_to_zero(times: ExclusiveTimes, work: Work) -> None:
    """A part that is not called in a group has 0 there."""
    with times.wrapping([INNER, INNERMOST]):
        work.inner()
        times.begin()
        work.innermost()

    assert {"inner": 0, "innermost": 100} == times.seconds


def test_functions_are_as_before_at_the_end(times: ExclusiveTimes, work: Work) -> None:
    """Also after an error."""
    before = Work.failing, Work.innermost
    with pytest.raises(OSError, match=r"^broken$"), times.wrapping([Timed("failing", Work, "failing"), INNERMOST]):
        work.failing()

    assert before == (Work.failing, Work.innermost)


def test_a_function_that_moved_is_an_error(times: ExclusiveTimes) -> None:
    """Nothing is wrapped by halves."""
    before = Work.outer
    missing = Timed("gone", Work, "gone")
    for first, second in pairwise((OUTER, missing, OUTER)):
        with pytest.raises(AttributeError, match="gone"), times.wrapping([first, second]):
            pass
        assert before is Work.outer
