"""What a person types, and what stands around a site: ports, addresses that are none, damage, folders."""

import io
import json
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path
from shutil import which
from typing import Any

import httpx
import pytest
import warm
from click.shell_completion import BashComplete

from publisher.cli import publisher
from publisher.cli.help import table_lines

POST = "---\ntitle: Good\ndate: 2024-10-01\n---\nWords.\n"
RELAY = '[mail]\ntransport = "smtp"\n[[mail.relays]]\nhost = "127.0.0.1"\nsecurity = "none"\n'


NOWHERE = ("foo", "localhost:8000", "127.0.0.1", "127.0.0.1:", ":80", "1.2.3:80", "127.0.0.1:99999", "::1:80",
           "[127.0.0.1]:80", "99999", "-1", "", "٨٠")  # fmt: skip


@pytest.mark.parametrize("listen", NOWHERE)
def test_listening_elsewhere_than_at_an_ip_address_is_wrong_usage(site: Any, listen: str) -> None:
    done = site.run("run", "--listen", listen, code=2)
    assert "neither a port nor an IP address and a port" in done.stderr


@pytest.mark.parametrize(
    ("listen", "url"),
    [("0", "http://127.0.0.1:"), ("127.0.0.1:0", "http://127.0.0.1:"), ("[::1]:0", "http://[::1]:")],
)
def test_a_port_alone_is_one_of_this_machine(site: Any, listen: str, url: str) -> None:
    command = [sys.executable, "-m", "publisher", "run", "--web-only", "--listen", listen]
    with subprocess.Popen(
        [*command, "--site", str(site.folder)], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        try:
            line = next(line for line in process.stderr if "serving" in line or "publisher:" in line)
            assert f"on {url}" in line
        finally:
            process.terminate()


def test_an_address_that_is_none_is_one_line_wherever_it_is_typed(site: Any, tmp_path: Path) -> None:
    for address in ("http://[x", "http://host:port/"):
        [line] = site.run("adopt", address, code=1).stderr.splitlines()
        assert line.startswith(f"publisher: {address}: not a web address")
        done = warm.run(["init", str(tmp_path / "new"), "--url", address], os.environ)
        assert (done.returncode, "site.url is" in done.stderr, "unexpected" in done.stderr) == (
            2,
            True,
            False,
        )
        assert not (tmp_path / "new").exists()
    feed = tmp_path / "feed.xml"
    feed.write_text(
        '<rss version="2.0"><channel><title>T</title><link>http://[x</link>'
        '<item><title>Good</title><link>http://[x</link><guid isPermaLink="false">7</guid></item>'
        "</channel></rss>"
    )
    site.post("good.md", POST)
    assert "0 may be several" in site.run("adopt", str(feed), code=None).stderr
    for setting in ("site.url", "web.public_url"):
        section, _, key = setting.partition(".")
        name = f"PUBLISHER_{section.upper()}__{key.upper()}"
        assert setting in site.run("check", code=1, **{name: "http://[x"}).stdout


def test_check_names_every_wrong_setting(site: Any) -> None:
    site.settings(
        '[site]\ntitel = "x"\nurl = "ftp://x"\ntimezone = "Mars/Base"\n[posts]\nmax_age = "soon"\n'
        '[[lists]]\nslug = "a"\nat = "25:00"\n[[feeds]]\nslug = "feed"\n'
        'paths = {atom = "x.xml", rss = "x.xml"}\n'
    )
    done = site.run("check", code=1)
    for words in ("titel", "site.url", "timezone", "max_age", "lists[0].at", "another feed is there"):
        assert words in done.stdout, done.stdout
    lines = done.stdout.splitlines()
    rows = json.loads(site.run("check", "--json", code=1).stdout)["findings"]
    assert len(rows) == len(lines) >= 6
    assert {row["line"] for row in rows} >= {2, 3, 4, 6}
    assert all(row["error"] and row["path"].endswith("publisher.toml") for row in rows)


def test_what_an_author_wrote_does_not_control_the_terminal(site: Any) -> None:
    title = "Evil \x1b[2J \x9b31m \u202e title"
    site.post("evil.md", f"---\ntitle: {json.dumps(title)}\ndate: 2024-10-01\n---\nWords.\n")
    for command in (("plan",), ("posts", "list"), ("posts", "list", "--json"), ("check",), ("publish",)):
        done = site.run(*command, code=None)
        for text in (done.stdout, done.stderr):
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text), (command, text)
    [row] = json.loads(site.run("posts", "list", "--json").stdout)
    assert "\u202e" in row["title"], "JSON keeps what it means"
    assert "\x1b" not in site.run("run", "--listen", "\x1b[2J", code=2).stderr


@pytest.mark.parametrize("damage", ["noise", "cut", "nothing", "folder", "gone", "log"])
def test_a_backup_is_restored_beside_a_damaged_store_which_is_kept(
    site: Any, tmp_path: Path, damage: str
) -> None:
    site.post("good.md", POST)
    site.publish("2024-10-02T00:00:00Z")
    backup = tmp_path / "backup.tar"
    site.run("backup", str(backup))
    store = site.folder / ".publisher/publisher.db"
    data = store.read_bytes()
    if damage in ("folder", "gone"):
        store.unlink()
    match damage:
        case "noise":
            store.write_bytes(bytes(range(256)) * 40)
        case "cut":
            store.write_bytes(data[: len(data) // 3])
        case "nothing":
            store.write_bytes(b"")
        case "folder":
            store.mkdir()
        case "log":
            store.write_bytes(data[:100] + bytes(5_000) + data[5_100:])
    Path(f"{store}-wal").write_bytes(b"of another store" * 100)
    site.run("restore", str(backup), "--yes")
    site.run("reconcile")
    assert site.json("status")["log_head"] == 1
    kept = sorted(file.name for file in store.parent.glob("publisher.db.before-1*"))
    assert ("publisher.db.before-1" in kept) == (damage != "gone")
    assert kept, "what was there is kept, whatever it was"


def test_folders_with_addresses_in_them_are_their_owners_alone(site: Any, tmp_path: Path) -> None:
    site.settings(
        '[site]\ntitle = "T"\nurl = "https://t.example/"\n'
        '[[lists]]\nslug = "d"\nfrom = "n@t.example"\ncadence = "daily"\n'
    )
    site.post("old.md", POST)
    site.publish("2024-10-02T00:00:00Z")
    site.run(
        "subscribers", "add", "ann@example.org", "--list", "d", "--confirmed", "--at", "2024-10-02T01:00:00Z"
    )
    site.post("new.md", POST.replace("2024-10-01", "2024-10-03"))
    site.publish("2024-10-04T12:00:00Z")
    folders = [site.folder / ".publisher", site.folder / "outbox"]
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o700, 0o700]
    assert "chmod 700" not in site.run("check").stdout
    for folder in folders:
        folder.chmod(0o755)
    found = site.run("check").stdout
    assert ".publisher/: warning: every user of this machine can look into it (0755)" in found
    assert "outbox/: warning: " in found
    site.publish("2024-10-04T12:01:00Z")
    assert stat.S_IMODE(folders[0].stat().st_mode) == 0o755, "what stands is the operator's"


def test_a_password_that_everybody_may_read_is_a_warning(site: Any) -> None:
    toml = f'[site]\ntitle = "T"\nurl = "https://t.example/"\n{RELAY}username = "me"\npassword = "secret"\n'
    site.settings(toml)
    file = site.folder / "publisher.toml"
    file.chmod(0o644)
    words = (
        "publisher.toml:10: warning: every user of this machine can read mail.relays[0].password here (0644)"
    )
    assert words in site.run("check").stdout
    done = site.run("publish")
    assert "warning: publisher.toml:10: every user" in done.stderr
    assert "secret" not in done.stderr
    file.chmod(0o600)
    assert "password" not in site.run("check").stdout + site.run("publish").stderr
    site.settings(toml.replace('password = "secret"\n', ""))
    file.chmod(0o644)
    given = {"PUBLISHER_MAIL__RELAYS__0__PASSWORD": "secret"}
    assert "may read" not in site.run("check", **given).stdout, "the environment is no file"


def test_the_preview_in_a_browser_answers_every_request(site: Any) -> None:
    site.settings(
        '[site]\ntitle = "T"\nurl = "https://t.example/"\n'
        '[[lists]]\nslug = "d"\nfrom = "n@t.example"\ncadence = "daily"\n'
    )
    site.post("good.md", POST)
    site.publish("2024-10-02T00:00:00Z")
    command = [sys.executable, "-m", "publisher", "preview", "d", "--serve", "--port", "0"]
    with subprocess.Popen(
        [*command, "--site", str(site.folder)], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        try:
            line = next(line for line in process.stderr if "http://" in line)
            url = line[line.index("http://") :].split()[0]
            for name in ("", "body.html", "body.txt", "subject.txt", "message.eml", "state.json"):
                answer = httpx.get(url + name, trust_env=False, timeout=30)
                assert (answer.status_code, bool(answer.content)) == (200, True), name
            assert not [note for note in answer.json()["notes"] if note[0] == "error"]
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
            assert process.stderr.read() == ""
        finally:
            process.kill()


def test_the_command_line_answers_as_people_expect(site: Any) -> None:
    def typed(*words: str, code: int = 0) -> str:
        done = warm.run(words, os.environ)
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    assert "No such command 'publsh'. Did you mean 'publish'?" in typed("publsh", code=2)
    assert "No such command 'lst'. Did you mean 'list'?" in typed("mailings", "lst", code=2)
    assert typed("-V") == typed("--version")
    assert json.loads(typed("--site", str(site.folder), "status", "--json"))["log_head"] == 0
    assert typed("help", "mailings", "list") == typed("mailings", "list", "--help")
    assert "has no commands of its own" in typed("help", "status", "more", code=2)
    assert "tomorrow 08:00" in typed("help", "times")
    assert "no page 'plam'; did you mean 'plan'?" in typed("help", "--man", "plam", code=2)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_loads_in_the_shell(shell: str) -> None:
    script = warm.run(["completion", shell], os.environ).stdout
    assert "_PUBLISHER_COMPLETE" in script
    if which(shell) is None:
        pytest.skip(f"{shell} is not here")
    prelude = "autoload -U compinit; compinit -D\n" if shell == "zsh" else ""
    done = subprocess.run([shell, "-c", prelude + script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_completion_knows_lists_feeds_and_posts(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    site.post("low-tide.md", POST)
    site.post("more/high.md", POST)
    monkeypatch.chdir(site.folder)

    def completed(line: str) -> list[str]:
        *words, begun = line.split(" ")
        shell = BashComplete(publisher, {}, "publisher", "_PUBLISHER_COMPLETE")
        return [one.value for one in shell.get_completions(words[1:], begun)]

    assert completed("publisher preview d") == ["daily"]
    assert completed("publisher publish --send ") == ["daily"]
    assert completed("publisher feeds end f") == ["feed"]
    assert completed("publisher posts list --explain ") == ["low-tide.md", "more/"]
    assert completed("publisher posts list --explain more/h") == ["more/high.md"]
    monkeypatch.chdir(site.folder.parent)
    assert completed(f"publisher --site {site.folder} preview ") == ["daily"]
    assert completed("publisher preview ") == [], "no site is no error"


def test_whoever_reads_no_more_sees_no_traceback(site: Any) -> None:
    """`| head`: the pipe is closed before anything is written to it."""
    site.post("good.md", POST)
    commands = (
        ("--help",), ("help",), ("help", "--man", "plan"), ("plan", "--help"), ("templates", "list"),
        ("posts", "list"),
        ("posts", "list", "--json"), ("plan",), ("check", "--schema"), ("subscribers", "export"),
        ("subscribers", "list", "--json"), ("feeds", "snippet", "nginx"), ("completion", "bash"), ("status",),
    )  # fmt: skip
    for command in commands:
        environ = os.environ | {"PUBLISHER_SITE": str(site.folder)}
        process = warm.start(command, environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        with process.stderr:
            said = process.stderr.read()
        assert (process.wait(60) in (0, 1), "Traceback" in said, "Error" in said) == (True, False, False), (
            command,
            said,
        )


class Terminal(io.StringIO):
    """A stream that is a window."""

    def isatty(self) -> bool:
        return True


def test_a_list_is_a_table_in_a_window_and_rows_with_tabs_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    headers = ("id", "address", "subject")
    rows = [
        (1, "ann@example.org", "Low tide at seven, and a long walk"),
        (12, "bo@example.org", "潮が引く\tx"),
    ]

    def lines(out: io.StringIO, columns: int) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        return list(table_lines(headers, rows, cut=("address", "subject"), out=out))

    monkeypatch.setenv("NO_COLOR", "1")
    assert lines(Terminal(), 80) == [
        "ID  ADDRESS          SUBJECT",
        "1   ann@example.org  Low tide at seven, and a long walk",
        "12  bo@example.org   潮が引く x",
    ]
    assert lines(Terminal(), 40) == [
        "ID  ADDRESS          SUBJECT",
        "1   ann@example.org  Low tide at seven…",
        "12  bo@example.org   潮が引く x",
    ]
    assert max(map(len, lines(Terminal(), 34))) == 33
    assert lines(io.StringIO(), 40) == [
        "1\tann@example.org\tLow tide at seven, and a long walk",
        "12\tbo@example.org\t潮が引く x",
    ]
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "xterm")
    assert lines(Terminal(), 80)[0] == "\x1b[1mID  ADDRESS          SUBJECT\x1b[0m"


def test_colors_quiet_and_verbose_are_as_asked_before_or_after_the_command(site: Any) -> None:
    site.post("good.md", POST)
    site.post("later.md", POST.replace("2024", "2099"))
    site.post("dateless.md", "---\ntitle: Dateless\n---\nWords.\n")
    site.post("draft.md", POST.replace("title", "draft: true\ntitle"))
    said = site.run("publish").stderr
    assert "waits: later.md until 2099-10-01 00:00 +07\n" in said
    assert "no date: dateless.md; give it a `date` in its front matter to publish it\n" in said
    assert "skipped: draft.md: draft: true\n" in said
    assert "\x1b" not in said
    assert "\x1b[36mwaits\x1b[0m: later.md" in site.run("publish", "--color", "always").stderr
    assert "\x1b" not in site.run("publish", "--color", "always", "--color", "never").stderr
    quiet = site.run("publish", "-q")
    assert (quiet.stdout, "waits" in quiet.stderr, "skipped" in quiet.stderr) == ("", False, False)
    assert "no reader" not in site.run("--quiet", "publish", "--send", "daily").stderr
    sent = site.run("publish", "--send", "daily").stderr
    assert "nothing to send to daily: its readers have every post" in sent
    for wrong in (("preview", "dialy"), ("feeds", "end", "fed"), ("publish", "--send", "dialy")):
        assert "; did you mean" in site.run(*wrong, code=2).stderr
    for wrong, near in ((("feeds", "snippet", "ngnix"), "nginx"), (("plan", "--color", "allways"), "always")):
        assert f"Did you mean '{near}'?" in site.run(*wrong, code=2).stderr
    assert site.run("subscribers", "list").stderr == "no subscriber yet\n"
    assert json.loads(site.run("plan", "--json").stdout)["not_public"][0].keys() == {
        "path", "title", "until", "hidden"
    }  # fmt: skip
