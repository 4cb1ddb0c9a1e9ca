"""The long test: a publish with thousands of readers, killed at random instants until it is through."""

import random
import signal
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

READERS = [f"reader{n}@example.org" for n in range(1, 3001)]
AT = "2024-10-21T09:00:00Z"


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(5))
def test_random_kills_repeat_nothing_and_lose_nothing_silently(seed: int, site: Any) -> None:
    site.settings((site.folder / "publisher.toml").read_text() + "\n[queue]\nbatch = 100\n")
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
    for number in range(5):
        site.post(f"{number}.md", f"---\ntitle: Post {number}\ndate: 2024-10-21\n---\nWords.\n")

    chance = random.Random(seed)  # noqa: S311  # chance, not secrets
    # The first ones die early on any machine; each later one may get further.
    kills = sum(killed(site, chance.uniform(0.3, 0.6 + 0.1 * number)) for number in range(25))
    site.publish(AT)

    assert kills, "every run was through before its kill: let them come earlier"
    [mailing] = site.json("mailings", "list")
    counts = mailing["counts"]
    assert mailing["planned"] == len(READERS)
    assert counts["accepted"] + counts["unknown"] == sum(counts.values()) == len(READERS)
    copies = Counter(mail["To"] for mail in site.mails())
    assert max(copies.values()) == 1
    in_doubt = counts["unknown"]
    assert len(READERS) - in_doubt <= len(copies) <= len(READERS)
    assert in_doubt <= kills, "at most one message in doubt for each kill of one connection"


def killed(site: Any, after: float) -> bool:
    """Publishes, and kills that process after some seconds; whether it was still at work."""
    command = [sys.executable, "-m", "publisher", "publish", "--at", AT, "--site", str(site.folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(timeout=after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
    return process.returncode == -signal.SIGKILL
