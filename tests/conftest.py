"""What every test shares."""

import asyncio
import gc
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
from hypothesis.internal.conjecture import engine
from postgres import begin_run
from properties import LONG, USUAL
from statements import keep_statements

from templates import keep_compiled

# No test passes or fails by the clock: a machine may be busy. What fails is made small for a minute, where
# Hypothesis takes five, and is not explained, which runs it again and again.
engine.MAX_SHRINKING_SECONDS = 60
PHASES = tuple(phase for phase in hypothesis.Phase if phase is not hypothesis.Phase.explain)
hypothesis.settings.register_profile("publisher", deadline=None, max_examples=USUAL, phases=PHASES)
hypothesis.settings.register_profile("soak", deadline=None, max_examples=LONG, phases=PHASES)
hypothesis.settings.load_profile("publisher")

MEMORY, ENOUGH = Path("/dev/shm"), 4 << 30  # noqa: S108  # bytes that must be free


def use_memory_for_temporary_files() -> None:
    """Sites and stores of tests are in memory where there is enough: they are flushed at every step, and
    gone a moment later. TMPDIR names another place.
    """
    if "TMPDIR" in os.environ or not MEMORY.is_dir() or not os.access(MEMORY, os.W_OK):
        return
    runs_programs = not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC
    if runs_programs and shutil.disk_usage(MEMORY).free > ENOUGH:
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None  # which was found before


use_memory_for_temporary_files()
gc.set_threshold(50_000, 20, 50)  # as the command line has it
keep_compiled()
keep_statements()
begin_run()

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the files under tests/golden")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """`make soak` tries every property, and thousands of times: --hypothesis-profile soak."""
    if config.getoption("--hypothesis-profile") == "soak":
        for item in items:
            if hypothesis.is_hypothesis_test(getattr(item, "obj", None)):
                item.add_marker("soak")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, bytes], None]:
    """`golden(name, data)`: `data` must equal tests/golden/<name>; with --update-golden it becomes it."""

    def compare(name: str, data: bytes) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        assert path.exists(), f"tests/golden/{name} is missing; make it with pytest --update-golden"
        assert data == path.read_bytes(), f"tests/golden/{name} differs; see git diff after --update-golden"

    return compare


@pytest.fixture(params=["asyncio", "uvloop"])
def each_loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """`asyncio.run` runs in Python's own loop, and in the one that mail is sent in where that is there."""
    if request.param == "uvloop":
        pytest.importorskip("uvloop", reason="uvloop is not made for this system")
        from publisher.services.delivery.deliver import run

        monkeypatch.setattr(asyncio, "run", run)
