"""The JSON schema of publisher.toml: true to its draft, and of one mind with what reads the settings."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import assume, given
from hypothesis import strategies as st
from jsonschema import Draft4Validator, Draft7Validator
from paths import ROOT

from publisher.cli import publisher
from publisher.config import reference
from publisher.config.declaration import Setting
from publisher.config.sections import SECTIONS
from publisher.config.types import InvalidValue

SCHEMA = json.loads((ROOT / "config/publisher.schema.json").read_text(encoding="utf-8"))
LEAST = '[site]\ntitle = "T"\nurl = "https://example.org/"\n'
EVERYTHING = re.sub(r"(?m)^#(?=\S)", "", reference.toml())


def as_json(text: str) -> Any:
    """A TOML document as editors hold it against a schema: times and dates are texts."""
    return json.loads(json.dumps(tomllib.loads(text), default=str))


def errors(text: str) -> list[str]:
    return [error.message for error in Draft4Validator(SCHEMA).iter_errors(as_json(text))]


def every_setting() -> Iterator[tuple[str, Setting]]:
    for section in SECTIONS:
        for setting in section.settings.values():
            yield f"{section.name}.{setting.key}", setting


def takes(setting: Setting, value: object) -> bool:
    try:
        setting.type.read(value)
    except InvalidValue:
        return False
    return True


def test_the_schema_is_up_to_date_and_printed_without_a_site(tmp_path: Path) -> None:
    written = (ROOT / "config/publisher.schema.json").read_text(encoding="utf-8")
    assert written == reference.json_schema(), "run `make docs`"
    printed = CliRunner().invoke(publisher, ["check", "--schema", "--site", str(tmp_path)])
    assert (printed.exit_code, printed.stdout) == (0, written)


@pytest.mark.parametrize("draft", [Draft4Validator, Draft7Validator])
def test_the_schema_is_one_of_either_draft(draft: type[Draft4Validator]) -> None:
    draft.check_schema(SCHEMA)
    assert list(draft(SCHEMA).iter_errors(as_json(EVERYTHING))) == []


@pytest.mark.parametrize(
    "text",
    [
        LEAST,
        EVERYTHING,
        (ROOT / "config/publisher.toml").read_text(encoding="utf-8"),
        (ROOT / "examples/site/publisher.toml").read_text(encoding="utf-8"),
        f'{LEAST}[[lists]]\nslug = "l"\nfrom = "l@example.org"\nat = 16:00:00\non = 28\n',
        f'{LEAST}[mail]\nwarm_up = {{from = 2026-12-01, days = [5]}}\ncanary = "off"\n',
    ],
    ids=["least", "everything", "packaged", "example", "times of TOML", "words in place of tables"],
)
def test_an_editor_finds_nothing_wrong_with_good_settings(text: str) -> None:
    assert errors(text) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[site]\ntitle = 'T'\n", "'url' is a required property"),
        (f"{LEAST}[sight]\n", "'sight' was unexpected"),
        (f"{LEAST}titel = 'x'\n", "'titel' was unexpected"),
        (f"{LEAST}language = 'english'\n", "does not match"),
        (f"{LEAST}[lists]\nslug = 'l'\n", "is not of type 'array'"),
        (f"{LEAST}[[lists]]\nslug = 'l'\n", "'from' is a required property"),
        (f"{LEAST}[queue]\nbatch = 0\n", "0 is less than the minimum of 1"),
        (f"{LEAST}[queue]\nbatch = '5'\n", "'5' is not of type 'integer'"),
        (f"{LEAST}[mail]\ntransport = 'pigeon'\n", "'pigeon' is not one of ['outbox', 'smtp']"),
        (f"{LEAST}[[mail.relays]]\nhost = 'h'\nport = 65536\n", "65536 is greater than the maximum of 65535"),
        (f"{LEAST}[[mail.relays]]\nhost = 'h'\nrate = 0\n", "should not be valid under"),
        (f"{LEAST}[[feeds]]\nformats = ['atom', 'atom']\n", "has non-unique elements"),
        (f"{LEAST}[[feeds]]\npaths = {{html = 'x.html'}}\n", "'html' was unexpected"),
        (f"{LEAST}[schedule]\npublish_every = '0s'\n", "does not match"),
    ],
)
def test_an_editor_finds_what_is_surely_wrong(text: str, said: str) -> None:
    assert [error for error in errors(text) if said in error], errors(text)


ODD = [
    "", " x ", "off", "forever", "none", "MON", " tue", "31", 28, 29, 0, 1, 0.5, 65_535, 100_000, 10**9,
    True, "[::1]:0", "localhost:8000", "::1", "[2001:db8::1]", "bücher.example", "zh-Hant-TW",
    "en-x-private", "sl-rozaj", "HTTP://Example.org:8080/a b/", "https://bücher.example/straße",
    "https://hub.example/?key=1", "/srv/posts", "sqlite:////srv/p.db", "7d", "6d", "000001s", "24:00",
    "23:59", "23:00 - 07:00", "a@b.example", "a+b@c.example", "Ann <ann@example.org>", "ip6-1,2026-01-31",
    "me@example.org,2026", ":title.html", "a/:filename/", "pretty", [], ["a"], ["tag"], ["atom"],
    ["10.0.0.0/8"], ["@example.com"], {}, {"name": "Jo"}, {"tag": ["a"]}, {"tag": "a"}, {"accent": "#ABC"},
    {"url": "https://a.example/x.png"}, {"share": "0.5 %"}, {"from": "20261201", "days": [1]},
    {"gmail.com": {"rate": 0.5}}, [{"selector": "S1", "file": "x"}], {"json": "a/b.json"},
    {"author": {"n": [1]}},
]  # fmt: skip


def flatten(value: Any) -> Iterator[dict[str, Any]]:
    """Every table in a document, however deep."""
    if isinstance(value, dict):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        yield from flatten(item)


VALUES = [*(value for table in flatten(as_json(EVERYTHING)) for value in table.values()), *ODD]
TEXTS = [
    (setting, good)
    for _, setting in every_setting()
    if (good := [value for value in VALUES if isinstance(value, str) and takes(setting, value)])
]


def test_no_editor_refuses_what_a_setting_takes() -> None:
    taken = 0
    for name, setting in every_setting():
        validator = Draft4Validator(setting.type.schema)
        for value in (value for value in VALUES if takes(setting, value)):
            assert validator.is_valid(value), f"{name} = {value!r}"
            taken += 1
    assert taken > 1_000


CHARACTERS = " \t\n\u00a0\u2003\x85aAzZ0159-_.:/@#,%ßſK٣|[](){}?&=+~'\"\\<>"


@given(st.data())
def test_no_editor_refuses_a_text_with_a_slip_that_a_setting_takes(data: st.DataObject) -> None:
    setting, good = data.draw(st.sampled_from(TEXTS))
    text = data.draw(st.sampled_from(good))
    place = data.draw(st.integers(0, len(text)))
    text = (
        text[:place] + data.draw(st.text(CHARACTERS, max_size=2)) + text[place + data.draw(st.booleans()) :]
    )
    assume("enum" not in setting.type.schema or text == text.strip())
    if takes(setting, text):
        assert Draft4Validator(setting.type.schema).is_valid(text)


def test_a_value_of_the_wrong_type_is_refused_by_both() -> None:
    for name, setting in every_setting():
        for value in ([[1]], None):
            assert not takes(setting, value), name
            assert not Draft4Validator(setting.type.schema).is_valid(value), name
