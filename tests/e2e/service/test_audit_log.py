"""The audit log: each act of a person, without addresses, until its end."""

from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from publisher.app import App
from publisher.cli import publisher
from publisher.config import load
from publisher.core.site import AuditDoor
from publisher.services.subscribers.departures import export_data

TOML = """
[site]
title = "The Harbour"
url = "https://harbour.example/"
id_authority = "harbour.example,2024"

[[lists]]
slug = "daily"
title = "The Harbour, daily"
from = "The Harbour <news@harbour.example>"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "publisher.toml").write_text(TOML, "utf-8")
    (tmp_path / "posts").mkdir()
    return tmp_path


def run(folder: Path, *words: str) -> int:
    return CliRunner().invoke(publisher, [*words, "--site", str(folder)]).exit_code


def test_every_command_that_acts_is_recorded_without_addresses_until_it_is_forgotten(folder: Path) -> None:
    assert run(folder, "publish") == 0
    assert run(folder, "subscribers", "add", "ann@example.org", "--list", "daily", "--confirmed") == 0
    assert run(folder, "subscribers", "list") == 0
    assert run(folder, "subscribers", "erase", "ann@example.org", "--dry-run") == 0
    assert run(folder, "subscribers", "suppress", "bo@example.org") == 0
    assert run(folder, "mailings", "pause", "7") != 0
    assert run(folder, "publish") == run(folder, "deliver") == 0
    app = App(load(folder), environ={})
    found = [entry for _, entry in reversed(app.store.acts(limit=50))]
    assert [(one.act, one.about, one.done) for one in found] == [
        ("subscribers add", "daily", True),
        ("subscribers suppress", "", True),
        ("mailings pause", "7", False),
    ]
    assert {one.via for one in found} == {AuditDoor.COMMAND}
    assert all(one.who for one in found)
    assert [one.subscriber for one in found] == [1, None, None]
    assert [one["act"] for one in export_data(app.deps, "ann@example.org")["acts"]] == ["subscribers add"]
    assert run(folder, "subscribers", "erase", "ann@example.org", "--yes") == 0
    last = app.store.acts(limit=50)
    assert [(entry.act, entry.subscriber) for _, entry in last if entry.subscriber] == [
        ("subscribers erase", 1)  # a number that stands for nobody any more
    ]
    assert "@" not in str(last)
    app.clock = app.real = lambda: last[0][1].at + timedelta(days=401)
    app.housekeeping()
    assert app.store.acts(limit=50) == []
    app.close()
