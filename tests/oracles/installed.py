"""How the programs that judge what we write are installed and run; `make test` needs none of them."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".oracles"
GO_PATH = Path("/usr/share/gocode/src")


class Missing(Exception):
    """A program is not installed and cannot be; says why."""


def ran(command: Sequence[str | Path], input: bytes = b"", **environ: str) -> str:
    """What a command printed. Raises Missing with the last line it said where it fails."""
    env = os.environ | {"TZ": "UTC", "LC_ALL": "C.UTF-8", "PATH": f"{os.environ['PATH']}:/usr/sbin"} | environ
    try:
        done = subprocess.run([*map(str, command)], env=env, input=input, capture_output=True, check=False)
    except OSError as error:
        raise Missing(f"{command[0]}: {error.strerror}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["failed"]
        raise Missing(f"{command[0]}: {said[-1]}")
    return done.stdout.decode(errors="replace")


def debian(*packages: str, have: bool) -> None:
    """Installs packages of Debian, as root, unless what they bring is there already."""
    if have:
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise Missing(f"{', '.join(packages)} of Debian are not installed, and only root could install them")
    ran(["apt-get", "update", "-qq"])
    quiet = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]
    ran([*quiet, *packages], DEBIAN_FRONTEND="noninteractive", RUNLEVEL="1")  # starts no service


def npm(name: str, pinned: Path) -> Path:
    """The folder in which npm has installed what the lock file in `pinned` names, beside the programs that
    are in `pinned`. No package's script is run.
    """
    if shutil.which("npm") is None:
        raise Missing("npm is not installed")
    folder = CACHE / f"{name}-npm"
    folder.mkdir(parents=True, exist_ok=True)
    lock, known = (pinned / "package-lock.json").read_bytes(), folder / "package-lock.json"
    fresh = not known.exists() or known.read_bytes() != lock or not (folder / "node_modules").is_dir()
    for file in pinned.iterdir():
        shutil.copy(file, folder / file.name)
    if fresh:
        ran(["npm", "ci", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund", "--silent"])
    return folder


def go(name: str, source: Path, package: str, needs: str) -> Path:
    """The program that Go makes of one file, with Debian's `package`, which brings the folder `needs`."""
    debian("golang-go", package, have=shutil.which("go") is not None and (GO_PATH / needs).is_dir())
    program = CACHE / name
    CACHE.mkdir(parents=True, exist_ok=True)
    environ = {"GO111MODULE": "off", "GOPATH": str(GO_PATH.parent), "GOCACHE": str(CACHE / "go")}
    ran(["go", "build", "-o", program, source], **environ)
    return program


def kept(file: Path, text: str, *, write: bool) -> int:
    """Compares a golden file with what it should say; returns whether it differs, unless it is written."""
    if write:
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, "utf-8")
    same = file.exists() and file.read_text("utf-8") == text
    if not same:
        print(f"{file.relative_to(ROOT)} differs: read the difference, then WRITE=--write")
    return not same
