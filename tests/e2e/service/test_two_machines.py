"""Two machines with one folder between them, each with a host name and locks of its own: as on a network file
system, where no lock of one machine is seen by the other.
"""

import os
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from trial import Bench, Trial
from warm import COMMAND

BEGIN = (
    'hostname "$0"; for own in "$1"/*.lock; do mount --bind "$own" "$2/${own##*/}"; done; shift 2; exec "$@"'
)


def other_machine(bench: Bench) -> list[str]:
    """What runs a command as if on another machine; the test is skipped where that is not allowed."""
    state, locks = bench.path(".publisher"), bench.folder.with_name("locks of the other machine")
    locks.mkdir(exist_ok=True)
    for lock in state.glob("*.lock"):
        (locks / lock.name).touch()
    unshare = ["unshare", "--uts", "--mount", "--propagation", "private"]
    if subprocess.run([*unshare, "hostname", "other"], capture_output=True, check=False).returncode:
        pytest.skip("only root may have a host name of its own, and not everywhere")
    return [*unshare, "sh", "-c", BEGIN, "other", str(locks), str(state)]


class Elsewhere:
    """`publisher run` on the other machine."""

    def __init__(self, before: list[str], folder: Path, *args: str) -> None:
        command = [*before, *COMMAND, "run", *args, "--site", str(folder)]
        own = {name: value for name, value in os.environ.items() if not name.startswith("PUBLISHER_")}
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=own)
        self.said: list[str] = []
        self.url = ""
        assert self.process.stderr is not None
        while not self.url and (line := self.process.stderr.readline()):
            self.said.append(line)
            self.url = "".join(re.findall(r"http://[\d.]+:\d+", line))
        assert self.url, self.said
        self.http = httpx.Client(base_url=self.url, trust_env=False)


@pytest.mark.soak
def test_two_machines_take_turns_only_when_that_is_said(bench: Any) -> None:
    at_work: Bench = bench(Trial("", "", []))
    at_work.news("first")
    before = other_machine(at_work)
    here: Callable[..., Any] = at_work.start

    def there(_site: Any, *args: str, **_environ: str) -> Elsewhere:
        return Elsewhere(before, at_work.folder, *args)

    for number, (start, words) in enumerate(((there, before), (here, ()), (there, before))):
        refused = at_work.site.run("run", code=1, before=words).stderr if number % 2 == 0 else ""
        assert not refused or "works on this site; it said so at" in refused
        with at_work.unasked():
            assert at_work.down(signal.SIGKILL) == -signal.SIGKILL
            refused = at_work.site.run("run", code=1, before=words).stderr
            assert "works on this site; it said so at" in refused
            at_work.start = start
            at_work.up("--take-over")
        assert at_work.service()["host"] == ("other" if start is there else os.uname().nodename)
        at_work.news(f"round {number}")
    old, reading, at_work.start = at_work.server, at_work.reading, here  # the old one lives this time
    with at_work.unasked():
        at_work.up("--take-over")
        assert old.process.wait(60) == 1
        reading.join()
    assert "has taken this site over; this one stops" in "".join(at_work.log)
    at_work.news("last")
    at_work.end()
