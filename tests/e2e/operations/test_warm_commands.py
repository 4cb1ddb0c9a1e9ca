"""A command from the warm process is what a fresh one is: else the other tests here prove little."""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import warm


@pytest.fixture
def both(site: Any) -> Any:
    """Runs `publisher ARGS --site` both ways; what they say and how they end is the same."""

    def run(*args: str, **environ: str) -> subprocess.CompletedProcess[str]:
        command, env = [*args, "--site", str(site.folder)], dict(os.environ) | environ
        ways = [warm.run(command, env, fresh=fresh) for fresh in (False, True)]
        assert len({(done.returncode, done.stdout, done.stderr) for done in ways}) == 1, ways
        return ways[0]

    return run


def test_output_errors_and_exit_codes_are_those_of_a_fresh_process(site: Any, both: Any) -> None:
    site.post("one.md", "---\ntitle: One\ndate: 2024-10-01\n---\nOne.\n")
    site.post("two.md", "---\ntitle: [\n---\nTwo.\n")
    assert both("plan", "--json", "--at", "2024-10-02T00:00:00Z").stdout.startswith("{")
    assert both("check").returncode == 1
    assert "publisher: " in both("status", PUBLISHER_SITE__TIMEZONE="Nowhere").stderr
    assert both("nonsense").returncode == 2


def test_each_has_the_environment_and_the_folder_it_was_started_with(
    site: Any, both: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "web.listen" in both("check", PUBLISHER_WEB__LISTEN="nowhere").stdout
    assert both("check").returncode == 0
    monkeypatch.chdir(site.folder)
    for fresh in (False, True):
        done = warm.run(["publish", "--at", "2024-10-02T00:00:00Z"], os.environ, fresh=fresh)
        assert done.returncode == 0
    assert (site.public / "feed.atom").exists()


def test_a_kill_a_stop_and_an_end_are_told_as_they_are(site: Any, running: Any, wait_for: Any) -> None:
    server = running()
    assert server.process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        server.process.wait(0)
    os.kill(server.process.pid, signal.SIGSTOP)
    os.kill(server.process.pid, signal.SIGCONT)
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.communicate(timeout=60)
    assert server.process.wait() == -signal.SIGKILL
    assert server.process.poll() == -signal.SIGKILL
    assert running().stop() == 0


def test_many_at_once_are_processes_of_their_own() -> None:
    started = [warm.start(["--version"], os.environ, stdout=subprocess.PIPE) for _ in range(8)]
    assert len({os.getpid(), *(process.pid for process in started)}) == 9
    assert len({process.communicate()[0] for process in reversed(started)}) == 1
    assert {process.returncode for process in started} == {0}


def test_what_is_read_at_the_start_gets_a_fresh_process(site: Any) -> None:
    command = ["status", "--site", str(site.folder)]
    process = warm.start(command, dict(os.environ) | {"PYTHONHASHSEED": "7"})
    assert isinstance(process, subprocess.Popen)
    assert process.wait(60) == 0


def test_a_command_in_a_process_that_is_warm_holds_no_file_of_the_server(site: Any, running: Any) -> None:
    open_files = Path(f"/proc/{running().process.pid}/fd")
    if not open_files.is_dir():
        pytest.skip("the system does not show which files a process has open")
    targets: list[str] = []
    for link in open_files.iterdir():
        with suppress(FileNotFoundError):  # closed since the folder was listed
            targets.append(str(link.readlink()))
    assert not [name for name in targets if name.startswith("socket:")], "of orders, or of another command"


def test_the_warm_process_ends_with_its_test_run(site: Any) -> None:
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); import warm;"
        "done = warm.run(['status', '--site', sys.argv[2]], os.environ);"
        "print(done.returncode, warm.Forked(['--help'], os.environ, -3, -3).wait())"
    )
    here = str(Path(warm.__file__).parent)
    told = subprocess.run(
        [sys.executable, "-c", code, here, str(site.folder)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert (told.stdout, told.stderr) == ("0 0\n", "")
