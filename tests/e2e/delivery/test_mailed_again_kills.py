"""kill -9 between any two steps of `mailings remake`, `release` and `resend`: given again, they finish, and
each reader has the post once.
"""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

READERS = [f"reader{n}@example.org" for n in range(1, 5)]
DUE, LATER = "2024-10-21T09:00:00Z", "2024-10-22T09:00:00Z"
STOP = ["again:cancelled", "again:journaled", "again:released"]
STEPS = {
    ("remake",): [*STOP, "plan:started", "plan:chunk", "plan:ready"],
    ("release",): STOP,
    ("resend", "--only", "unsent"): ["again:journaled", "again:queued"],
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, new_site: Any) -> Any:
    """A site with four readers and a digest of two posts that waits for approval."""
    site = new_site(tmp_path_factory.mktemp("again") / "site")
    toml = (site.folder / "publisher.toml").read_text()
    site.settings(toml.replace("[[lists]]", "[[lists]]\napprove = true") + "\n[queue]\nbatch = 2\n")
    site.post("old.md", "---\ntitle: Old\ndate: 2024-10-01\n---\nOld.\n")
    site.publish("2024-10-20T03:00:00Z")
    readers = site.folder / "readers.csv"
    readers.write_text("email\n" + "\n".join(READERS) + "\n", encoding="utf-8")
    at = ("--at", "2024-10-20T04:00:00Z")
    site.run("subscribers", "import", str(readers), "--list", "daily", "--confirmed", *at)
    site.post("one.md", "---\ntitle: One\ndate: 2024-10-21T01:00:00Z\n---\nWords of one.\n")
    site.post("two.md", "---\ntitle: Two\ndate: 2024-10-21T02:00:00Z\n---\nWords of two.\n")
    site.publish(DUE)
    return site


@pytest.mark.parametrize("verb", STEPS)
def test_kills_one_after_the_other_at_every_step_of(
    verb: tuple[str, ...], prepared: Any, tmp_path: Path, same_site: Any
) -> None:
    shutil.copytree(prepared.folder, tmp_path / "site")
    site = same_site(tmp_path / "site")
    if verb[0] == "resend":
        site.run("mailings", "cancel", "1", "--yes", "--at", DUE)
    order = ("mailings", verb[0], "1", *verb[1:], "--yes", "--at", DUE)
    for step in STEPS[verb]:
        site.run(*order, code=None, PUBLISHER_FAILPOINT=step)
    site.run(*order, code=None)  # messages that are queued again are not queued twice
    site.publish(LATER)
    for mailing in site.json("mailings", "list"):
        if mailing["state"] == "paused":
            site.run("mailings", "approve", str(mailing["id"]), "--at", LATER)
    site.run("deliver", "--at", LATER)
    assert Counter(mail["To"] for mail in site.mails()) == Counter(READERS)
    assert [m["state"] for m in site.json("mailings", "list") if m["counts"]["accepted"]] == ["done"]
