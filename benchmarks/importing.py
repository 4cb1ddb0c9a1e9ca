"""Importing a million readers by the real command: an export with every state in it, into a new site.

Limits: 60 s, and no more memory for a million rows than for a tenth of them, but for 32 MB. The peer is the
least that any import must do: the same rows through Python's csv module.
"""

import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.table import table

MANY, FEW = 1_000_000, 100_000
SECONDS, MORE_MEMORY = 60, 32
PUBLISHER = (sys.executable, "-m", "publisher")

_TOML = """
[site]
title = "The Quay"
url = "https://quay.example/"
[[lists]]
slug = "daily"
from = "news@quay.example"
"""


def make_export(path: Path, number: int) -> None:
    """An export of Ghost's: nine of ten readers get mail."""
    with path.open("w", encoding="utf-8") as file:
        file.write("id,email,name,subscribed_to_emails,complimentary_plan,created_at,deleted_at,labels\n")
        for n in range(number):
            gets = "false" if n % 10 == 0 else "true"
            file.write(f"{n},reader{n:07}@quay{n % 97}.example,Reader {n},{gets},false,2024-01-02,,\n")


def imported(folder: Path, number: int) -> tuple[float, float]:
    """Seconds, and the peak of memory in MB, of a new site's import of so many readers."""
    site, export = folder / f"site{number}", folder / f"readers{number}.csv"
    (site / "posts").mkdir(parents=True)
    (site / "publisher.toml").write_text(_TOML, encoding="utf-8")
    make_export(export, number)
    run("publish", "--site", str(site))
    begin = time.perf_counter()
    peak = run("subscribers", "import", str(export), "--list", "daily", "--confirmed", "--site", str(site))
    return time.perf_counter() - begin, peak


def run(*args: str) -> float:
    """Runs the command; the peak of its memory in MB."""
    process = subprocess.Popen([*PUBLISHER, *args], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        raise RuntimeError(f"publisher {args[0]} failed")
    return used.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)


def parsed(export: Path) -> float:
    """Seconds to read the file, and no more."""
    begin = time.perf_counter()
    with export.open(encoding="utf-8", newline="") as file:
        for _ in csv.reader(file):
            pass
    return time.perf_counter() - begin


def main() -> str:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _, small = imported(folder, FEW)
        seconds, peak = imported(folder, MANY)
        peer = parsed(folder / f"readers{MANY}.csv")
    most = small + MORE_MEMORY
    rows = [
        ["import of a million rows", "taken", "limit", "of the limit"],
        ["seconds", f"{seconds:.1f}", f"{SECONDS}", f"{seconds / SECONDS:.2f}"],
        ["readers per second", f"{MANY / seconds:,.0f}", "", ""],
        ["peak memory", f"{peak:.0f} MB", f"{most:.0f} MB", f"{peak / most:.2f}"],
        ["peak memory, a tenth of the rows", f"{small:.0f} MB", "", ""],
        ["csv.reader over the file", f"{peer:.1f}", "", ""],
    ]
    return table("Importing readers", rows)


if __name__ == "__main__":
    print(main())
