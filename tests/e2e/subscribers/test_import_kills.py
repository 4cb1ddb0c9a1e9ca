"""kill -9 in the middle of an import: run again, it ends where it would have ended, and asks nobody twice."""

import shutil
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

AT = "2024-10-20T04:00:00Z"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, new_site: Any) -> Any:
    """A site with a reader, and a file of people who stay, who left, and who bounced: more than one chunk."""
    site = new_site(tmp_path_factory.mktemp("import") / "site")
    site.publish("2024-10-20T03:00:00Z")
    site.run("subscribers", "add", "here@example.org", "--list", "daily", "--confirmed", "--at", AT)
    lines = ["uuid,email,attributes,status"]
    lines += [f"{n},r{n}@example.org,{{}},{'blocklisted' if n % 4 else 'enabled'}" for n in range(14_000)]
    lines += ["x,here@example.org,{},blocklisted"]
    (site.folder / "readers.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    gone = ["email"] + [f"gone{n}@example.org" for n in range(5)]
    (site.folder / "gone.csv").write_text("\n".join(gone) + "\n", encoding="utf-8")
    ask = ["email"] + [f"ask{n}@example.org" for n in range(5)]
    (site.folder / "ask.csv").write_text("\n".join(ask) + "\n", encoding="utf-8")
    return site


@pytest.fixture
def copied(prepared: Any, tmp_path: Path, same_site: Any) -> Any:
    shutil.copytree(prepared.folder, tmp_path / "site")
    return same_site(tmp_path / "site")


def take(site: Any, code: int = 0, **environ: str) -> None:
    files = [str(site.folder / "readers.csv"), "--left", str(site.folder / "gone.csv")]
    site.run(
        "subscribers", "import", *files, "--list", "daily", "--confirmed", "--at", AT, code=code, **environ
    )


def ending(site: Any) -> tuple[Any, Any]:
    rows = site.json("subscribers", "list")
    shown = [site.json("subscribers", "show", f"{name}@example.org") for name in ("here", "r1", "gone0")]
    blocks = [[(one["list"], one["kind"]) for one in person["suppressions"]] for person in shown]
    return {row["address"]: row["state"] for row in rows}, blocks


@pytest.fixture(scope="module")
def unharmed(prepared: Any, tmp_path_factory: pytest.TempPathFactory, same_site: Any) -> Any:
    folder = tmp_path_factory.mktemp("unharmed") / "site"
    shutil.copytree(prepared.folder, folder)
    site = same_site(folder)
    take(site)
    return ending(site)


STEPS = ["import:journaled", "import:chunk", "import:journaled:2", "import:journaled:3", "import:chunk:3"]


@pytest.mark.parametrize("step", STEPS)
def test_an_import_that_was_killed_goes_on(step: str, copied: Any, unharmed: Any) -> None:
    take(copied, code=-signal.SIGKILL, PUBLISHER_FAILPOINT=step)
    take(copied)
    assert ending(copied) == unharmed
    copied.publish("2024-10-20T05:00:00Z")  # the store knows everything that the journal tells


def test_nobody_is_asked_twice_and_nobody_never(copied: Any) -> None:
    file = str(copied.folder / "ask.csv")
    given = ("subscribers", "import", file, "--list", "daily", "--at", AT)
    copied.run(*given, code=-signal.SIGKILL, PUBLISHER_FAILPOINT="import:chunk")
    copied.run(*given)
    copied.publish("2024-10-20T05:00:00Z")
    assert Counter(mail["To"] for mail in copied.mails()) == Counter(f"ask{n}@example.org" for n in range(5))
