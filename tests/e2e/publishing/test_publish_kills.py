"""kill -9 between any two steps of publish and deliver: the next run finishes; nothing twice or lost."""

import gzip
import re
import shutil
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import brotli
import pytest
from killing import DEPARTURES
from paths import ROOT

READERS = [f"reader{n}@example.org" for n in range(1, 8)]

STEPS = [
    "publish:planned",
    "publish:applied",
    "publish:remembered",
    "documents:removed",
    "documents:removed:2",
    "documents:staged",
    "documents:saved",
    "documents:placed",
    "documents:placed:3",
    "shelf:bare",
    "shelf:bare:3",
    "shelf:encoding",
    "shelf:encoding:2",
    "shelf:encoding:5",
    "plan:started",
    "plan:chunk",
    "plan:ready",
    "deliver:claimed",
    "deliver:claimed:3",
    "deliver:offered",
    "deliver:offered:5",
    "deliver:intended",
    "deliver:intended:5",
    "deliver:committed",
    "deliver:committed:5",
    "deliver:settled",
    "deliver:settled:5",
    "deliver:finished",
    "deliver:finished:2",
]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, new_site: Any) -> Any:
    """A site with seven readers, a baseline behind it, and two new posts and one taken back before it;
    batches of two; a page for each post.
    """
    site = new_site(tmp_path_factory.mktemp("crash") / "site")
    site.settings(
        (site.folder / "publisher.toml").read_text() + "\n[queue]\nbatch = 2\n[posts]\npages = true\n"
    )
    (site.posts / "back").mkdir()
    (site.posts / "back/chart.txt").write_text("a chart", encoding="utf-8")
    site.post("back/index.md", "---\ntitle: Back\ndate: 2024-10-01\n---\n[Chart](chart.txt)\n")
    site.post("old.md", "---\ntitle: Old\ndate: 2024-10-01\n---\nOld.\n")
    site.publish("2024-10-20T03:00:00Z")
    readers = site.folder / "readers.csv"
    readers.write_text("email\n" + "\n".join(READERS) + "\n", encoding="utf-8")
    site.run(
        "subscribers",
        "import",
        str(readers),
        "--list",
        "daily",
        "--confirmed",
        "--at",
        "2024-10-20T04:00:00Z",
    )
    site.post("back/index.md", "---\ntitle: Back\ndate: 2024-10-01\ndraft: true\n---\n")
    site.post("one.md", "---\ntitle: One\ndate: 2024-10-21T01:00:00Z\n---\nWords of one.\n")
    site.post("two.md", "---\ntitle: Two\ndate: 2024-10-21T02:00:00Z\n---\nWords of two.\n")
    return site


@pytest.fixture
def copied(prepared: Any, tmp_path: Path, same_site: Any) -> Any:
    shutil.copytree(prepared.folder, tmp_path / "site")
    return same_site(tmp_path / "site")


@pytest.fixture(scope="module")
def unharmed(prepared: Any, tmp_path_factory: pytest.TempPathFactory, same_site: Any) -> Any:
    """The same site after a publish that nothing interrupted."""
    folder = tmp_path_factory.mktemp("unharmed") / "site"
    shutil.copytree(prepared.folder, folder)
    site = same_site(folder)
    site.publish("2024-10-21T09:00:00Z")
    return site


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at(step: str, copied: Any, unharmed: Any) -> None:
    copied.publish("2024-10-21T09:00:00Z", code=-signal.SIGKILL, PUBLISHER_FAILPOINT=step)
    check_encodings(copied)
    copied.publish("2024-10-21T09:00:00Z")
    check(copied, unharmed)


def test_kills_one_after_the_other_at_every_step(copied: Any, unharmed: Any) -> None:
    for step in STEPS:
        copied.publish("2024-10-21T09:00:00Z", code=None, PUBLISHER_FAILPOINT=step)
        check_encodings(copied)
    copied.publish("2024-10-21T09:00:00Z")
    check(copied, unharmed)


def check(site: Any, unharmed: Any) -> None:
    """Every reader has one copy; the ledger says so; the documents are those of an unharmed publish."""
    assert Counter(mail["To"] for mail in site.mails()) == Counter(READERS)
    [mailing] = site.json("mailings", "list")
    assert mailing["state"] == "done"
    assert mailing["planned"] == len(READERS)
    assert mailing["counts"]["accepted"] == len(READERS)
    assert sum(mailing["counts"].values()) == len(READERS)
    assert site.documents() == unharmed.documents()
    check_encodings(site)
    assert "feed.atom.gz" in site.documents()
    assert "feed.atom.br" in site.documents()
    assert not [path for path in site.documents() if "back" in path or path.startswith("assets/")]
    assert not [file for file in site.folder.rglob("*") if file.name.endswith(".part")]
    assert [item["title"] for item in site.feed()["items"]] == ["Two", "One", "Old"]


def check_encodings(site: Any) -> None:
    """Every encoding is that of the bytes it stands beside, whatever moment the process was killed at."""
    documents = site.documents()
    for path, data in documents.items():
        for suffix, unpack in ((".gz", gzip.decompress), (".br", brotli.decompress)):
            if not path.rpartition("/")[2].startswith(".") and path + suffix in documents:
                assert unpack(documents[path + suffix]) == data, path + suffix


def test_every_step_of_the_code_is_in_this_test() -> None:
    package = ROOT / "publisher"
    named = {
        step
        for room in ("services", "stores")
        for file in (package / room).rglob("*.py")
        for step in re.findall(r'failpoint\("([^"]+)"\)', file.read_text())
    }
    hubs = {"websub:claimed", "websub:told"}  # see test_websub
    elsewhere = hubs | {step for step in named if step.startswith("reconcile:")}  # see test_restored_store
    elsewhere |= {*DEPARTURES, "resolve:settled"}  # see test_departure_kills, test_resolve_by_log
    elsewhere |= {"bounces:suppressed", "bounces:counted"}  # see test_refusal_kills
    elsewhere |= {"import:journaled", "import:chunk"}  # see test_import_kills
    elsewhere |= {"lists:journaled", "lists:committed"}  # see test_removed_lists
    elsewhere |= {"outbox:journaled", "outbox:queued"}  # see test_changed_transport
    elsewhere |= {"lists:journaled", "lists:committed"}  # see test_removed_lists
    elsewhere |= {"bounce:recorded"}  # see test_returned_mail
    elsewhere |= {"confirm:journaled"}  # see test_departure_kills
    elsewhere |= {step for step in named if step.startswith("again:")}  # see test_mailed_again_kills
    assert named - elsewhere == {":".join(step.split(":")[:2]) for step in STEPS}
