"""Has DKIM verifiers and spam filters judge mails of every kind in every language: `make oracles`.

    python tests/oracles/mails/run.py [--write] [PROGRAM ...]

Each mail is signed with RSA and Ed25519. dkimpy, mailauth, go-msgauth and OpenDKIM verify it as it is, and
after a Postfix handed it to another hop that takes 7 bits only; with any header added that no one may add,
they must not. What SpamAssassin and Rspamd score offline must be low. A program is skipped, with a line that
says so, where it is not installed and cannot be. golden.json keeps the results; --write writes it anew.
"""

import argparse
import json
import os
import re
import shutil
import smtplib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [
    *(str(ROOT / name) for name in ("", "tests/support", "tests/support/mail", "tests/support/web")),
    str(ROOT / "tests/oracles"),
]

from examplemails import signed_mails  # noqa: E402  the path is set above
from installed import Missing, debian, go, kept, npm, ran  # noqa: E402
from mail_linter import signed_by  # noqa: E402
from postfix import Postfix, why_not  # noqa: E402
from webservers import free_port  # noqa: E402

from publisher.core.mail.dkim import ABSENT_FIELDS, OVERSIGNED_FIELDS  # noqa: E402

HERE = Path(__file__).parent
LIMITS = {"spamassassin": 1.0, "rspamd": 4.0}
"""Scores that every ordinary mail stays below."""

Mails = dict[str, bytes]
Verify = Callable[[Sequence[Path]], list[int]]
"""How many signatures of each message are valid."""
Score = Callable[[dict[str, Path], Path], dict[str, float]]
"""The score of each mail, by its name; the folder is for its own files."""


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--write", action="store_true", help="write the golden file anew")
    asked.add_argument(
        "programs", nargs="*", help=f"only these of {', '.join((*VERIFIERS, *FILTERS))}; default: all"
    )
    options = asked.parse_args()
    file = HERE / "golden.json"
    found: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    failed = 0
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        mails, records = signed_mails(folder / "sites")
        (folder / "records.json").write_text(json.dumps(records), "utf-8")
        sets = {"as it is": mails, "tampered": tampered(mails["confirm.en"])}
        if why := why_not():
            print(f"postfix      skipped: {why}")
        else:
            sets["after two hops"] = relayed(mails)
        paths = {name: written(folder / name, found) for name, found in sets.items()}
        for name in options.programs or (*VERIFIERS, *FILTERS):
            try:
                if name in VERIFIERS:
                    found[name], faults = verified(VERIFIERS[name](folder), paths)
                else:
                    found[name], faults = scored(name, FILTERS[name], paths["as it is"], folder)
            except Missing as error:
                print(f"{name:<12} skipped: {error}")
                continue
            print(f"{name:<12} {len(mails)} mails: {len(faults) or 'no'} faults")
            for fault in faults:
                print(f"    {fault}")
            failed += len(faults)
    text = json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
    return 1 if kept(file, text, write=options.write) or failed else 0


def written(folder: Path, mails: Mails) -> dict[str, Path]:
    """The files of these mails, by name."""
    folder.mkdir(parents=True)
    for name, data in mails.items():
        (folder / f"{name}.eml").write_bytes(data)
    return {name: folder / f"{name}.eml" for name in mails}


def tampered(mail: bytes) -> Mails:
    """A mail with one more header of each kind that is signed once more than it occurs."""
    return {
        name: f"{name}: x@example.com\r\n".encode() + mail
        for name in sorted({*OVERSIGNED_FIELDS, *ABSENT_FIELDS})
    }


def relayed(mails: Mails) -> Mails:
    """The mails as they arrive after a hop that takes 8 bits and one that takes 7 only."""
    with Postfix(second_hop=True) as server:
        with smtplib.SMTP("127.0.0.1", server.port) as smtp:
            for data in mails.values():
                smtp.sendmail("news@lowwater.example", ["reader@example.org"], data)
        arrived = server.delivered(len(mails))
    names = {_message_id(data): name for name, data in mails.items()}
    found = {names[_message_id(data)]: data for data in arrived}
    assert all(data.count(b"\r\nReceived: ") + data.startswith(b"Received: ") >= 2 for data in found.values())
    return found


def _message_id(data: bytes) -> bytes:
    return re.findall(rb"(?mi)^Message-ID: (\S+)", data)[0]


def verified(verify: Verify, sets: dict[str, dict[str, Path]]) -> tuple[dict[str, Any], list[str]]:
    """How many signatures a verifier finds valid, and each mail of which it should not be so."""
    report: dict[str, Any] = {}
    faults: list[str] = []
    most = max(verify([*sets["as it is"].values()]))
    report["signatures it knows"] = most
    for what, paths in sets.items():
        wanted = 0 if what == "tampered" else most
        counts = dict(zip(paths, verify([*paths.values()]), strict=True))
        wrong = sorted(name for name, count in counts.items() if count != wanted)
        faults += [f"{what}: {name}: {counts[name]} valid signatures, not {wanted}" for name in wrong]
        report[what] = {"mails": len(counts), "valid": sum(count == most for count in counts.values())}
    return report, faults


def scored(
    name: str, score: Score, paths: dict[str, Path], folder: Path
) -> tuple[dict[str, float], list[str]]:
    """The score of each mail by a filter, and those that are too high."""
    scores = score(paths, folder)
    faults = [f"{mail}: {found}" for mail, found in scores.items() if not found < LIMITS[name]]
    return scores, faults


def dkimpy(folder: Path) -> Verify:
    records = json.loads((folder / "records.json").read_text("utf-8"))
    by_selector = {name.partition("._domainkey.")[0]: value for name, value in records.items()}
    return lambda paths: [sum(signed_by(path.read_bytes(), by_selector).values()) for path in paths]


def mailauth(folder: Path) -> Verify:
    program = npm("mails", HERE / "npm") / "verify.mjs"
    return lambda paths: [
        len(json.loads(line)) for line in ran(["node", program, folder / "records.json", *paths]).splitlines()
    ]


def msgauth(folder: Path) -> Verify:
    program = go(
        "go-msgauth",
        HERE / "verify.go",
        "golang-github-emersion-go-msgauth-dev",
        "github.com/emersion/go-msgauth",
    )
    return lambda paths: [*map(int, ran([program, folder / "records.json", *paths]).split())]


def opendkim(folder: Path) -> Verify:
    """OpenDKIM in its test mode; it takes records from a file."""
    debian("opendkim", have=shutil.which("opendkim", path="/usr/sbin:/usr/bin") is not None)
    records = json.loads((folder / "records.json").read_text("utf-8"))
    (folder / "dns").write_text("".join(f"{name} {value}\n" for name, value in records.items()), "utf-8")
    settings = folder / "opendkim.conf"
    settings.write_text(f"Mode v\nTestDNSData {folder / 'dns'}\nSyslog no\n", "utf-8")

    def verify(paths: Sequence[Path]) -> list[int]:
        environ = os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin"}
        command = ["opendkim", "-x", str(settings), "-t"]
        counts: list[int] = []
        for path in paths:
            done = subprocess.run([*command, str(path)], env=environ, capture_output=True, check=False)
            counts.append(len(re.findall(rb"verification .*succeeded", done.stdout + done.stderr)))
        return counts

    return verify


def spamassassin(paths: dict[str, Path], folder: Path) -> dict[str, float]:
    """Scores with Debian's rules and no network, of all mails in one run."""
    debian("spamassassin", have=shutil.which("spamassassin") is not None)
    settings = folder / "spamassassin"
    settings.mkdir()
    (settings / "prefs").write_text("use_bayes 0\nuse_auto_whitelist 0\n", "utf-8")
    quiet = ["spamassassin", "--local", "--test-mode", f"--prefspath={settings / 'prefs'}"]
    said = ran([*quiet, *paths.values()], HOME=str(settings))
    scores = re.findall(r"^X-Spam-Status: .*?score=(-?[\d.]+)", said, re.MULTILINE)
    if len(scores) != len(paths):
        raise Missing(f"spamassassin printed {len(scores)} scores")
    return dict(zip(paths, (float(score) + 0.0 for score in scores), strict=True))  # never -0.0


def rspamd(paths: dict[str, Path], folder: Path) -> dict[str, float]:
    """Scores of a server of our own, with Debian's rules and a resolver that answers nothing."""
    debian("rspamd", have=shutil.which("rspamd") is not None)
    with _rspamd_running(folder / "rspamd") as port:
        return {
            name: round(json.loads(ran(["rspamc", "-h", f"127.0.0.1:{port}", "--json", path]))["score"], 2)
            for name, path in paths.items()
        }


@contextmanager
def _rspamd_running(folder: Path) -> Iterator[int]:
    folder.mkdir()
    port = free_port()
    settings = folder / "rspamd.conf"
    settings.write_text(
        f"""
options {{
    pidfile = "{folder}/rspamd.pid";
    tempdir = "{folder}";
    cache_file = "{folder}/symbols.cache";
    local_addrs = [127.0.0.0/8];
    dns {{ nameserver = ["127.0.0.1:9"]; timeout = 0.1s; retransmits = 1; }}
}}
logging {{ type = "file"; filename = "{folder}/log"; level = "warning"; }}
worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; task_timeout = 20s; }}
.include "/etc/rspamd/common.conf"
"""
    )
    variables = [f"--var=DBDIR={folder}", f"--var=RUNDIR={folder}", f"--var=LOGDIR={folder}"]
    command = ["rspamd", "--no-fork", "--insecure", "--config", str(settings), *variables]
    with (
        (folder / "out").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
    ):
        try:
            for _ in range(120):
                try:
                    ran(["rspamc", "-h", f"127.0.0.1:{port}", "--json"], b"Subject: x\r\n\r\nx\r\n")
                    break
                except Missing:
                    time.sleep(0.5)
            else:
                raise Missing(f"rspamd does not start: {(folder / 'out').read_text(errors='replace')[-300:]}")
            yield port
        finally:
            process.terminate()
            process.wait(30)


VERIFIERS: dict[str, Callable[[Path], Verify]] = {
    "dkimpy": dkimpy,
    "mailauth": mailauth,
    "go-msgauth": msgauth,
    "opendkim": opendkim,
}
FILTERS = {"spamassassin": spamassassin, "rspamd": rspamd}


if __name__ == "__main__":
    sys.exit(main())
