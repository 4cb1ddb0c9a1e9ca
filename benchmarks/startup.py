"""How fast the command line is: --help, and a publish with nothing to do on the example site.

Limits: 200 ms and 600 ms. The floor is the interpreter itself (`python -c pass`), in the same run.
"""

import sys
import tempfile
from pathlib import Path

from benchmarks.table import command, median_seconds, table

PUBLISHER = [sys.executable, "-m", "publisher"]


def main() -> str:
    """Runs the comparison; returns its table."""
    with tempfile.TemporaryDirectory() as folder:
        site = str(Path(folder) / "site")
        command(*PUBLISHER, "demo", site, "--no-serve")()
        floor = median_seconds(command(sys.executable, "-c", "pass"))
        rows = [["command", "median", "limit", "of the limit", "times bare Python"]]
        for name, args, limit in (
            ("publisher --help", ["--help"], 0.2),
            ("publisher status", ["status", "--site", site], 0.6),
            ("publisher publish, nothing to do", ["publish", "--site", site], 0.6),
        ):
            taken = median_seconds(command(*PUBLISHER, *args))
            figures = [f"{taken * 1e3:.0f} ms", f"{limit * 1e3:.0f} ms", f"{taken / limit:.2f}"]
            rows.append([name, *figures, f"{taken / floor:.1f}"])
        rows.append(["python -c pass", f"{floor * 1e3:.0f} ms", "", "", "1.0"])
    return table("Start-up", rows)


if __name__ == "__main__":
    print(main())
