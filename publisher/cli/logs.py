"""The log on stderr: lines for people, or JSON for programs that collect logs (`--log-format`).

    text   warning relay_fails relay=backup reason=no connection
    json   {"time": "2026-12-01T08:00:00.120Z", "level": "warning", "event": "relay_fails",
            "logger": "publisher.ticker", "relay": "backup", "reason": "no connection"}

Both are made here, from the same records, so an event and its fields have the same names in both. With JSON,
messages and errors of commands are objects too: whoever reads stderr finds one object on each line.
"""

import json
import logging
import sys
import threading
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from publisher.cli.help import printable, printable_json

STANDARD = frozenset((*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName"))
"""What every record has; the rest are the fields of the event."""

OURS = "publisher"
"""The logger of everything here; those of libraries have other names, and free text instead of an event."""

MESSAGE = "message"
"""The event of free text: what a command says, or a library."""

MESSAGES = logging.getLogger("publisher.cli")


class LogFormatter(logging.Formatter):
    """Each record on a line of its own; as text, a traceback follows on lines of its own."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self.as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        fields = {name: value for name, value in record.__dict__.items() if name not in STANDARD}
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        if self.as_json:
            return json_line(record, fields, trace)
        words = [record.levelname.lower(), record.getMessage(), *(f"{k}={v}" for k, v in fields.items())]
        return printable(" ".join(" ".join(words).split("\n")) + (f"\n{trace}" if trace else ""))


def json_line(record: logging.LogRecord, fields: dict[str, Any], trace: str) -> str:
    """One JSON object (RFC 8259) in ASCII: every control character is escaped. A field never takes the place
    of "time" (UTC, RFC 3339), "level", "event", "logger" or "exception".
    """
    at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    event = {"event": record.getMessage()}
    if record.name != OURS and not record.name.startswith(f"{OURS}."):
        event = {"event": MESSAGE, "text": record.getMessage()}
    line: dict[str, Any] = {
        "time": at.replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        **event,
        "logger": record.name,
    }
    if trace:
        line["exception"] = trace
    for name, value in fields.items():
        line[f"{name}_" if name in line else name] = plain_value(value)
    return printable_json(json.dumps(line))


def plain_value(value: object) -> object:
    """A value as JSON has it: what JSON does not know as text."""
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)


class StderrHandler(logging.StreamHandler[Any]):
    """Writes to what is sys.stderr at that moment."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def log_to_stderr(*, every_detail: bool = False, as_json: bool = False) -> None:
    """Sends the log to stderr, and warnings and errors of libraries with it. As JSON, what Python itself
    would print of a failed thread is an event too.
    """
    logging.getLogger(OURS).setLevel(logging.DEBUG if every_detail else logging.INFO)
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, StderrHandler)]:
        root.removeHandler(handler)
    handler = StderrHandler()
    handler.setFormatter(LogFormatter(as_json=as_json))
    root.addHandler(handler)
    if as_json:
        logging.captureWarnings(True)
        threading.excepthook = log_failed_thread


def log_failed_thread(failed: threading.ExceptHookArgs) -> None:
    """Logs the exception that ended a thread."""
    name = failed.thread.name if failed.thread else ""
    error = failed.exc_value or failed.exc_type()
    MESSAGES.error("thread_failed", extra={"thread_name": name, "reason": str(error)}, exc_info=error)


def log_message(text: str, *, urgent: bool = False) -> None:
    """What a command says to a person, as an event."""
    _ready_for_json()
    MESSAGES.log(logging.WARNING if urgent else logging.INFO, MESSAGE, extra={"text": text})


def log_failure(reason: str, error: BaseException | None = None) -> None:
    """The error that ends a command, with the traceback of `error`."""
    _ready_for_json()
    MESSAGES.error("failed", extra={"reason": reason}, exc_info=error)


def _ready_for_json() -> None:
    """A command that shows no log still says what it says as JSON."""
    if not any(isinstance(one, StderrHandler) for one in logging.getLogger().handlers):
        log_to_stderr(as_json=True)
        logging.getLogger(OURS).setLevel(logging.WARNING)
        MESSAGES.setLevel(logging.INFO)
