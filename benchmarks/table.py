"""What every benchmark shares: medians of runs, and a table with the machine it ran on."""

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path


def median_seconds(run: Callable[[], object], *, times: int = 7, warm: int = 1) -> float:
    """The median wall time of `run` in seconds, after `warm` runs that do not count."""
    for _ in range(warm):
        run()
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        run()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def command(*args: str, **environ: str) -> Callable[[], object]:
    """A whole process, run to its end; its failure is the benchmark's."""

    def run() -> None:
        subprocess.run(args, check=True, capture_output=True, env=os.environ | environ)

    return run


def machine() -> str:
    """One line on what this ran on."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line for line in info.read_text().splitlines() if "model name" in line]
        model = lines[0].partition(":")[2].strip() if lines else model
    return f"{os.cpu_count()} cores, {model}, {platform.system()}, Python {platform.python_version()}"


def table(title: str, rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first row is its head."""
    head, *body = rows
    lines = [f"## {title}", "", machine(), "", _row(head), _row(["---"] * len(head)), *map(_row, body), ""]
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
