"""One service per site: `publisher run` registers itself in the store, and commands beside it use its
settings.

The last good settings are kept for when those on disk are bad.
"""

import hashlib
import json
import os
import secrets
import socket
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from publisher import __version__
from publisher.config import RawSettings, Settings, load_with_source
from publisher.config.layers import EffectiveValue
from publisher.core.errors import PublisherError, Refused, SettingsError
from publisher.core.site import ServiceRecord, differences
from publisher.stores.files import output_error, write_all
from publisher.stores.files.locks import is_locked

if TYPE_CHECKING:
    from publisher.app.open_site import OpenSite


NOT_COMPARED = frozenset({"web.listen"})
"""Settings that are the server's alone."""

RELOAD_SECONDS = 60.0
"""How long a command waits for the service to read its settings: it may have to finish a publish."""

START_SECONDS = 2.0
"""How long a command waits for a service that begins to enter itself in the store."""

POLL_SECONDS = 0.1

Comparable = Mapping[str, tuple[str, str]]
"""(hash of the value, where it was written) by the full name of a setting."""


def comparable(values: Mapping[str, EffectiveValue], templates: str) -> Comparable:
    """What two processes compare: no secret, and not what only one of them uses. `templates` is a hash."""
    found = {
        key: (hashlib.sha256(value.text.encode()).hexdigest()[:16], value.where)
        for key, value in values.items()
        if not value.secret and key not in NOT_COMPARED
    }
    if not values["web.public_url"].text:  # it is that of the site
        found["web.public_url"] = found["site.url"]
    found["templates"] = (templates, "templates/")
    return found


def digest_of(values: Comparable) -> str:
    """One hash of all of them, wherever they were written."""
    text = "\n".join(f"{key}={hash}" for key, (hash, _) in sorted(values.items()))
    return hashlib.sha256(text.encode()).hexdigest()


class ServiceRegister:
    """This process's entry in the site's store."""

    def __init__(self, app: "OpenSite", *, web_only: bool) -> None:
        self._app, self._web_only = app, web_only
        self._token = secrets.token_hex(16)

    def enter(self, values: Comparable, *, take_over: bool = False) -> None:
        """Makes this process the service of the site, with the lock `run` held. Raises Refused: another is,
        on another machine or for the site that this one is a copy of. `take_over` says that it is no more.
        """
        store, now = self._app.store, self._app.real()
        place = self._app.store_name
        before = store.service()
        record = ServiceRecord(
            token=self._token,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=__version__,
            store=place,
            inode=store.identity(),
            web_only=self._web_only,
            generation=store.add_generation(digest_of(values), values, __version__, now, anew=False),
            started_at=now,
            heartbeat_at=now,
            asked=before.asked if before else 0,
            answered=before.asked if before else 0,
        )
        if before is not None and not take_over and (why := why_not(before, record, now)):
            do = "stop it, or run `publisher run --take-over` to continue with this one instead"
            raise Refused(place, why, do)
        if not store.replace_service(record, before.token if before else None):
            what = "another `publisher run` has just begun on this site"
            raise Refused(place, what, "stop one of them")

    def reload_asked(self) -> int | None:
        """The number of a reload that somebody asks for, if any. Raises Refused: another took over."""
        record = self._app.store.service()
        if record is None or record.token != self._token:
            raise self._taken_over(record)
        return record.asked if record.asked > record.answered else None

    def took_up(self, values: Comparable) -> int:
        """Notes that other settings are in force; returns their number."""
        now = self._app.real()
        number = self._app.store.add_generation(digest_of(values), values, __version__, now, anew=True)
        self._update(generation=number)
        return number

    def note(self, problem: str, restart: tuple[str, ...], answered: int | None) -> None:
        """Notes what is wrong with the settings on the disk, and which reload this answers."""
        before = self._app.store.service()
        since = None
        if problem:
            same = before is not None and before.problem == problem
            since = before.problem_since if before is not None and same else self._app.real()
        changes: dict[str, object] = {"problem": problem, "problem_since": since, "restart": list(restart)}
        self._update(**changes, **({} if answered is None else {"answered": answered}))

    def beat(self, worked: Mapping[str, datetime | None]) -> None:
        """Says that this process lives, and when it last did what. Raises Refused: another took over."""
        self._update(heartbeat_at=self._app.real(), **worked)

    def leave(self) -> None:
        """Says that this process has stopped."""
        self._app.store.update_service(self._token, stopped_at=self._app.real())

    def _update(self, **changes: object) -> None:
        if not self._app.store.update_service(self._token, **changes):
            raise self._taken_over(self._app.store.service())

    def _taken_over(self, record: ServiceRecord | None) -> Refused:
        who = record.name if record else "another process"
        return Refused("publisher run", f"{who} has taken this site over", "this one stops")


def why_not(before: ServiceRecord, new: ServiceRecord, now: datetime) -> str:
    """Why `new` may not work on the site of `before`; "" if it may. On one machine the lock says whether
    `before` still runs; from another only its heartbeat does, and a copy of the store has nobody's.
    """
    if before.inode == new.inode:
        if before.host != new.host and before.is_alive(now):
            return f"{before.name} works on this site; it said so at {before.heartbeat_at:%H:%M:%S} UTC"
        return ""
    if before.host != new.host:
        return f"this is a copy of a site that {before.name} works on"
    try:
        original = before.store != new.store and Path(before.store).stat().st_ino == before.inode
    except OSError:
        original = False  # it was moved here, or restored
    return f"this is a copy of {before.store}, which {before.name} works on" if original else ""


def running_service(site: "OpenSite") -> ServiceRecord | None:
    """The service that works on a site now, on this machine or another; None if there is none, or if the
    store cannot tell.
    """
    locked, until = is_locked(site.state / "run.lock"), time.monotonic() + START_SECONDS
    try:
        if not site.store_size():
            return None
    except PublisherError:
        return None  # as below
    while True:
        try:
            record = site.store.service()
        except PublisherError:
            return None  # the command itself reports what is wrong with the store
        if record is not None and record.stopped_at is None:
            here = record.host == socket.gethostname()
            if locked if here else record.is_alive(site.real()):
                return record
        if not locked or time.monotonic() > until:
            return None
        time.sleep(POLL_SECONDS)  # it begins


def ask_reload(site: "OpenSite", service: ServiceRecord) -> ServiceRecord | None:
    """Asks the service to reload its settings and waits until it has. Returns None if it stopped meanwhile.
    Raises Refused if it does not answer.
    """
    number, until = site.store.ask_reload(), time.monotonic() + RELOAD_SECONDS
    while time.monotonic() < until:
        record = running_service(site)
        if record is None or record.answered >= number:
            return record
        time.sleep(POLL_SECONDS)
    what = f"{service.name} has not taken up its settings in {RELOAD_SECONDS:.0f} seconds"
    raise Refused("publisher run", what, "wait until it has finished publishing or sending, or restart it")


def service_status(site: "OpenSite") -> dict[str, Any] | None:
    """What `status` shows of the latest service; None if there never was one. Raises StoreError."""
    record = site.store.service()
    if record is None:
        return None
    settings = site.store.generation(record.generation)
    shown = ("host", "pid", "version", "web_only", "generation", "started_at", "heartbeat_at", "stopped_at")
    worked = ("published_at", "delivered_at", "served_at", "problem", "problem_since")
    runs = running_service(site) is not None
    return {
        "runs": runs,
        "alive": runs and record.is_alive(site.real()),
        **{name: getattr(record, name) for name in (*shown, *worked)},
        "settings_at": settings.at if settings else None,
        "restart": list(record.restart),
    }


def follow_service(
    site: "OpenSite", values: Mapping[str, EffectiveValue], templates: str, *, ask: bool = True
) -> Path | None:
    """Before a command that writes: if a service works on the site, it must go by the same settings, and if
    it does not, is asked to read them, unless nobody has time to `ask`. Where only broken templates keep it
    from that, the folder of the templates that it goes by, for the command to do the same; else None. Raises
    Refused: it is of another version, or still goes by other settings.
    """
    service = running_service(site)
    if service is None:
        return None
    if service.version != __version__:
        what = f"{service.name} is version {service.version}, and this is {__version__}"
        raise Refused("publisher run", what, "use one version: restart it")
    ours = comparable(values, templates)
    if _generation_digest(site, service) == digest_of(ours) and not (service.problem and ask):
        return None
    if ask:
        after = ask_reload(site, service)
        if after is None or _generation_digest(site, after) == digest_of(ours):
            return None
        service = after
    theirs = site.store.generation(service.generation)
    found = differences(theirs.values if theirs else {}, ours)
    if theirs and service.problem and [key for key, *_ in found] == ["templates"]:
        site.say(f"warning: {service.problem}; using the last good templates, as {service.name} does")
        return site.state / "templates" / theirs.values["templates"][0]
    named = ", ".join(f"{key} ({there} there, {here} here)" for key, there, here in found)
    what = f"uses other settings than this command: {named}"
    do = "give both the same ones: correct the file, or the environment of one of them and restart it"
    if service.problem:
        what, do = f"{what}; it could not take up those on the disk: {service.problem}", "correct that"
    raise Refused(service.name, what, do)


def refuse_another_store(site: "OpenSite") -> None:
    """Raises Refused if a service works on the site with another store than `site`, whose `store.url` changed
    since.
    """
    if not is_locked(site.state / "run.lock"):
        return
    try:
        record = site.store.service() if site.store_size() else None
    except PublisherError:
        return  # the command itself reports what is wrong with the store
    if record is None or record.stopped_at is not None:
        what = f"`publisher run` works on this site with another store than {site.store_name}"
        raise Refused("store.url", what, "restart it to use this one, or set store.url back")


def _generation_digest(site: "OpenSite", service: ServiceRecord) -> str:
    found = site.store.generation(service.generation)
    return found.digest if found else ""


SECRET_END = "__PASSWORD"  # noqa: S105  # how the names of such variables end
"""Variables with a secret are not kept: they come from the environment of the process."""


def file_of(folder: Path) -> Path:
    """Where the settings of the site in `folder` are kept. Only its owner may read it."""
    return folder / ".publisher" / "last-good.json"


def remember(folder: Path, text: str, environ: Mapping[str, str], templates: str) -> None:
    """Keeps the text of publisher.toml, the variables that count, and the name of the copy of the templates.
    Raises OutputError.
    """
    kept = {name: value for name, value in environ.items() if counts(name) and not name.endswith(SECRET_END)}
    data = json.dumps({"toml": text, "environ": kept, "templates": templates}, ensure_ascii=False).encode()
    file = file_of(folder)
    draft = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        if file.exists() and file.read_bytes() == data:
            return
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            write_all(handle, data)
        finally:
            os.close(handle)
        draft.replace(file)
    except OSError as error:
        raise output_error(file, error) from error
    finally:
        draft.unlink(missing_ok=True)


def recall(
    folder: Path, environ: Mapping[str, str]
) -> tuple[Settings, RawSettings, Mapping[str, str], str, Path] | None:
    """The settings that were kept: read, what they were made of, their variables, the text of publisher.toml,
    and the folder of templates; None if there are none that this version can use.
    """
    try:
        kept: dict[str, Any] = json.loads(file_of(folder).read_bytes())
        text, variables = str(kept["toml"]), dict(kept["environ"])
        templates = folder.resolve() / ".publisher" / "templates" / str(kept["templates"])
        variables |= {name: environ[name] for name in environ if name.endswith(SECRET_END) and counts(name)}
        settings, source = load_with_source(folder, variables, text=text)
    except (OSError, ValueError, KeyError, TypeError, SettingsError):
        return None
    return settings, source, variables, text, templates


def counts(name: str) -> bool:
    """Whether a variable is a setting."""
    return name.startswith("PUBLISHER_") and "__" in name
