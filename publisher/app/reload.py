"""Reloads settings while `publisher run` is running: reads them, checks them as a whole, then applies or
refuses them.

What counts is content: publisher.toml and the environment, the site's own templates, and the files of keys
and passwords that the settings name. A process uses a copy of the templates, so a broken template does not
affect it.
"""

import hashlib
import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from publisher import __version__
from publisher.app.container import wall_clock
from publisher.app.service import Comparable, ServiceRegister, comparable, digest_of, recall, remember
from publisher.config import Settings, load_with_source
from publisher.config.layers import EffectiveValue, changed_keys, effective_values
from publisher.core.errors import OutputError, PublisherError, Refused, SettingsError, StoreError
from publisher.stores.files import output_error, private_folder

if TYPE_CHECKING:
    from publisher.app.app import App

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.4
"""Seconds between two looks at the files. What was seen twice alike is taken to be written whole."""

AREA = "settings"
"""The area of problems that `status` shows."""

OLD_ONES = "the old settings stay in force"

NEEDS_RESTART = (
    "store.url",
    "store.password_file",
    "web.listen",
    "web.admin_listen",
    "web.admin_token_file",
)
"""Settings that hold as long as the process lives."""

FRESH = timedelta(seconds=2)
"""For how long a file that changed is read again at each look: its times may be too coarse to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsSet:
    """Settings that were read and found good. `values` has each by its full name, `contents` a hash of each
    file that counts beside publisher.toml, by the setting that names it or the path of a template.
    """

    settings: Settings
    values: Mapping[str, EffectiveValue]
    contents: Mapping[str, str]
    own_templates: Path
    text: str

    @property
    def comparable(self) -> Comparable:
        """What commands compare with theirs."""
        return comparable(self.values, self.own_templates.name)

    def changed_since(self, before: "SettingsSet") -> tuple[str, ...]:
        """The names of what is different."""
        names = {*changed_keys(before.values, self.values)}
        names |= {
            name
            for name in before.contents.keys() | self.contents.keys()
            if before.contents.get(name) != self.contents.get(name)
        }
        return tuple(sorted(names))


class FileContents:
    """Hashes of files. Files that have not changed are not read again."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[int, ...], str]] = {}

    def hash_of(self, file: Path) -> str:
        """A hash of its content; why it cannot be read, where it cannot."""
        try:
            found = file.stat()
            identity = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
            known = self._known.get(file)
            if known is not None and known[0] == identity:
                return known[1]
            made = hashlib.sha256(file.read_bytes()).hexdigest()
        except OSError as error:
            return error.strerror or str(error)
        if abs(wall_clock().timestamp() - found.st_ctime) > FRESH.total_seconds():
            self._known[file] = identity, made
        return made


def named_files(settings: Settings) -> dict[str, Path]:
    """The files of DKIM keys and passwords, by the settings that name them. The site's own secret is read
    when it is used.
    """
    files: dict[str, Path] = {}
    for number, (_, file) in enumerate(settings.mail.dkim.keys):
        files[f"mail.dkim.keys[{number}]"] = file
    for number, relay in enumerate(settings.mail.relays):
        if relay.password_file is not None:
            files[f"mail.relays[{number}].password_file"] = relay.password_file
    return files


def template_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """(path, file) of each template in a site's own folder. Links that lead out of it are left out."""
    root = folder.resolve()
    for parent, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(name for name in names if not name.startswith(".")):
            file = Path(parent, name)
            if file.resolve().is_relative_to(root) and file.is_file():
                yield file.relative_to(root).as_posix(), file


def contents_of(settings: Settings, files: FileContents) -> dict[str, str]:
    """The hash of every file that counts beside publisher.toml."""
    found = {name: files.hash_of(file) for name, file in named_files(settings).items()}
    for path, file in template_files(settings.folder / "templates"):
        found[f"templates/{path}"] = files.hash_of(file)
    return found


def read_settings(folder: Path, environ: Mapping[str, str], files: FileContents) -> SettingsSet:
    """The settings of a site as they are now, with a copy of its templates. Raises SettingsError,
    OutputError.
    """
    text: str | None = None
    with suppress(OSError, UnicodeDecodeError):  # which `load_with_source` says better
        text = (folder / "publisher.toml").read_bytes().decode("utf-8-sig")
    settings, raw = load_with_source(folder, environ, text=text)
    contents = contents_of(settings, files)
    return SettingsSet(
        settings=settings,
        values=effective_values(raw),
        contents=contents,
        own_templates=copy_templates(settings.folder),
        text=text or "",
    )


def last_good_settings(folder: Path, environ: Mapping[str, str], files: FileContents) -> SettingsSet | None:
    """The last settings that were found good, with the templates of that time; None if there are none."""
    kept = recall(folder, environ)
    if kept is None:
        return None
    settings, raw, _, text, templates = kept
    contents = contents_of(settings, files)
    return SettingsSet(
        settings=settings, values=effective_values(raw), contents=contents, own_templates=templates, text=text
    )


def copy_templates(folder: Path) -> Path:
    """A copy of the templates of the site in `folder`, named by what they hold. Raises OutputError."""
    texts = {path: file.read_bytes() for path, file in template_files(folder / "templates")}
    kept = folder / ".publisher" / "templates"
    copy = kept / name_of_copy(texts)
    if not texts or copy.is_dir():
        return copy
    try:
        private_folder(kept)
        making = Path(tempfile.mkdtemp(prefix=".", dir=kept))
        for path, text in texts.items():
            (making / path).parent.mkdir(parents=True, exist_ok=True)
            (making / path).write_bytes(text)
        making.rename(copy)
    except OSError as error:
        raise output_error(kept, error) from error
    return copy


def name_of_copy(texts: Mapping[str, bytes]) -> str:
    """A name for templates, by their paths: a hash of all of them."""
    if not texts:
        return "none"
    digest = hashlib.sha256()
    for path, text in texts.items():
        digest.update(f"{path}\0{len(text)}\0".encode() + text)
    return digest.hexdigest()[:16]


def hash_of_templates(folder: Path) -> str:
    """What the copy of the templates of the site in `folder` would be called. Raises OSError."""
    return name_of_copy({path: file.read_bytes() for path, file in template_files(folder / "templates")})


def remove_copies(folder: Path, *, keep: Collection[Path]) -> None:
    """Removes the copies of templates that are no longer used."""
    for copy in (folder / ".publisher" / "templates").glob("*"):
        if copy not in keep:
            shutil.rmtree(copy, ignore_errors=True)


def check_site(app: "App", *, starting: bool = False) -> None:
    """Opens what the settings name: keys, passwords, templates, the secret. Raises the first PublisherError.
    A site that is `starting` without its secret serves its feeds, and says what is missing; with a broken
    template, it goes on without what that template makes.
    """
    if not starting and (wrong := app.secret.check()) is not None:
        raise wrong
    from publisher.app.secret_files import secret_findings

    for finding in secret_findings(app):
        if finding.error:
            raise SettingsError(finding.path, finding.reason)
    for broken in app.deps.adapters.renderer.problems():
        if not starting:
            raise broken
        log.error("template_broken", extra={"reason": str(broken)})
    _ = app.signer, app.sending_deps


def record_first_generation(app: "App", environ: Mapping[str, str]) -> None:
    """Gives the settings of a site a number, if none of its settings has one yet. Raises SettingsError."""
    if app.store.generation() is None:
        folder = app.settings.folder
        _, source = load_with_source(folder, environ)
        values = comparable(effective_values(source), hash_of_templates(folder))
        app.store.add_generation(digest_of(values), values, __version__, app.real(), anew=False)


class SettingsReloader:
    """Applies changed settings to a running site, in its own thread.

    `prepare` gets the site with its new settings, and raises PublisherError if they cannot be used; `take_up`
    then switches to it. If the settings are bad, the old ones stay in force, and the log and `status` say why
    and since when. `began` and `ended` are called around each attempt. With `last_good`, `current` differs
    from the settings on disk. `replaced` is called if another service took over the site.
    """

    def __init__(
        self,
        app: "App",
        current: SettingsSet,
        environ: Mapping[str, str],
        register: ServiceRegister,
        *,
        prepare: Callable[["App"], None],
        take_up: Callable[["App"], None],
        began: Callable[[], None] = lambda: None,
        ended: Callable[[], None] = lambda: None,
        last_good: bool = False,
        replaced: Callable[[PublisherError], None],
    ) -> None:
        self._app: App = app
        self._current, self._environ = current, environ
        self._register, self._replaced = register, replaced
        self._began, self._ended, self._last_good = began, ended, last_good
        self._prepare, self._take_up = prepare, take_up
        self._files = FileContents()
        self._named = current.settings  # the newest that could be read: their files are watched
        self._seen = self._look()
        self._tried = self._seen
        self._asked = False
        self._bad = ""
        self._unrecorded = False
        self._restart: tuple[str, ...] = ()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="settings", daemon=True)

    def start(self) -> None:
        """Starts to look for changes."""
        self._note()  # what an earlier process left
        if self._last_good:
            self._asked = True  # says what is wrong with those on the disk
        else:
            self.remember()
        self._thread.start()

    def stop(self) -> None:
        """Stops; returns when nothing is being taken up."""
        self._stopping.set()
        self._thread.join()

    def ask(self) -> None:
        """Reads the settings again soon, whether they changed or not. For signal handlers."""
        self._asked = True

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            try:
                self.look()
            except Exception:  # a dead thread would take up no later change, and nobody would be told
                log.exception("settings_not_taken_up")

    def look(self) -> None:
        """One look: takes up what has changed, once it has been seen twice alike."""
        before, self._seen = self._seen, self._look()
        asked, self._asked = self._asked, False
        command: int | None = None
        try:
            command = self._register.reload_asked()
        except Refused as error:
            self._replaced(error)
            return
        except PublisherError:
            pass  # the store does not answer; the ticker says so
        asked = asked or command is not None
        if asked or self._unrecorded or (self._seen != self._tried and self._seen == before):
            self._tried = self._seen
            self._began()
            try:
                self.reload(asked=asked, command=command)
            finally:
                self._ended()

    def _look(self) -> dict[str, str]:
        file = self._app.settings.folder / "publisher.toml"
        return {"publisher.toml": self._files.hash_of(file), **contents_of(self._named, self._files)}

    def reload(self, *, asked: bool = False, command: int | None = None) -> None:
        """Reads the settings and takes them up, or says why not. `command` is the number of the reload that a
        command asks for.
        """
        folder = self._app.settings.folder
        try:
            new = read_settings(folder, self._environ, self._files)
            self._named = new.settings
            self._restart = tuple(
                key for key in changed_keys(self._current.values, new.values) if key in NEEDS_RESTART
            )
            new = keep_what_needs_restart(new, self._current)
            changed = new.changed_since(self._current)
            if changed:
                old_templates = self._current.own_templates
                app = self._app.with_settings(new.settings, new.own_templates)
                check_site(app)
                self._prepare(app)
                self._take_up(app)
                self._app = app
                remove_copies(folder, keep={new.own_templates, old_templates})  # a request may still use it
            self._current = new
            self.remember()
        except PublisherError as error:
            before, self._bad = self._bad, str(error).replace(f"{folder}{os.sep}", "")
            if (asked and command is None) or self._bad != before:  # a command says it itself
                log.error("settings_bad", extra={"reason": self._bad, "instead": OLD_ONES})
            self._note(command)
            return
        self._unrecorded = self._unrecorded or bool(changed)
        if self._unrecorded:
            with suppress(StoreError, OutputError):  # the next look tries again
                number = self._register.took_up(new.comparable)
                self._unrecorded = False
                log.info("settings_taken_up", extra={"generation": number, "changed": ",".join(changed)})
        elif self._bad:
            log.info("settings_good_again")
        elif asked and not self._restart:
            log.info("settings_unchanged")
        if self._restart:
            log.warning("settings_need_restart", extra={"changed": ",".join(self._restart)})
        self._bad = ""
        self._note(command)

    def remember(self) -> None:
        """Keeps the settings in force, for a start when those on the disk are bad."""
        try:
            current = self._current
            remember(self._app.settings.folder, current.text, self._environ, current.own_templates.name)
        except PublisherError as error:
            log.error("settings_not_kept", extra={"reason": str(error)})

    def _note(self, command: int | None = None) -> None:
        """Tells `status`, and the command that asked."""
        problems = [f"{self._bad}; {OLD_ONES}"] if self._bad else []
        if self._restart:
            keys = " and ".join(self._restart)
            problems.append(f"{keys} changed; restart `publisher run` to use it")
        with suppress(PublisherError):  # the store's own trouble shows elsewhere
            self._app.store.set_problems(AREA, problems, self._app.clock())
            self._register.note(self._bad, self._restart, command)


def keep_what_needs_restart(new: SettingsSet, current: SettingsSet) -> SettingsSet:
    """`new` with the store and the address that the process has."""
    values = {
        key: current.values.get(key, value) if key in NEEDS_RESTART else value
        for key, value in new.values.items()
    }
    return replace(new, settings=replace(new.settings, store=current.settings.store), values=values)
