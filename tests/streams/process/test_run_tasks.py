"""Parts of a process that run side by side, and its end."""

import asyncio
import subprocess
import sys
from contextlib import suppress

import pytest

from streams.process.run_tasks import PARTS_S, run_until_stopped
from tests.support.wait import wait_idle


async def test_parts_run_until_the_stop_and_are_ended_then() -> None:
    """One that ends before ends nothing else."""
    ended: list[str] = []
    stop = asyncio.Event()

    async def brief() -> None:
        ended.append("brief")

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("endless")

    running = asyncio.create_task(run_until_stopped([brief(), endless()], stop))
    await wait_idle()
    assert ["brief"] == ended
    assert not running.done()
    stop.set()
    await running

    assert ["brief", "endless"] == ended


@pytest.mark.parametrize("by_future", [False, True])
async def test_a_failure_ends_all_and_is_told(*, by_future: bool) -> None:
    """Of a part, or of a future that something else fails."""
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    ended = asyncio.Event()

    async def fail() -> None:
        await asyncio.sleep(0)
        message = "It broke."
        if by_future:
            failed.set_exception(ValueError(message))
        else:
            raise ValueError(message)

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(ValueError, match=r"^It broke\.$"):
        await run_until_stopped([fail(), endless()], asyncio.Event(), failed)

    assert ended.is_set()
    assert failed.done()


@pytest.mark.virtual_time
async def test_a_part_that_does_not_end_is_left(caplog: pytest.LogCaptureFixture) -> None:
    """The failure is not held up by it; the log names it."""
    released = asyncio.Event()

    async def fail() -> None:
        await asyncio.sleep(0)
        message = "It broke."
        raise ValueError(message)

    async def stubborn() -> None:
        while not released.is_set():
            with suppress(asyncio.CancelledError):
                await released.wait()

    began = asyncio.get_running_loop().time()
    with pytest.raises(ValueError, match=r"^It broke\.$"):
        await run_until_stopped([fail(), stubborn()], asyncio.Event())

    assert PARTS_S == pytest.approx(asyncio.get_running_loop().time() - began)
    (left,) = (record for record in caplog.records if record.getMessage() == "parts_did_not_end")
    assert "stubborn" in str(vars(left)["parts"])
    released.set()
    await wait_idle()


@pytest.mark.processes
@pytest.mark.parametrize(("held", "status"), [("threading.Thread(target=time.sleep, args=(60,)).start()", 1), ("", 0)])
def test_a_process_that_would_not_end_is_ended(held: str, status: int) -> None:
    """With status 1; a process that ends by itself does so within any time-out."""
    after_s = 0.2 if held else 60
    imports = "import threading, time; from streams.process.run_tasks import force_exit_after"
    program = f"{imports}; force_exit_after({after_s}, 'It broke.'); {held}"

    ended = subprocess.run([sys.executable, "-c", program], timeout=20, check=False, capture_output=True, text=True)

    assert status == ended.returncode
    assert ended.stderr == ("It broke.\n" if held else "")
