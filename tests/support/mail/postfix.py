"""A real Postfix in a folder of its own: takes mail on 127.0.0.1 and puts it into Maildirs there.

It needs the programs (`scripts/postfix` installs them) and root. The system's own configuration is neither
read nor changed: queue, data, log and settings are in the folder, which is gone afterwards. The folder is not
pytest's: Postfix gives up root on its way, and must still be able to enter.
"""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

DOMAIN = "example.org"
MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.{domain}
mydestination =
mynetworks = 127.0.0.0/8
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject
smtputf8_enable = yes
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
default_transport = {elsewhere}
"""
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
smtp unix - - n - - smtp
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


SECOND_HOP = """
127.0.0.1:{port} inet n - n - - smtpd
  -o smtpd_discard_ehlo_keywords=8bitmime,smtputf8,chunking,dsn
"""


def why_not() -> str:
    """Why there can be no Postfix here; "" where there can."""
    if not shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:/usr/sbin"):
        return "Postfix is not installed: run scripts/postfix"
    return "" if os.geteuid() == 0 else "Postfix runs as root only"


class Postfix:
    """The server; entering it starts it. With `second_hop` it hands each message to a hop that takes 7 bits
    only, which delivers it. `elsewhere` is the transport of mail to other domains.
    """

    def __init__(
        self, *, second_hop: bool = False, elsewhere: str = "error:nothing leaves this machine"
    ) -> None:
        self._second_hop, self._elsewhere = second_hop, elsewhere
        self.folder = Path(tempfile.mkdtemp(prefix="publisher-postfix-"))
        self.folder.chmod(0o755)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])

    def __enter__(self) -> "Postfix":
        nobody = pwd.getpwnam("nobody")
        for name in ("queue", "data", "mail", "etc"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix")
        shutil.chown(self.folder / "mail", "nobody")
        main = MAIN.format(
            folder=self.folder, domain=DOMAIN, uid=nobody.pw_uid, gid=nobody.pw_gid, elsewhere=self._elsewhere
        )
        (self.folder / "etc" / "main.cf").write_text(main)
        master = MASTER.format(port=self.port)
        if self._second_hop:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = int(free.getsockname()[1])
            filtered = f"smtpd -o content_filter=smtp:[127.0.0.1]:{port}"
            master = master.replace(" smtpd\n", f" {filtered}\n") + SECOND_HOP.format(port=port)
        (self.folder / "etc" / "master.cf").write_text(master)
        self._run("start")
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._run("stop")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, what: str) -> None:
        program = shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        assert program is not None
        done = subprocess.run(
            [program, "-c", str(self.folder / "etc"), what],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        log = self.folder / "mail.log"
        assert done.returncode == 0, done.stderr + (log.read_text() if log.exists() else "")

    def delivered(self, number: int) -> list[bytes]:
        """The files of the Maildirs, with CRLF line ends, once there are so many."""
        deadline = time.monotonic() + 30
        while len(files := sorted((self.folder / "mail").glob("**/new/*"))) < number:
            assert time.monotonic() < deadline, (self.folder / "mail.log").read_text()
            time.sleep(0.05)
        return [file.read_bytes().replace(b"\n", b"\r\n") for file in files]
