"""A real Exim, which hands mail to a pipe as the how-to configures it.

It is Debian's, unpacked by `scripts/exim` and laid over /usr and /etc in a mount namespace of its own: nobody
else sees it, and nothing is left of it. It needs root.
"""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parents[3]
UNPACKED = ROOT / ".exim"
USERS = "Debian-exim:x:{uid}:{uid}::/:/bin/false\npublisher:x:65533:65533::/:/bin/sh\n"
UID = 990
CONFIGURATION = """
spool_directory = /var/spool/exim4
log_file_path = {folder}/log/%s
primary_hostname = mx.example.org
keep_environment =
begin routers
{router}
begin transports
{transport}
begin retry
* * F,2h,15m
"""
NAMESPACE = """
set -e
mount -t overlay overlay -o lowerdir={unpacked}/usr:/usr /usr
mount -t overlay overlay -o lowerdir={folder}/etc:/etc /etc
mount -t tmpfs none /var/spool
mkdir /var/spool/exim4
chown {uid}:{uid} /var/spool/exim4
exec /usr/sbin/exim4 -odf -oi -f '<>' "$1"
"""
PIPE = """#!/bin/sh
cat > {folder}/pipe/message.part
echo "$@" > {folder}/pipe/arguments
mv {folder}/pipe/message.part {folder}/pipe/message
until [ -e {folder}/pipe/code ] || [ ! -d {folder} ]; do sleep 0.05; done
exit "$(cat {folder}/pipe/code)"
"""
"""Exim runs a pipe as another user, who may not reach the program under test: the test runs it meanwhile."""


def why_not() -> str:
    """Why there can be no Exim here; "" where there can."""
    if os.geteuid() != 0:
        return "Exim is run as root only"
    if not (UNPACKED / "usr/sbin/exim4").exists():
        return "Exim is not unpacked: run scripts/exim"
    done = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
    return "" if done.returncode == 0 else "there can be no mount namespace here"


class Exim:
    """Exim with the router and the transport of the how-to, whose command is `program` and its arguments."""

    def __init__(self, router: str, transport: str, program: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="exim-"))
        self.folder.chmod(0o755)
        for name, mode in (("log", 0o777), ("pipe", 0o777), ("etc/exim4", 0o755)):
            (self.folder / name).mkdir(parents=True)
            (self.folder / name).chmod(mode)
        for name in ("passwd", "group"):
            users = USERS if name == "passwd" else "Debian-exim:x:{uid}:\npublisher:x:65533:\n"
            text = Path(f"/etc/{name}").read_text("utf-8") + users.format(uid=UID)
            (self.folder / "etc" / name).write_text(text, encoding="utf-8")
        pipe = self.folder / "publisher"
        pipe.write_text(PIPE.format(folder=self.folder), encoding="utf-8")
        pipe.chmod(0o755)
        transport = transport.replace(program, str(pipe))
        text = CONFIGURATION.format(folder=self.folder, router=router, transport=transport)
        (self.folder / "etc/exim4/exim4.conf").write_text(text, encoding="utf-8")

    def __enter__(self) -> "Exim":
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        shutil.rmtree(self.folder)

    def send(self, message: bytes, recipient: str) -> "Handing":
        """Begins to deliver a message from the empty sender; its pipe waits for `Handing.end`."""
        for left in (self.folder / "pipe").iterdir():
            left.unlink()
        script = NAMESPACE.format(unpacked=UNPACKED, folder=self.folder, uid=UID)
        command = ["unshare", "-m", "sh", "-c", script, "sh", recipient]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        return Handing(self.folder, process, message)


class Handing:
    """One message on its way to the pipe. `message` and `arguments` are what the pipe was given."""

    def __init__(self, folder: Path, process: "subprocess.Popen[bytes]", message: bytes) -> None:
        self._folder, self._process = folder, process
        assert process.stdin is not None
        process.stdin.write(message)
        process.stdin.close()
        given = folder / "pipe/message"
        deadline = time.monotonic() + 30
        while not given.exists():
            assert process.poll() is None, self._said()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        self.message = given.read_bytes()
        self.arguments = (folder / "pipe/arguments").read_text("utf-8").split()

    def end(self, code: int) -> str:
        """Ends the pipe's command with `code`; what Exim then writes into its log."""
        whole = self._folder / "pipe/code.part"
        whole.write_text(str(code), encoding="ascii")
        whole.rename(self._folder / "pipe/code")
        self._process.wait(timeout=30)
        return self._said()

    def _said(self) -> str:
        out = b""
        if self._process.stdout is not None:
            with self._process.stdout as said:
                out = said.read()
        logs = [log.read_text("utf-8") for log in sorted((self._folder / "log").iterdir())]
        return "\n".join([out.decode(), *logs])
