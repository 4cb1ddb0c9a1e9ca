"""`App` is one site, opened: the command line, the web and the scheduler all work through it.

A service is loaded when it is asked for: most commands need one or two, and a new site's posts are being read
while those are loaded.
"""

import os
import secrets
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from publisher import services
from publisher.app.backup import must_be_up_to_date
from publisher.app.clock import must_not_be_ahead, wall_clock
from publisher.app.container import make_parts, make_signer, make_source, naming, packaged, stamp
from publisher.app.startup import reading_ahead, uncollected
from publisher.config import Settings
from publisher.core.errors import PublisherError, Refused
from publisher.core.publishing.guards import NO_ANSWERS, HeldFileAnswers
from publisher.failpoints import failpoint

if TYPE_CHECKING:
    from publisher.core.publishing.guards import Guard
    from publisher.core.publishing.plan import Plan
    from publisher.core.subscribers.subscription import MailingList
    from publisher.core.times import ClockLag
    from publisher.core.tokens import KeyRing
    from publisher.ports import Clock, Signer, Store
    from publisher.services.delivery import deliver
    from publisher.services.deps import Deps
    from publisher.services.digests import backlog, due_readers, preview
    from publisher.services.digests.planner import MailPlan, Skipped
    from publisher.services.feeds import websub
    from publisher.services.operations import findings, inspect_posts
    from publisher.services.publishing import publish
    from publisher.services.publishing.folder_snapshot import SnapshotCache
    from publisher.sources import FolderSource


REST = timedelta(milliseconds=100)
"""How long nobody must have written to a file before `run` reads it."""


SCHEDULE = "schedule"
"""The lock that `run` holds while it publishes and sends; one that only serves does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishReport:
    """What one publish did: log and documents, then the mailings that became ready. `unsent` is why the
    mail of a list that is due cannot go out; its readers are due still. `warnings` are for the authors of the
    posts that were published. `ahead` says that the log is ahead of the clock, and why; "" where it is not.
    `public_url` is what is odd about who answers at web.public_url, where that was asked just now.
    `skipped` are digests that were too late; `reworded` says what became of mails that wait and showed a post
    which was withdrawn.
    """

    published: "publish.Published"
    mailings: tuple[int, ...]
    pages: tuple[str, ...]
    unsent: tuple[PublisherError, ...] = ()
    warnings: "Sequence[findings.Finding]" = ()
    ahead: str = ""
    public_url: str = ""
    skipped: "tuple[Skipped, ...]" = ()
    reworded: tuple[str, ...] = ()


class App:
    """One site. `clock` is the time that its commands go by, `real` the machine's. `say` is told, in a
    person's words, when something must be waited for. Posts written to less than `rest` ago, or still open
    for writing, are left for later; zero: they are read as they are. `first`: the site's first publish is
    under way.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: "Clock" = wall_clock,
        real: "Clock" = wall_clock,
        environ: Mapping[str, str] = os.environ,
        say: Callable[[str], None] = lambda _: None,
        rest: timedelta = timedelta(),
    ) -> None:
        self.settings, self.clock, self.say, self.rest = settings, clock, say, rest
        self.real = real
        self.wake: Callable[[], None] = lambda: None
        self.first = False
        self._next_post: datetime | None = None
        self._published = False
        self.reach = failpoint(environ)

    @property
    def state(self) -> Path:
        """The folder of the store, the journal, keys and locks."""
        return self.settings.folder / ".publisher"

    @property
    def public(self) -> Path:
        """The folder of the documents."""
        return self.settings.folder / "public"

    @property
    def outbox(self) -> Path:
        """Where the outbox transport writes."""
        return self.settings.folder / "outbox"

    @cached_property
    def store(self) -> "Store":
        """The open store; a new site's is made here. Raises StoreError."""
        from publisher.stores import open_store

        return open_store(self.settings.store.url, create=True, first=self.first)

    @cached_property
    def signer(self) -> "Signer | None":
        """What signs mail, if the site has keys. Raises SettingsError."""
        return make_signer(self.settings.mail.dkim)

    @cached_property
    def ring(self) -> "KeyRing":
        """The secret keys; a new site's first key is made here. Raises OutputError."""
        from publisher.stores.files.keyring import load_keyring

        return load_keyring(self.settings.secret_file, create=True, random=secrets.token_bytes)

    @cached_property
    def parts(self) -> "Deps":
        """Everything the services need, for this site."""
        return make_parts(self)

    @cached_property
    def source(self) -> "FolderSource":
        """The folder of posts."""
        return make_source(self)

    @cached_property
    def _last(self) -> "SnapshotCache":
        return services.folder_snapshot.SnapshotCache()

    @property
    def template_folders(self) -> tuple[Path, ...]:
        """Where templates are looked for: the site's own first."""
        return (self.settings.folder / "templates", packaged("templates"))

    def run_is_active(self) -> bool:
        """Whether a `publisher run` that publishes and sends works on this site, here or elsewhere."""
        from publisher.stores.files.locks import held

        return held(self.state / f"{SCHEDULE}.lock")

    def time_to_write(self) -> datetime:
        """The time now, for what is to be written. Raises Refused: that time is to come, and mail would
        really leave; ClockBehind: what was written last is later.
        """
        now, real = self.clock(), self.real()
        must_not_be_ahead(now, real, self.settings.mail.transport)
        services.clock_checks.may_write(self.store, self.settings.site.timezone, now, real)
        return now

    def clock_behind(self) -> "ClockLag | None":
        """Whether the clock is wrong, by what was written last; None: it may be believed."""
        return services.clock_checks.clock_behind(self.store, self.clock())

    def plan(
        self,
        *,
        backfill: bool = False,
        meant: "frozenset[Guard]" = frozenset(),
        answers: HeldFileAnswers = NO_ANSWERS,
    ) -> "tuple[Plan, tuple[due_readers.DueReport, ...]]":
        """What `publish` would do now, and who is due; writes nothing."""
        now = self.clock()
        gathered = services.scan.scan_folder(
            self.parts, now, backfill=backfill, meant=meant, answers=self._in_posts_dir(answers)
        )
        return gathered.plan, services.due_readers.ahead(self.parts, gathered.plan, now)

    def warnings(self, made: "Plan") -> "Sequence[findings.Finding]":
        """What the authors of the posts that `made` brings are warned of."""
        return services.findings.findings_of_changes(self.parts, made)

    def publish(
        self,
        *,
        backfill: bool = False,
        expect: str | None = None,
        mail: bool = True,
        meant: "frozenset[Guard]" = frozenset(),
        answers: HeldFileAnswers = NO_ANSWERS,
        named: Collection[str] | None = None,
        send: Collection[str] = (),
        forced: frozenset[str] = frozenset(),
    ) -> PublishReport:
        """Log, documents and mailings, under the publish lock; deliveries are `deliver`'s. `named` are the
        files and folders, absolute, that may have changed since the last publish of this App; None: nobody
        knows, so every file is looked at. The lists `send` are mailed now, whenever they are due. `forced`
        are rules of the lint that do not stop a mail.
        """
        with self.lock("publish"), uncollected(), reading_ahead(self):
            must_be_up_to_date(self)
            now = self.time_to_write()
            # A template, or the file of adopted ids, may be another than last time.
            parts = replace(self.parts, stamp=stamp(self), naming=naming(self), forced=forced)
            done = services.publish.publish(
                parts,
                now,
                backfill=backfill,
                expect=expect,
                meant=meant,
                answers=self._in_posts_dir(answers),
                last=self._last,
                named=self._in_posts(named),
            )
            self._next_post, self._published = done.plan.next_at, True
            reworded = services.withdrawn_posts.reword(parts, now)
            made = self._plan_mail(parts, now, send) if mail else None
            pages, unmade = services.archive_pages.write_mailing_pages(parts, now)
            self.store.set_problems("digest pages", unmade, now)
            ahead = services.clock_checks.ahead_in_words(self.store, self.settings.site.timezone, now)
            warnings = services.findings.findings_of_changes(parts, done.plan)
        return PublishReport(
            published=done,
            mailings=tuple(made.ready) if made else (),
            pages=pages,
            unsent=made.unsent if made else (),
            warnings=warnings,
            ahead=ahead,
            public_url=self._public_url_warning(now) if made and made.ready else "",
            skipped=made.skipped if made else (),
            reworded=tuple(reworded),
        )

    def _plan_mail(self, parts: "Deps", now: datetime, send: Collection[str]) -> "MailPlan":
        """The mailings that became ready, and what is wrong with mails that did not: `status` shows it."""
        made = services.planner.plan_mail(parts, now, send=send)
        self.store.set_problems("digests", [str(error) for error in made.unsent], now)
        return made

    def _public_url_warning(self, now: datetime) -> str:
        """What is odd about web.public_url, where it was asked just now."""
        seen = services.public_url.last_answer(self.store)
        return f"web.public_url: {seen.words}" if seen is not None and seen.at == now and seen.words else ""

    def _in_posts_dir(self, answers: HeldFileAnswers) -> HeldFileAnswers:
        """With paths as the log has them: files may be named from here, from the site or in full."""
        root = os.path.realpath(self.settings.posts.dir)

        def inside(text: str) -> str:
            for base in (Path.cwd(), self.state.parent):
                path = os.path.realpath(base / text)
                if path.startswith(root + os.sep):
                    return path.removeprefix(root + os.sep).replace(os.sep, "/")
            return text

        return replace(
            answers,
            new=frozenset(map(inside, answers.new)),
            renamed={inside(new): inside(old) for new, old in answers.renamed.items()},
        )

    def _in_posts(self, named: Collection[str] | None) -> Collection[str] | None:
        """As paths in the folder of posts; None where one is the folder itself or has no plain name."""
        root = os.path.realpath(self.settings.posts.dir) + os.sep
        inside = [path.removeprefix(root) for path in named or () if (path + os.sep).startswith(root)]
        odd = any(path.startswith(os.sep) or "\N{REPLACEMENT CHARACTER}" in path for path in inside)
        return None if named is None or odd else inside

    def deliver(
        self,
        *,
        stopping: Callable[[], bool] = lambda: False,
        progress: "Callable[[deliver.DeliveryStats], None]" = lambda _: None,
    ) -> "tuple[deliver.DeliveryStats, int]":
        """Drains what is due, alone on this machine; returns the tally and how many are in doubt."""
        with self.lock("deliver"):
            must_be_up_to_date(self)
            self.time_to_write()
            parts = replace(self.parts, run=secrets.token_hex(8))  # what a failed run left is nobody's
            unknown = services.deliver.recover(parts, self.clock(), alone=True)
            for line in services.withdrawn_posts.reword(parts, self.clock()):
                self.say(line)
            tally = services.deliver.deliver(parts, stopping=stopping, progress=progress)
            self.note("mail")
            return tally, unknown

    def let_go(self) -> None:
        """Lets go what a run that died held, so that it can be decided at once. Does nothing while another
        process sends, which has done it, or while the clock is wrong.
        """
        if self.clock_behind() is None:
            with suppress(Refused), self.lock("deliver", wait=False):
                self.store.recover(self.parts.run, self.clock(), alone=True)

    def ping(self) -> "websub.Pinged":
        """Tells hubs of the feeds that changed; never raises for what a hub does. Raises StoreError."""
        if not self.settings.websub.hubs:
            return services.websub.Pinged()
        return services.websub.send_pings(self.parts, self.clock())

    def posts(self) -> "list[inspect_posts.ListedPost]":
        """What becomes of each file in the folder of posts; writes nothing."""
        return services.inspect_posts.listed(self.parts, self.clock())

    def check(self, *, forced: frozenset[str] = frozenset()) -> "inspect_posts.CheckReport":
        """Every finding in settings and files of secrets, in the folder of posts, and in the mails made of
        it; rules of the lint in `forced` are no errors. Writes nothing.
        """
        from publisher.app.secret_checks import secret_findings, setting_findings

        secret = [*setting_findings(self), *secret_findings(self)]
        found = services.inspect_posts.checked(
            replace(make_parts(self, sends=False), forced=forced), self.clock()
        )
        return replace(found, findings=(*secret, *found.findings))

    def queued(self) -> int:
        """How many deliveries could go out now."""
        return self.store.queued(self.clock())

    def preview(self, spec: "MailingList", reader: str = "") -> "preview.RenderedPreview":
        """The next digest of a list; that of one reader, where an address is given."""
        return services.preview.preview(self.parts, spec, self.clock(), reader=reader)

    def backlog(self) -> "list[backlog.Waiting]":
        """Who waits for posts that are published and not mailed yet, and until when."""
        return services.backlog.backlog(self.parts, self.clock())

    def status(self) -> dict[str, Any]:
        """Where the site stands."""
        return services.status.status(self.parts, self.clock())

    def migrate(self) -> tuple[str, str]:
        """Brings the store to this version's schema, and addresses to its keys; returns the schema before and
        after."""
        from publisher.stores import migrate

        schemas = migrate(self.settings.store.url)
        self.rekey()
        return schemas

    def rekey(self) -> int:
        """Gives addresses the keys that this version makes of them; returns how many changed."""
        from publisher.core.tokens import address_key

        return self.store.rekey(lambda address: address_key(address, self.ring))

    @property
    def next_post(self) -> datetime | None:
        """When the next post's time comes, as far as this process's last publish saw."""
        return self._next_post

    @property
    def published_next(self) -> tuple[datetime | None] | None:
        """`next_post`, if this process has published; None: another does, and the store knows."""
        return (self._next_post,) if self._published else None

    def next_due(self) -> datetime | None:
        """When something happens by itself next: a post's time, a digest, a deferred batch."""
        known = (
            self._next_post,
            services.schedule.next_mail(self.parts, self.clock()),
            self.store.next_batch_at(),
        )
        return min((at for at in known if at is not None), default=None)

    def note(self, area: str, problem: str = "") -> None:
        """Keeps the problem of an area where `status` shows it; none clears it."""
        self.store.set_problems(area, [problem] if problem else [], self.clock())

    def housekeeping(self) -> None:
        """What a tick also does: pending sign-ups nobody confirmed are forgotten."""
        services.subscribe.forget_pending(self.parts, self.clock())

    def fold(self, *, most: int | None = None, pause: Callable[[float], bool] = lambda _: False) -> int:
        """Makes the ledger small, by mail.retention (services.retention says how); how many deliveries."""
        keep = self.settings.mail.retention
        return 0 if keep is None else services.retention.fold(self.parts, keep, most=most, pause=pause)

    @contextmanager
    def lock(self, name: str, *, wait: bool = True) -> Generator[None, None, None]:
        """Holds `<name>.lock` of this site. Without `wait`, raises Refused when another holds it."""
        from publisher.stores.files.locks import hold

        with hold(
            self.state / f"{name}.lock",
            wait=wait,
            on_wait=lambda: self.say(f"another {name} is under way on this site; waiting for it"),
        ):
            yield

    def close(self) -> None:
        """Closes the store, if it was opened."""
        if "store" in self.__dict__:
            self.store.close()
            self.__dict__.pop("store")
            self.__dict__.pop("parts", None)
