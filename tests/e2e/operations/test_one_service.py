"""One site has one service and one set of settings: commands beside `publisher run` go by its, or stop."""

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import click
import pytest
from click.testing import CliRunner

from publisher.app import App
from publisher.app.service import ServiceRegister
from publisher.cli import publisher
from publisher.config import load
from publisher.core.errors import PublisherError

POST = "---\ntitle: {0}\ndate: 2024-05-01\n---\nWords.\n"


@pytest.fixture
def served(site: Any, running: Any, wait_for: Any) -> Any:
    site.settings((site.folder / "publisher.toml").read_text() + '\n[schedule]\npublish_every = "1h"\n')
    site.post("first.md", POST.format("First"))
    server = running()
    wait_for(lambda: "last worked never" not in server.http.get("/readyz").text)
    return server


def service(site: Any) -> dict[str, Any]:
    found: dict[str, Any] = site.json("status")["service"]
    return found


def test_a_command_acts_on_the_settings_of_the_service_or_says_which_differ(site: Any, served: Any) -> None:
    assert service(site)["generation"] == 1
    assert [service(site)[name] for name in ("alive", "pid", "problem")] == [True, served.process.pid, ""]
    toml = (site.folder / "publisher.toml").read_text()
    site.settings(toml.replace('title = "The Harbour"', 'title = "The Quay"'))
    site.run("publish")  # the service has not noticed yet: it is asked to look
    assert site.feed()["title"] == "The Quay"
    assert service(site)["generation"] == 2
    assert "The Quay" in served.http.get("/subscribe/daily").text

    relay = '[[mail.relays]]\nhost = "127.0.0.1"\nport = 1\nsecurity = "none"\n'
    site.settings(toml.replace('title = "The Harbour"', 'title = "The Quay"') + relay)
    for command in (
        ["publish", "--send", "daily"],
        ["deliver"],
        ["subscribers", "add", "ann@example.org", "--list", "daily"],
        ["feeds", "rebuild"],
        ["reconcile"],
        ["adopt", str(site.public / "feed.atom")],
        ["test-send", "daily", "me@example.org"],
        ["mailings", "approve", "1"],
        ["mailings", "resume", "1"],
        ["mailings", "resolve", "1", "--accept"],
    ):
        said = site.run(*command, code=1, PUBLISHER_MAIL__TRANSPORT="smtp").stderr
        assert "uses other settings than this command: mail.transport (default there, " in said, command
        assert "PUBLISHER_MAIL__TRANSPORT here)" in said
        assert str(served.process.pid) in said
        assert len(said.splitlines()) == 1
    assert site.mails() == []
    for command in (["status"], ["plan"], ["backup", str(site.folder / "b")], ["mailings", "list"]):
        site.run(*command, PUBLISHER_MAIL__TRANSPORT="smtp")  # these change nothing
    for command in (["subscribers", "suppress", "troll@example.org"], ["mailings", "pause", "1"]):
        said = site.run(*command, code=None, PUBLISHER_MAIL__TRANSPORT="smtp").stderr
        assert "warning: `publisher run` (pid" in said, said
        assert "continuing, because this only stops mail" in said
    [blocked] = site.json("subscribers", "show", "troll@example.org")["suppressions"]
    assert blocked["kind"] == "operator"
    assert "holds it" in site.run("migrate", code=1).stderr
    assert site.run("reload").stderr.endswith("goes on with settings 3\n")
    site.settings(toml.replace('"daily"\nat', '"hourly"\nat'))
    assert "cadence" in site.run("publish", code=1).stderr
    site.settings(toml + '[mail.dkim]\nkeys = [{selector = "a", file = "no.pem"}]\n')
    said = site.run("reload", code=1).stderr
    assert "keeps its old settings: no.pem: there is no such file" in said
    assert "settings: bad since" in served.http.get("/healthz").text
    assert "no.pem: there is no such file" in service(site)["problem"]
    assert "no.pem" in site.run("publish", code=1).stderr  # what the service cannot use, it does not use
    site.settings(toml)
    assert "has taken up settings 4" in site.run("reload").stderr
    assert service(site)["problem"] == ""
    assert served.stop() == 0
    assert service(site)["alive"] is False
    assert "no `publisher run` is active on this site" in site.run("reload", code=1).stderr
    site.run("publish", PUBLISHER_SITE__TITLE="Another")  # nobody else works on it now


def test_another_version_beside_the_service_is_refused(site: Any, served: Any) -> None:
    change(site, "UPDATE service SET version = '0.0.9'")
    said = site.run("publish", code=1).stderr
    assert "is version 0.0.9, and this is " in said


def test_a_copy_of_the_site_does_not_run_until_it_is_told_to_take_over(
    site: Any, served: Any, running_site: Any, same_site: Any
) -> None:
    copy = site.folder.with_name("copy")
    shutil.copytree(site.folder, copy)
    refused = same_site(copy).run("run", code=1)
    assert f"this is a copy of {site.folder}/.publisher/publisher.db, which `publisher run`" in refused.stderr
    assert "run --take-over" in refused.stderr
    second = running_site(same_site(copy), "--take-over")
    assert second.stop() == 0
    again = running_site(same_site(copy))  # it is its own site by now
    assert again.stop() == 0
    moved = copy.with_name("moved")
    copy.rename(moved)
    assert running_site(same_site(moved)).stop() == 0


def test_a_service_that_was_taken_over_from_another_machine_stops(
    site: Any, served: Any, running: Any
) -> None:
    change(site, "UPDATE service SET token = 'theirs', host = 'elsewhere'")
    served.http.close()
    _, said = served.process.communicate(timeout=30)
    assert served.process.returncode == 1
    assert "on elsewhere) has taken this site over; this one stops" in said
    refused = site.run("run", code=1).stderr  # its heartbeat is fresh, and no lock tells
    assert "on elsewhere) works on this site" in refused
    change(site, "UPDATE service SET heartbeat_at = heartbeat_at - 60000")
    assert running().stop() == 0


def change(site: Any, statement: str) -> None:
    with closing(sqlite3.connect(site.folder / ".publisher/publisher.db", timeout=20)) as store:
        store.execute(statement)
        store.commit()


def test_a_service_that_hangs_is_not_ready(site: Any, served: Any, wait_for: Any) -> None:
    subprocess.run(["kill", "-STOP", str(served.process.pid)], check=True)
    change(site, "UPDATE service SET heartbeat_at = heartbeat_at - 60000")
    answer = served.http.get("/readyz")
    subprocess.run(["kill", "-CONT", str(served.process.pid)], check=True)
    assert answer.status_code == 503
    assert answer.text.startswith("not ready: nothing is published or sent since ")
    wait_for(lambda: served.http.get("/readyz").status_code == 200)
    assert served.stop() == 0


READS = {
    "check", "posts list", "plan", "simulate", "preview", "status", "backup", "lists list", "share",
    "templates list", "templates show", "templates diff", "feeds list", "feeds snippet",
    "subscribers list", "subscribers show", "subscribers export",
    "mailings list", "mailings show", "mailings rebuild", "mailings outbox list", "signup-form",
}  # fmt: skip
STOP_MAIL = {
    "subscribers unsubscribe", "subscribers suppress", "subscribers erase",
    "mailings pause", "mailings cancel",
}  # fmt: skip
NO_SITE = {"init", "convert", "demo", "completion", "help"}
BY_THEIR_OWN_RULE = {
    "run": "a second one is refused",
    "reload": "asks the service to do it",
    "migrate": "refused while a service works",
    "restore": "refused while a service works",
    "keys dkim": "makes files that no setting names yet",
    "keys admin": "makes a token of its own",
    "templates copy": "copies a file for its author",
    "bounce": "a mail server hands over what it cannot keep; reports only stop mail",
}
MORE = {
    "subscribers add": ["--list", "daily"],
    "subscribers import": ["--list", "daily"],
    "subscribers erase": ["--yes"],
    "subscribers suppress": ["someone@example.org"],
    "mailings bounces": ["--ignore"],
    "mailings cancel": ["--yes"],
    "mailings resolve": ["--accept"],
    "mailings resend": ["--only", "unsent"],
    "mailings remake": ["--yes"],
    "lists close": ["--yes"],
    "keys api": ["robot", "--scope", "metrics"],
}
"""What a command needs beside its arguments."""


def leaves(group: click.Group, *names: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from leaves(command, *names, name)
        else:
            yield " ".join((*names, name)), command


def arguments(command: click.Command, file: str) -> list[str]:
    """One value for each argument that must be there."""
    found: list[str] = []
    for one in command.params:
        if isinstance(one, click.Argument) and (one.required or one.nargs == -1):
            kinds = {click.types.IntParamType: "1", click.Path: file}
            found.append(kinds.get(type(one.type), "daily"))
    return found


def test_every_command_that_writes_follows_the_service(site: Any) -> None:
    site.run("publish")
    app = App(load(site.folder))
    ServiceRegister(app, web_only=False).enter({})
    app.close()
    (site.folder / ".publisher/run.lock").touch()
    with closing(sqlite3.connect(site.folder / ".publisher/publisher.db")) as store:
        store.execute("UPDATE service SET host = 'elsewhere', version = '0.0.9'")
        store.commit()
    (site.folder / "file").write_text("email\nann@example.org\n")
    unlike = READS | STOP_MAIL | NO_SITE | BY_THEIR_OWN_RULE.keys()
    commands = dict(leaves(publisher))
    assert unlike - commands.keys() == set()
    for name, command in commands.items():
        if name in unlike - STOP_MAIL:
            continue
        args = [*name.split(), *arguments(command, str(site.folder / "file")), *MORE.get(name, [])]
        done = CliRunner().invoke(publisher, [*args, "--site", str(site.folder)])
        said = f"{name}: {done.output} {done.exception}"
        if name in STOP_MAIL:
            assert "warning: publisher run: `publisher run` (pid" in done.output, said
            assert "because this only stops mail" in done.output, said
        else:
            assert isinstance(done.exception, PublisherError), said
            assert "is version 0.0.9" in str(done.exception), said
