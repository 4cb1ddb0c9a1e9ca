"""The log as text and as JSON: one event, the same name and fields in both, whatever is in them."""

import ast
import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from paths import ROOT

from publisher.cli.help import LogFormat
from publisher.cli.logs import STANDARD, LogFormatter

TEXT, JSON = LogFormatter(as_json=False), LogFormatter(as_json=True)
EVENT, LOGGER = "relay_fails", "publisher.ticker"
RESERVED = {"time", "level", "event", "logger", "exception"}

names = st.from_regex(r"\A[a-z][a-z_]{0,10}\Z").filter(lambda name: name not in STANDARD)
values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.datetimes()


def record(fields: dict[str, Any], *, logger: str = LOGGER, message: str = EVENT) -> logging.LogRecord:
    made = logging.LogRecord(logger, logging.WARNING, "", 0, message, None, None)
    made.__dict__.update(fields)
    return made


@given(st.dictionaries(names, values, max_size=5))
def test_every_event_is_one_object_on_one_line_of_ascii(fields: dict[str, Any]) -> None:
    line = JSON.format(record(fields))
    assert line.isascii()
    assert line.isprintable()
    found = json.loads(line, parse_constant=lambda name: AssertionError(name))
    assert found["event"] == EVENT
    assert found["logger"] == LOGGER
    assert found["level"] == "warning"
    assert len(found) == len(fields) + 4
    for name, value in fields.items():
        if isinstance(value, str):
            assert found[f"{name}_" if name in RESERVED - {"exception"} else name] == value
    text = TEXT.format(record(fields))
    assert text.startswith(f"warning {EVENT}")
    assert "\n" not in text
    assert "\x1b" not in text


def test_both_formats_have_the_same_fields_and_json_keeps_their_kind() -> None:
    fields = {"number": 3, "late": True, "reason": 'a "quoted"\nline\x1b[31m', "rate": 0.5, "none": None}
    made = record(fields)
    made.created = datetime(2026, 12, 1, 8, 0, 0, 120_000, UTC).timestamp()
    assert json.loads(JSON.format(made)) == {
        "time": "2026-12-01T08:00:00.120Z",
        "level": "warning",
        "event": EVENT,
        "logger": LOGGER,
        **fields,
    }
    wanted = 'warning relay_fails number=3 late=True reason=a "quoted" line[31m rate=0.5 none=None'
    assert TEXT.format(made) == wanted


def test_an_exception_is_text_in_the_same_object() -> None:
    made = record({"path": "/"})
    try:
        raise ValueError("no\x9bgood")
    except ValueError:
        made.exc_info = sys.exc_info()
    found = json.loads(JSON.format(made))
    assert found["exception"].startswith("Traceback (most recent call last):\n")
    assert found["exception"].endswith("ValueError: no\x9bgood")
    assert TEXT.format(made).splitlines()[0] == "warning relay_fails path=/"
    assert TEXT.format(made).splitlines()[-1] == "ValueError: nogood"


def test_what_a_library_logs_is_a_message_and_no_event_of_ours() -> None:
    found = json.loads(JSON.format(record({}, logger="uvicorn.error", message="Invalid HTTP request.")))
    assert (found["event"], found["text"]) == ("message", "Invalid HTTP request.")


def test_every_event_has_a_constant_name_and_no_field_takes_the_place_of_a_key() -> None:
    levels = {"debug", "info", "warning", "error", "exception"}
    found: list[str] = []
    for file in sorted((ROOT / "publisher").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not (
                isinstance(node, ast.Call) and ast.unparse(node.func) in {f"log.{one}" for one in levels}
            ):
                continue
            event = node.args[0]
            name = event.value if isinstance(event, ast.Constant) else ""
            fields = {
                key.value
                for word in node.keywords
                if word.arg == "extra"
                for part in ast.walk(word.value)
                if isinstance(part, ast.Dict)
                for key in part.keys
                if isinstance(key, ast.Constant)
            }
            if not re.fullmatch(r"[a-z]+(_[a-z]+)*", str(name)) or fields & (RESERVED | STANDARD):
                found.append(f"{file.name}:{node.lineno}")
    assert found == []
    assert [form.value for form in LogFormat] == ["text", "json"]
