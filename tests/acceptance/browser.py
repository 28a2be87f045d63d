"""A real browser for tests: the system's Chromium, driven by Playwright, reaching nothing but this machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

EXECUTABLE = "/usr/bin/chromium"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def executable() -> str:
    """Return the path of Chromium; the variable CHROMIUM names another one.

    Raises:
        FileNotFoundError: There is none. A test that needs a browser fails then, it is never skipped.
    """
    path = os.environ.get("CHROMIUM", EXECUTABLE)
    if not Path(path).is_file():
        message = f"No Chromium at {path}: install the package chromium, or name another one in CHROMIUM."
        raise FileNotFoundError(message)
    return path


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium while the block lasts.

    Playwright's loop runs in this thread meanwhile, so a test that is itself a coroutine cannot run inside the block:
    keep the fixture around it to one module.
    """
    path = executable()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()
