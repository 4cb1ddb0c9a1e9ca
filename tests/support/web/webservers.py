"""nginx, Apache and Caddy as Debian has them, on loopback, with what `publisher feeds snippet` writes.

`scripts/servers` installs them. The system's own configuration is neither read nor changed.
"""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"
PROGRAMS = {"nginx": "nginx", "apache": "apache2", "caddy": "caddy"}

_NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;{user}
events {{ worker_connections 64; }}
http {{
    include /etc/nginx/mime.types; access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port}; include {folder}/snippet.conf; }}
}}
"""
_MODULES = "mpm_event authz_core headers deflate alias dir mime filter proxy proxy_http"
_APACHE = """
ServerRoot {folder}
ServerName 127.0.0.1
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
Listen 127.0.0.1:{port}
{modules}
TypesConfig /etc/mime.types
{user}
<VirtualHost 127.0.0.1:{port}>
Include {folder}/snippet.conf
</VirtualHost>
"""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def program(server: str) -> str:
    """Where it is. Skips the test where it is not installed; in CI that fails."""
    found = shutil.which(PROGRAMS[server], path=_PATH)
    if found is None:
        why = f"{server} is not installed: run scripts/servers"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    return found


def _command(server: str, folder: Path, port: int) -> tuple[list[str], list[str]]:
    """How it is started, and how its configuration is checked."""
    name, root = program(server), os.geteuid() == 0
    if server == "nginx":
        config = folder / "nginx.conf"
        config.write_text(_NGINX.format(folder=folder, port=port, user=" user root;" if root else ""))
        return [name, "-c", str(config)], [name, "-t", "-c", str(config)]
    if server == "apache":
        modules = "\n".join(
            f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so" for m in _MODULES.split()
        )
        config = folder / "apache.conf"
        user = "User www-data\nGroup www-data" if root else ""
        config.write_text(_APACHE.format(folder=folder, port=port, modules=modules, user=user))
        base = [name, "-f", str(config)]
        return [*base, "-DFOREGROUND"], [*base, "-t"]
    config = folder / "Caddyfile"
    config.write_text("{\n    admin off\n    auto_https off\n}\n" + (folder / "snippet.conf").read_text())
    given = ["--config", str(config), "--adapter", "caddyfile"]
    return [name, "run", *given], [name, "validate", *given]


@contextmanager
def serving(server: str, folder: Path, port: int) -> Iterator[str]:
    """The server with `folder`/snippet.conf; its URL. Its configuration must load without a complaint."""
    start, check = _command(server, folder, port)
    env = os.environ | {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    checked = subprocess.run(check, capture_output=True, text=True, check=False, env=env, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(start, stdout=log, stderr=log, env=env) as process,
    ):
        try:
            while True:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert process.poll() is None, (folder / "log").read_text(errors="replace")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)
