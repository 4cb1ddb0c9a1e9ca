"""Sites at work, for trials; see tests/support/site/trial.py."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from smtp_server import SmtpServer
from trial import BASE, READERS, Bench, Trial, toml


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory, new_site: Any) -> Path:
    """The folder of a site with twelve old posts and three readers, for copies."""
    site = new_site(tmp_path_factory.mktemp("begun") / "site")
    site.settings(toml({**BASE, "mail.relays.port": 25}))
    (site.folder / "password").write_text("old")
    (site.folder / "password").chmod(0o600)
    for n in range(12):
        site.post(
            f"old-{n:02}.md", f"---\ntitle: Old {n}\ndate: 2024-05-{n + 1:02}\n---\nWords of old {n}.\n"
        )
    site.run("publish")
    (site.folder / "readers.csv").write_text("email\n" + "\n".join(READERS) + "\n")
    site.run("subscribers", "import", str(site.folder / "readers.csv"), "--list", "daily", "--confirmed")
    folder: Path = site.folder
    return folder


@pytest.fixture
def bench(
    begun: Path, tmp_path: Path, same_site: Any, running_site: Any
) -> Iterator[Callable[[Trial], Bench]]:
    """Sets up the bench for a trial."""
    with ExitStack() as stack:

        def make(trial: Trial) -> Bench:
            folder = tmp_path / "site"
            shutil.copytree(begun, folder)
            relay = stack.enter_context(SmtpServer(*trial.rules, users={"me": "old"}))
            made = Bench(same_site(folder), relay, running_site)
            stack.callback(made.kill)
            return made

        yield make
