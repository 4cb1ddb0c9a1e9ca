"""Importing a million readers by the real command: an export with every state in it, into a new site, once
with `--confirmed` and once with a confirmation mail planned for each.

Limits: 60 s, and no more memory for a million rows than for a tenth of them, but for 32 MB. The peer is the
least that any import must do: the same rows through Python's csv module.
"""

import csv
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.table import table

MANY, FEW = 1_000_000, 100_000
SECONDS, MORE_MEMORY = 60, 32
CONSENTS = {"confirmed": ("--confirmed",), "asked to confirm": ()}
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


def imported(folder: Path, number: int, *consent: str) -> tuple[float, float]:
    """Seconds, and the peak of memory in MB, of a new site's import of so many readers, until it reports.
    Then it is stopped: mailing those who are asked to confirm is no part of it.
    """
    site, export = folder / f"site{number}", folder / f"readers{number}.csv"
    (site / "posts").mkdir(parents=True)
    (site / "publisher.toml").write_text(_TOML, encoding="utf-8")
    if not export.exists():
        make_export(export, number)
    subprocess.run([*PUBLISHER, "publish", "--site", str(site)], check=True, capture_output=True)
    command = [
        *PUBLISHER,
        "subscribers",
        "import",
        str(export),
        "--list",
        "daily",
        *consent,
        "--site",
        str(site),
    ]
    begin = time.perf_counter()
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr or ():
            if line.startswith(("active ", "pending ")):
                break
        else:
            raise RuntimeError("publisher subscribers import failed")
        taken = time.perf_counter() - begin
        process.kill()
        _, _, used = os.wait4(process.pid, 0)
    shutil.rmtree(site)
    return taken, used.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)


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
        small = max(imported(folder, FEW, *consent)[1] for consent in CONSENTS.values())
        most = small + MORE_MEMORY
        rows = [["import of a million rows", "taken", "limit", "of the limit"]]
        for how, consent in CONSENTS.items():
            seconds, peak = imported(folder, MANY, *consent)
            rows += [
                [f"seconds, {how}", f"{seconds:.1f}", f"{SECONDS}", f"{seconds / SECONDS:.2f}"],
                [f"readers per second, {how}", f"{MANY / seconds:,.0f}", "", ""],
                [f"peak memory, {how}", f"{peak:.0f} MB", f"{most:.0f} MB", f"{peak / most:.2f}"],
            ]
        peer = parsed(folder / f"readers{MANY}.csv")
    rows += [
        ["peak memory, a tenth of the rows", f"{small:.0f} MB", "", ""],
        ["csv.reader over the file", f"{peer:.1f}", "", ""],
    ]
    return table("Importing readers", rows)


if __name__ == "__main__":
    print(main())
