"""What `subscribers list` and `export` print, and an upgrade that changes the keys of addresses."""

import json
from datetime import UTC, datetime
from pathlib import Path

from click.testing import CliRunner
from mailsite import MailSite, readers

from publisher.cli import publisher
from publisher.cli.subscribers import subscribers
from publisher.core.tokens import address_key
from publisher.services.subscribers import departures
from publisher.services.subscribers.subscribe import add

NOW = datetime(2020, 10, 6, 9, tzinfo=UTC)


def run(site: MailSite, *args: str) -> str:
    done = CliRunner().invoke(subscribers, [*args, "--site", str(site.folder)])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_readers_are_one_json_document_however_many(tmp_path: Path) -> None:
    site = MailSite(tmp_path, readers(3))
    listed = json.loads(run(site, "list", "--json"))
    assert [row["address"] for row in listed] == readers(3)
    assert set(listed[0]) == {"address", "list", "state", "since", "confirmed", "next_due"}
    assert json.loads(run(site, "list", "--json", "--state", "pending")) == []


def test_no_cell_of_an_export_is_a_formula_and_all_come_back(tmp_path: Path) -> None:
    odd = ["=cmd@example.org", "+tag@example.org", "-1@example.org", "'=x@example.org", "o'hara@example.org"]
    exported = run(MailSite(tmp_path / "old", odd), "export")
    lines = exported.splitlines()[1:]
    assert [line.partition(",")[0] for line in lines] == [f"'{cell}" for cell in odd[:4]] + odd[4:]
    (tmp_path / "readers.csv").write_text(exported, encoding="utf-8")
    new = MailSite(tmp_path / "new", [])
    run(new, "import", str(tmp_path / "readers.csv"), "--list", "daily", "--confirmed")
    assert run(new, "export").count("'") == exported.count("'")
    assert [row["address"] for row in json.loads(run(new, "list", "--json"))] == odd


def test_an_upgrade_finds_people_whose_key_is_another_now(tmp_path: Path) -> None:
    """A store of before, in which `straße@` and `strasse@` were one."""
    site = MailSite(tmp_path, ["straße@example.org"])
    app = site.app()
    app.store.rebuild_address_keys(lambda address: address_key("strasse@example.org", app.ring))
    assert not app.store.subscriptions_of(address_key("straße@example.org", app.ring))
    app.close()
    assert CliRunner().invoke(publisher, ["migrate", "--site", str(tmp_path)]).exit_code == 0
    app = site.app()
    [daily] = app.deps.rules.lists
    [ended] = departures.unsubscribe(app.deps, "Straße@example.org", daily, NOW)
    assert ended.address == "straße@example.org"
    assert add(app.deps, daily, "strasse@example.org", NOW, confirmed=True) == "added"
    app.close()
