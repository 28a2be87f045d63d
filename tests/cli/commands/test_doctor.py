"""The table of findings."""

from rich.console import Console

from cli.commands.doctor import table_of
from jobs.doctor.finding import Finding
from jobs.doctor.reject_causes import STRING_KEYS


def test_a_setting_is_not_cut_off() -> None:
    """A terminal of 80 columns folds it, so it can be copied."""
    console = Console(width=80)
    finding = Finding(check="events", verdict="problem", says="None could be read.", do=STRING_KEYS)

    with console.capture() as capture:
        console.print(table_of([finding]))

    assert "\u2026" not in capture.get()
    assert STRING_KEYS.replace(" ", "") in "".join(capture.get().split())
