"""A mail that is made and not sent when its author hides a post in it: whatever lets it go sends it without
that post, or says why it cannot.
"""

import re
import signal
import sqlite3
from contextlib import closing
from datetime import datetime
from typing import Any

import pytest

from publisher.app import App, fixed
from publisher.config import load
from publisher.services.subscribers import subscribe

EVENING, NIGHT, MORNING = "2024-10-20T05:00:00Z", "2024-10-20T06:00:00Z", "2024-10-20T07:00:00Z"
DUE = "2024-10-20T09:05:00Z"  # 16:00 in Phnom Penh is 09:00
HIDDEN, LATER = "2024-10-20T09:20:00Z", "2024-10-20T09:30:00Z"


def write(site: Any, name: str, front: str = "") -> None:
    site.post(f"{name}.md", f"---\ntitle: {name} tides\ndate: 2024-10-20\n{front}\n---\n{name} words.\n")


def begun(site: Any, *, approve: bool = False, **environ: str) -> Any:
    """A site that has made a mail with two posts for a reader, and was killed or asked to wait."""
    if approve:
        text = (site.folder / "publisher.toml").read_text("utf-8")
        site.settings(text.replace('cadence = "daily"', 'cadence = "daily"\napprove = true'))
    site.publish(EVENING)
    site.reader("ann@example.org", NIGHT)
    write(site, "Usual")
    write(site, "Rare")
    site.publish(MORNING)
    site.publish(DUE, code=-signal.SIGKILL if environ else 0, **environ)
    assert site.mails() == []
    return site


def break_template(site: Any) -> Any:
    file = site.folder / "templates/email/single/subject.txt"
    file.parent.mkdir(parents=True)
    file.write_text("{{ nothing.here }}", encoding="utf-8")
    return file


def sent(site: Any) -> str:
    """All that the reader got, in one mail."""
    [mail] = site.mails_to("ann@example.org")
    return str(mail.as_string())


def test_approving_refuses_a_mail_that_cannot_be_made_without_a_hidden_post(site: Any) -> None:
    begun(site, approve=True)
    broken = break_template(site)
    write(site, "Rare", "hidden: true")
    said = site.publish(HIDDEN, code=1)
    assert "mailing 1: not sent: Rare.md was withdrawn, and it cannot be made again without: " in said
    for _ in range(2):
        said = site.run("mailings", "approve", "1", "--at", LATER, code=1).stderr
        assert re.search(r"mailing 1: Rare\.md was withdrawn, and .*subject\.txt", said)
        assert "fix that and try again, or run `publisher mailings cancel 1`" in said
    site.run("deliver", "--at", LATER)
    assert site.mails() == []
    broken.unlink()
    site.run("mailings", "approve", "1", "--at", LATER)
    site.run("deliver", "--at", LATER)
    assert "Rare" not in sent(site)
    assert "Usual words" in sent(site)


def test_approving_makes_a_mail_without_a_post_that_was_hidden_since(site: Any) -> None:
    begun(site, approve=True)
    write(site, "Rare", "password: x")
    site.publish(HIDDEN, code=-signal.SIGKILL, PUBLISHER_FAILPOINT="publish:applied")
    site.run("mailings", "approve", "1", "--at", LATER)
    site.run("deliver", "--at", LATER)
    assert "Rare" not in sent(site)


def test_nothing_is_approved_where_all_of_it_is_hidden(site: Any) -> None:
    begun(site, approve=True)
    for name in ("Rare", "Usual"):
        write(site, name, "draft: true")
    site.publish(HIDDEN, code=-signal.SIGKILL, PUBLISHER_FAILPOINT="publish:applied")
    said = site.run("mailings", "approve", "1", "--at", LATER, code=1).stderr
    assert "Rare.md and Usual.md were withdrawn, and it shows no other post" in said
    site.run("deliver", "--at", LATER)
    assert site.mails() == []


@pytest.mark.parametrize(
    ("step", "cut"),
    [
        ("plan:started", ""),
        ("plan:chunk", "publish:applied"),
        ("plan:ready", "publish:applied"),
        ("deliver:claimed", ""),
    ],
)
def test_a_mail_that_a_kill_left_unsent_goes_out_without_it(site: Any, step: str, cut: str) -> None:
    """Also when the publish that hid it died before it looked at mails, and the next command only sends."""
    begun(site, PUBLISHER_FAILPOINT=step)
    write(site, "Rare", "hidden: true")
    environ = {"PUBLISHER_FAILPOINT": cut} if cut else {}
    site.publish(HIDDEN, code=-signal.SIGKILL if cut else 0, **environ)
    site.run("deliver", "--at", LATER)
    site.publish("2024-10-20T10:00:00Z")
    assert "Rare" not in sent(site)
    assert "Usual words" in sent(site)


@pytest.mark.parametrize("step", ["plan:started", "plan:ready"])
def test_a_mail_that_cannot_be_made_without_it_waits_for_an_operator(site: Any, step: str) -> None:
    begun(site, PUBLISHER_FAILPOINT=step)
    broken = break_template(site)
    write(site, "Rare", "hidden: true")
    assert "mailing 1: not sent: Rare.md was withdrawn" in site.publish(HIDDEN, code=1)
    assert "Rare.md was withdrawn" in site.run("mailings", "show", "1").stdout
    said = site.run("mailings", "resume", "1", "--at", LATER, code=1).stderr
    assert "or run `publisher mailings cancel 1`" in said
    site.run("deliver", "--at", LATER)
    assert site.mails() == []
    broken.unlink()
    site.run("mailings", "resume", "1", "--at", LATER)
    site.run("deliver", "--at", LATER)
    assert "Rare" not in sent(site)


def test_what_is_sent_again_is_sent_without_it(site: Any) -> None:
    begun(site, PUBLISHER_FAILPOINT="deliver:intended")
    write(site, "Rare", "hidden: true")
    site.publish(HIDDEN, "--no-mail")
    site.run("mailings", "resolve", "1", "--resend", "--yes", "--at", LATER, code=None)
    site.run("deliver", "--at", LATER)
    assert "Rare" not in sent(site)


def waiting_welcome(site: Any) -> None:
    """A reader has confirmed, and the mail that greets them with the latest posts is not sent yet."""
    text = (site.folder / "publisher.toml").read_text("utf-8")
    site.settings(text.replace('cadence = "daily"', 'cadence = "daily"\nwelcome = "latest"'))
    write(site, "Usual")
    write(site, "Rare")
    site.publish(EVENING)
    site.run("subscribers", "add", "ann@example.org", "--list", "daily", "--at", NIGHT)
    site.run("deliver", "--at", NIGHT)
    [asked] = site.mails()
    token: Any = re.search(r"/confirm/([\w-]+)", asked.get_body(("plain",)).get_content())
    app = App(load(site.folder), clock=fixed(datetime.fromisoformat(MORNING)), environ={})
    subscribe.confirm(app.deps, token[1], datetime.fromisoformat(MORNING))
    app.close()
    next(site.outbox.glob("*.eml")).unlink()


def test_a_waiting_welcome_greets_without_a_post_that_was_hidden_since(site: Any) -> None:
    waiting_welcome(site)
    write(site, "Rare", "hidden: true")
    assert "mailing 2: remade because Rare.md was withdrawn" in site.publish(HIDDEN)
    assert "made again" not in site.publish(LATER)
    site.run("deliver", "--at", LATER)
    assert "Rare" not in sent(site)
    assert "Usual words" in sent(site)


def test_a_waiting_welcome_of_an_older_version_shows_nothing_that_may_be_hidden(site: Any) -> None:
    waiting_welcome(site)
    with closing(sqlite3.connect(site.folder / ".publisher/publisher.db")) as store, store:
        store.execute("DELETE FROM mailing_posts")  # which it did not write
    for name in ("Rare", "Usual"):
        write(site, name, "draft: true")
    site.publish(HIDDEN, code=-signal.SIGKILL, PUBLISHER_FAILPOINT="publish:applied")
    site.run("deliver", "--at", LATER)
    assert "tides" not in sent(site)


def test_a_preview_of_the_newest_posts_shows_none_that_its_file_hides_by_now(site: Any) -> None:
    write(site, "Usual")
    write(site, "Rare")
    site.publish(EVENING)
    write(site, "Rare", "password: x")
    shown = site.run("preview", "daily", "--at", NIGHT, "--out", str(site.folder / "seen"))
    assert shown.returncode == 0
    files = [file.read_text("utf-8") for file in (site.folder / "seen").rglob("*") if file.is_file()]
    assert any("Usual words" in text for text in files)
    assert not any("Rare" in text for text in files)
