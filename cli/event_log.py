"""The log of a process: one event a line, with its fields."""

import logging
import time

import msgspec

from streams.settings.processes import TelemetrySettings

OURS = ("agents", "cli", "jobs", "state", "streams", "web")
FAUSTS = ("state.users.store", "streams.consumer.faust_app", "streams.consumer.slices")
"""Modules whose classes are Faust's services: Faust logs its steps under these names."""
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
        pairs = " ".join(f"{name}={value}" for name, value in fields.items())
        return f"{clock} {record.getMessage()} {pairs}".rstrip()


def start_event_log(settings: TelemetrySettings, *, as_json: bool) -> None:
    """Write events to stderr: those of playfold from the level of the settings on.

    Libraries log from WARNING on. At DEBUG they log from INFO on, where aiokafka and Faust log every rebalance.
    """
    level = logging.getLevelNamesMapping()[settings.log_level]
    level_of_libraries = logging.INFO if level == logging.DEBUG else max(level, logging.WARNING)
    handler = logging.StreamHandler()
    handler.setFormatter(EventFormatter(as_json=as_json))
    logging.basicConfig(level=level_of_libraries, handlers=[handler], force=True)
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    for name in FAUSTS:
        logging.getLogger(name).setLevel(level_of_libraries)
