"""A store from before a post was withdrawn, or a new one: what the journal beside it says stays withdrawn."""

import re
import signal
from typing import Any

MORNING, NOON, DUE = "2024-10-20T02:00:00Z", "2024-10-20T05:00:00Z", "2024-10-20T09:05:00Z"
GONE, WITHDRAWN = "2024-10-21T02:00:00Z", "2024-10-21T02:11:00Z"
LATER, AFTER = "2024-10-21T02:12:00Z", "2024-10-21T02:13:00Z"


def write(site: Any, name: str) -> None:
    site.post(f"{name}.md", f"---\ntitle: {name} tides\ndate: 2024-10-20\n---\n{name} words.\n")


def backed_up(site: Any, *, lists: bool = True) -> None:
    """Two posts are out, and mailed where there are lists; a backup is made."""
    text = (
        (site.folder / "publisher.toml").read_text("utf-8").replace("[web]", "[posts]\npages = true\n\n[web]")
    )
    site.settings(text if lists else re.sub(r"\[\[lists\]\].*?\n\n", "", text, flags=re.DOTALL))
    site.publish(MORNING)
    if lists:
        site.reader("ann@example.org", MORNING)
    write(site, "Usual")
    write(site, "Rare")
    site.publish(NOON)
    site.publish(DUE)
    site.run("deliver", "--at", DUE)
    assert len(site.mails()) == lists
    site.run("backup", str(site.folder / "old.backup"))


def withdraw(site: Any) -> None:
    (site.posts / "Rare.md").unlink()
    site.publish(GONE)
    assert "withdrawn" in site.publish(WITHDRAWN)


def shown(site: Any) -> str:
    """All that is under public/."""
    return b"\n".join(site.documents().values()).decode("utf-8", "replace")


def test_a_post_that_was_deleted_after_the_backup_is_never_shown_again(site: Any) -> None:
    backed_up(site)
    assert shown(site).count("Rare words") > 2
    withdraw(site)
    site.run("restore", str(site.folder / "old.backup"), "--yes")
    assert "1 withdrawal" in site.publish(LATER, code=1)
    assert "it lacks 1 withdrawal" in site.run("reconcile", "--dry-run", "--at", LATER).stderr
    told = site.run("reconcile", "--json", "--at", LATER)
    assert '"withdrawn": 1' in told.stdout
    assert "withdrew 1 post again" in told.stderr
    for at in (LATER, AFTER):
        site.publish(at)
        assert "Rare words" not in shown(site)
        assert "Usual words" in shown(site)
    assert "up to date" in site.run("reconcile", "--at", AFTER).stderr


def test_a_site_without_lists_needs_no_reconcile(site: Any) -> None:
    backed_up(site, lists=False)
    withdraw(site)
    site.run("restore", str(site.folder / "old.backup"), "--yes")
    site.publish(LATER)
    assert "Rare words" not in shown(site)
    assert "Usual words" in shown(site)


def test_a_post_that_came_back_after_the_backup_stays(site: Any) -> None:
    backed_up(site)
    (site.posts / "Rare.md").unlink()
    site.publish(GONE)
    site.publish(WITHDRAWN, code=-signal.SIGKILL, PUBLISHER_FAILPOINT="publish:applied")  # no journal yet
    write(site, "Rare")
    site.publish(LATER)
    events = re.findall(r'"event":"(\w+)"', (site.folder / ".publisher/journal").read_text("utf-8"))
    assert [event for event in events if event in ("withdrawn", "restored")] == ["withdrawn", "restored"]
    site.run("restore", str(site.folder / "old.backup"), "--yes")
    assert '"withdrawn": 0' in site.run("reconcile", "--json", "--at", LATER).stdout
    site.publish(AFTER)
    assert "Rare words" in shown(site)


def withdrawn_pages(site: Any) -> list[str]:
    """The addresses that `feeds list` calls withdrawn."""
    rows = [line.split("\t") for line in site.run("feeds", "list").stdout.splitlines()]
    return [address for address, kind, *_ in rows if kind == "withdrawn"]


def test_pages_of_withdrawn_posts_stay_gone_when_the_store_is_lost(site: Any) -> None:
    backed_up(site, lists=False)
    withdraw(site)
    gone = withdrawn_pages(site)
    assert len(gone) == 1
    for file in (site.folder / ".publisher").glob("publisher.db*"):
        file.unlink()
    site.run("reconcile")
    site.publish(LATER)
    site.publish(AFTER)
    assert withdrawn_pages(site) == gone
