"""A real Dovecot in a folder of its own: serves one Maildir by IMAP over TLS on 127.0.0.1, to one user.

It needs the programs (`scripts/dovecot` installs them) and root. The system's own configuration is neither
read nor changed.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

from certificates import Authority

USER, PASSWORD = "back@example.org", "pass word \N{POUND SIGN}1"

CONFIG = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{certificate}
ssl_key = <{certificate}
auth_mechanisms = plain login
default_internal_user = nobody
default_internal_group = nogroup
default_login_user = nobody
mail_location = maildir:{folder}/mail
first_valid_uid = 1
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
"""


def why_not() -> str:
    """Why there can be no Dovecot here; "" where there can."""
    if not Path("/usr/lib/dovecot/imap").exists() or not shutil.which("dovecot", path=PATH):
        return "Dovecot is not installed: run scripts/dovecot"
    return "" if os.geteuid() == 0 else "Dovecot runs as root only"


PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"


class Dovecot:
    """The server; entering it starts it. `authority` is what a client must trust, `mail` the Maildir."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="publisher-dovecot-"))
        self.folder.chmod(0o755)
        self.mail = self.folder / "mail"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])

    def __enter__(self) -> "Dovecot":
        authority = Authority(self.folder)
        authority.server("127.0.0.1")
        self.authority = authority.file
        (self.folder / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
        for name in ("new", "cur", "tmp"):
            (self.mail / name).mkdir(parents=True)
        for path in (self.mail, *self.mail.iterdir()):
            shutil.chown(path, "nobody", "nogroup")
        self.config = self.folder / "dovecot.conf"
        certificate = self.folder / "127.0.0.1-good.pem"
        self.config.write_text(CONFIG.format(folder=self.folder, certificate=certificate, port=self.port))
        program = shutil.which("dovecot", path=PATH)
        assert program is not None
        self.process = subprocess.Popen([program, "-F", "-c", str(self.config)], stderr=subprocess.PIPE)
        deadline = time.monotonic() + 30
        while not self._answers():
            log = self.folder / "dovecot.log"
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < deadline, log.read_text() if log.exists() else "no log"
            time.sleep(0.05)
        return self

    def _answers(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0

    def put(self, name: str, message: bytes) -> None:
        """Delivers a message."""
        file = self.mail / "tmp" / name
        file.write_bytes(message)
        shutil.chown(file, "nobody", "nogroup")
        file.rename(self.mail / "new" / name)

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.process.terminate()
        self.process.communicate(timeout=30)
        shutil.rmtree(self.folder, ignore_errors=True)
