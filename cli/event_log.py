"""How a process tells what happens: one event a line, with its fields."""

import logging
import time

import msgspec

OURS = ("agents", "cli", "jobs", "state", "streams", "web")
FAUSTS = ("state.users.store", "streams.consumer.faust_app", "streams.consumer.slices")
"""Modules whose classes are Faust's services: under these names Faust tells of its own steps."""
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class EventFormatter(logging.Formatter):
    """Writes an event as `time name field=value ...`, or as JSON for machines."""

    def __init__(self, *, as_json: bool) -> None:
        """Choose the form."""
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        fields = {name: value for name, value in vars(record).items() if name not in _PLAIN}
        if self._as_json:
            event = {"at": record.created, "level": record.levelname.lower(), "event": record.getMessage(), **fields}
            return msgspec.json.encode(event, enc_hook=str).decode()
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        told = " ".join(f"{name}={value}" for name, value in fields.items())
        return f"{clock} {record.getMessage()} {told}".rstrip()


def start_event_log(*, as_json: bool) -> None:
    """Send events to stderr: our own from INFO on, those of libraries from WARNING on."""
    handler = logging.StreamHandler()
    handler.setFormatter(EventFormatter(as_json=as_json))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(logging.INFO)
    for name in FAUSTS:
        logging.getLogger(name).setLevel(logging.WARNING)
