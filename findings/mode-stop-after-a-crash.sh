#!/bin/sh
# mode-streaming 0.7.1, the base of faust-streaming (Python 3.11): a service in a thread cannot be stopped after a crash.
#
# A `Service` whose task has raised is stopped as usual: `await service.stop()` returns, and `crashed` tells the rest.
# One would guess the same of a `ServiceThread`, the service with a thread and an event loop of its own.
# Its thread closes that loop when it ends. If it has ended before the stop, `await thread.stop()` raises
# "Event loop is closed", which says nothing of the crash, and the steps after it in the caller are left out.
# Faust's consumer runs in such a thread.
#
# Output seen:
#   Service        crashed True   stop: returned
#   ServiceThread  crashed True   stop: RuntimeError: Event loop is closed
#
# It fails if this changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check mode-streaming==0.7.1
cd "$folder"
venv/bin/python - 2>log <<'PROGRAM' | tee seen
import asyncio
import threading

from mode import Service
from mode.threads import ServiceThread


class InLoop(Service):
    @Service.task
    async def work(self):
        raise ValueError("no more work")


class InThread(ServiceThread):
    @Service.task
    async def work(self):
        raise ValueError("no more work")


async def stopped(service):
    present = set(threading.enumerate())
    await service.start()
    for _ in range(100):
        await asyncio.sleep(0.05)
        if service.crashed and not set(threading.enumerate()) - present:
            break
    try:
        await asyncio.wait_for(service.stop(), 10)
    except RuntimeError as error:
        return f"RuntimeError: {error}"
    return "returned"


for name, service in (("Service", InLoop), ("ServiceThread", InThread)):
    made = []

    async def main():
        made.append(service())
        return await stopped(made[0])

    result = asyncio.run(main())
    print(f"{name:<14} crashed {made[0].crashed}   stop: {result}")
PROGRAM
cat > expected <<'OUTPUT'
Service        crashed True   stop: returned
ServiceThread  crashed True   stop: RuntimeError: Event loop is closed
OUTPUT
diff expected seen
