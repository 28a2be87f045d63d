"""The footprint of a small playfold: seconds until it is up, memory of its processes, processor time of its commands.

`playfold up` starts in an empty folder, and again in the folder it left. Then the memory of each process is read, at
rest and after a fixed load: plays, a retrain, and plays again. A page that several of these processes share counts
once, of a file or of one that they were forked from. Programs beside them make no difference, unlike in a
proportional set size; `resident` counts shared pages once for each process. Commands run against that system. The
benchmark uses no more of the project than the command line and its environment, so older revisions are measured by
the same file.
"""

import csv
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.benchmarks.report import Row, report

USERS, ITEMS, PLAYS, LATER_PLAYS = 1000, 1700, 80_000, 5000
FIRST_PLAY_S = 1_700_000_000
UP_S, STOP_S, FOLDED_S, REST_S, COMMAND_S = 120.0, 60.0, 180.0, 5.0, 600.0
RUNS = 5
MADE_UP = random.Random(14)
COMMANDS: Mapping[str, list[str]] = {
    "help": ["--help"],
    "recommend_help": ["recommend", "--help"],
    "worker_help": ["worker", "--help"],
    "recommend": ["recommend", "user-1"],
    "popular": ["popular"],
    "doctor": ["doctor"],
}
PROCESSES = {"kafka.Kafka": "broker", "worker": "worker", "gateway": "gateway"}
"""By an argument of a process, its name in the rows."""
FIELDS_OF_FILE = 5
"""Fields of a mapping in `/proc/PID/smaps`, after its addresses, if it is of a file."""


class FootprintError(RuntimeError):
    """A part of the benchmark failed; the message has the output of the command."""


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a playfold in a folder of its own, with the jars that this tree has resolved."""
    for jars in Path("var").absolute().glob("kafka-jars-*"):
        (folder / jars.name).symlink_to(jars)
    return os.environ | {
        "PLAYFOLD_DATA_DIR": str(folder),
        "PLAYFOLD_BROKERS": f"127.0.0.1:{free_port()}",
        "PLAYFOLD_GATEWAY_PORT": str(free_port()),
    }


def free_port() -> int:
    """Return a free port of 127.0.0.1, below the range of ephemeral ports."""
    while True:
        port = MADE_UP.randrange(20_000, 32_000)
        with socket.socket() as listener, suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port


def command_line(*arguments: str) -> list[str]:
    """Return the arguments of a command of playfold in this tree."""
    return [sys.executable, "-m", "cli.main", *arguments]


def run_command(variables: Mapping[str, str], *arguments: str) -> str:
    """Run a command to its end and return its output.

    Raises:
        FootprintError: It failed.
    """
    ended = subprocess.run(
        command_line(*arguments), env=variables, capture_output=True, text=True, timeout=COMMAND_S, check=False
    )
    if ended.returncode:
        message = f"`playfold {' '.join(arguments)}` ended with status {ended.returncode}: {ended.stderr[-2000:]}"
        raise FootprintError(message)
    return ended.stdout


@contextmanager
def up(variables: Mapping[str, str]) -> Iterator[tuple[int, float]]:
    """Run `playfold up`; yield its process id and the seconds until it was up."""
    began = time.monotonic()
    with subprocess.Popen(command_line("up", "--json"), env=variables, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.pid, _await_up(process, began)
        finally:
            process.terminate()
            process.wait(STOP_S)


def _await_up(process: "subprocess.Popen[str]", began: float) -> float:
    """Return the seconds until it says that it is up.

    Raises:
        FootprintError: It ended, or was not up in time.
    """
    assert process.stdout is not None
    for line in process.stdout:
        seconds = time.monotonic() - began
        if json.loads(line)["event"] == "up":
            return seconds
        if seconds > UP_S:
            break
    message = "`playfold up` did not come up."
    raise FootprintError(message)


def descendants(root: int) -> set[int]:
    """Return the ids of a process and of all processes below it."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
                continue
    family = {root}
    while below := {child for child, parent in parents.items() if parent in family} - family:
        family |= below
    return family


def memory_of(root: int) -> Counter[str]:
    """Return the memory of the processes of `playfold up`, in bytes, by their names.

    That is the proportional share of its anonymous memory, which only forked processes share, and of every mapped file
    the share of the process among those that map it.
    """
    sizes: Counter[str] = Counter()
    mapped = {pid: mapped_by(pid) for pid in descendants(root)}
    n_sharing = Counter(file for files in mapped.values() for file in files)
    for pid, files in mapped.items():
        shares = [n_bytes // n_sharing[file] for file, n_bytes in files.items() if file]
        sizes[kind_of(pid)] += rollup_of(pid)["Pss_Anon:"] + sum(shares)
        sizes["resident"] += sum(files.values())
    return sizes


def rollup_of(pid: int) -> dict[str, int]:
    """Return the sums of all mappings of a process, in bytes, as the kernel names them."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {name: int(n_kib) * 1024 for name, n_kib, *_ in map(str.split, lines)}


def mapped_by(pid: int) -> Counter[str]:
    """Return the resident bytes of a process by the file that they are mapped from, empty for anonymous memory."""
    resident: Counter[str] = Counter()
    file = ""
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        name, *rest = line.split(maxsplit=5)
        if not name.endswith(":"):
            file = rest[4] if len(rest) == FIELDS_OF_FILE and rest[4].startswith("/") else ""
        elif name == "Rss:":
            resident[file] += int(rest[0]) * 1024
        elif name == "Anonymous:" and file:
            resident[file] -= int(rest[0]) * 1024
            resident[""] += int(rest[0]) * 1024
    return resident


def kind_of(pid: int) -> str:
    """Return the name of a process in the rows; shells count for `up`, which starts them."""
    arguments = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    if arguments[0] == "sh":
        return "up"
    return next((name for argument, name in PROCESSES.items() if argument in arguments), "up")


def spent_by(root: int) -> float:
    """Return the seconds of processor time that the running processes of `playfold up` have taken."""
    ticks = 0
    for pid in descendants(root):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def processor_time(variables: Mapping[str, str], arguments: list[str]) -> float:
    """Return the seconds of processor time that a command takes, the least of several runs.

    Raises:
        FootprintError: It failed.
    """
    seconds = []
    for _ in range(RUNS):
        process = subprocess.Popen(
            command_line(*arguments), env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        errors = process.stderr.read().decode() if process.stderr is not None else ""
        if process.stderr is not None:
            process.stderr.close()
        if process.returncode and arguments[0] != "doctor":  # it may find a problem of a loaded machine
            message = f"`playfold {' '.join(arguments)}` ended with status {process.returncode}: {errors[-2000:]}"
            raise FootprintError(message)
        seconds.append(usage.ru_utime + usage.ru_stime)
    return min(seconds)


def write_plays(file: Path, n_plays: int, first_s: int) -> None:
    """Write one play a second: listeners prefer items near their own number."""
    with file.open("w", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(("user_id", "item_id", "played_at"))
        for number in range(n_plays):
            user = MADE_UP.randrange(USERS)
            item = int(MADE_UP.gauss(user * ITEMS / USERS, 100)) % ITEMS
            writer.writerow((f"user-{user}", f"item-{item}", first_s + number))


def load(variables: Mapping[str, str], folder: Path) -> None:
    """Send plays, retrain, and send plays again; return after all are folded and all lists are of the generation."""
    plays, later = folder / "plays.csv", folder / "later.csv"
    write_plays(plays, PLAYS, FIRST_PLAY_S)
    write_plays(later, LATER_PLAYS, FIRST_PLAY_S + PLAYS)
    run_command(variables, "replay", str(plays))
    await_pulse(variables, lambda pulse: sum(pulse["events"].values()) >= PLAYS)
    run_command(variables, "retrain")
    await_pulse(variables, lambda pulse: bool(pulse["generation"]) and pulse["partitions_swept"] == pulse["partitions"])
    run_command(variables, "replay", str(later))
    await_pulse(variables, lambda pulse: sum(pulse["events"].values()) >= PLAYS + LATER_PLAYS)
    time.sleep(REST_S)


def await_pulse(variables: Mapping[str, str], is_reached: Callable[[Any], bool]) -> None:
    """Wait until the last pulse of the worker reports something.

    Raises:
        FootprintError: It takes too long.
    """
    deadline, pulses = time.monotonic() + FOLDED_S, ""
    while time.monotonic() < deadline:
        pulses = run_command(variables, "pulse", "--json")
        if any(is_reached(json.loads(line)) for line in pulses.splitlines() if line.strip()):
            return
        time.sleep(1.0)
    message = f"The worker did not get through the load within {FOLDED_S:g} s; its last pulse: {pulses[:500]}"
    raise FootprintError(message)


def size_of(folder: Path) -> int:
    """Return the bytes of the files in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def memory_rows(moment: str, sizes: Mapping[str, int]) -> Iterator[Row]:
    """Yield the memory of each process at a moment, and of all together."""
    for name, n_bytes in sorted(sizes.items()):
        yield Row(f"memory_{name}_{moment}", n_bytes, "bytes")
    yield Row(f"memory_all_{moment}", sum(sizes.values()) - sizes["resident"], "bytes")


def rows() -> Iterator[Row]:
    """Measure one small playfold."""
    with tempfile.TemporaryDirectory(prefix="playfold-benchmark-") as name:
        folder = Path(name)
        variables = environment(folder)
        with up(variables) as (pid, seconds):
            yield Row("up_first", seconds, "s")
            yield Row("up_first_processor", spent_by(pid), "s")
        with up(variables) as (pid, seconds):
            yield Row("up_again", seconds, "s")
            yield Row("up_again_processor", spent_by(pid), "s")
            time.sleep(REST_S)
            yield from memory_rows("at_rest", memory_of(pid))
            load(variables, folder)
            yield from memory_rows("after_load", memory_of(pid))
            for command, arguments in COMMANDS.items():
                yield Row(f"cpu_{command}", processor_time(variables, arguments), "s")
        yield Row("disk_per_listener", size_of(folder / "workers") / USERS, "bytes")


if __name__ == "__main__":
    report(rows())
