"""`App`: everything that can be done with a site. The command line, the web and the scheduler use it.

Services are imported on first use: most commands need only one or two, and a new site's posts are read in the
meantime.
"""

import os
import secrets
import shutil
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from publisher import services
from publisher.app.backup import check_identity, id_file, must_be_up_to_date
from publisher.app.container import make_id_rules, read_password, template_fingerprint
from publisher.app.open_site import OpenSite, gc_paused, reading_ahead
from publisher.core.errors import PublisherError, Refused, TemplateError
from publisher.core.publishing.plan import NO_ANSWERS, HeldFileAnswers
from publisher.core.times import NOW_LEEWAY

if TYPE_CHECKING:
    from publisher.config import Settings
    from publisher.core.posts.post import Post
    from publisher.core.publishing.plan import Guard, Plan
    from publisher.core.subscribers.subscription import MailingList
    from publisher.core.times import ClockLag
    from publisher.services.delivery import deliver, returned_mail
    from publisher.services.deps import Deps
    from publisher.services.digests import due_readers, preview
    from publisher.services.digests.planner import Skipped
    from publisher.services.feeds import documents
    from publisher.services.operations import check
    from publisher.services.operations.settings_changes import DocumentChanges
    from publisher.services.posts import content
    from publisher.services.publishing import publish
    from publisher.services.publishing.folder_snapshot import SnapshotCache
    from publisher.stores.files.locks import FileIdentity


LEAST_FREE = 500_000
"""Bytes that a disk must have left, or `status` says that it is full."""

REST = timedelta(milliseconds=100)
"""How long a file must have been left alone before `run` reads it."""


AT_ONCE = timedelta(microseconds=1)
"""As REST, for a command: what was written a moment ago counts, what is still open for writing does not."""

LONGEST_WRITING = timedelta(seconds=3)
"""How long a command waits for files that are being written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishReport:
    """What one publish did to the log and the documents, and the mailings that became ready.

    `unsent` says why due mail cannot go out; its readers stay due. `warnings` are for the authors of the
    published posts. `ahead` says why the log is ahead of the clock, if it is. `public_url` is the warning
    about the server at web.public_url, if this publish checked it. `skipped` are digests that were too late.
    `reworded` has a line for each waiting mail from which a withdrawn post was removed. Pages of
    `broken_templates` stay as they were, and their mail is held. `removed_lists` has a sentence for each list
    that still has readers but is no longer in the settings, and `settings_changes` one for the effect of each
    changed setting.
    """

    published: "publish.PublishResult"
    mailings: tuple[int, ...]
    pages: tuple[str, ...]
    unsent: tuple[PublisherError, ...] = ()
    warnings: "Sequence[content.Finding]" = ()
    ahead: str = ""
    public_url: str = ""
    skipped: "tuple[Skipped, ...]" = ()
    reworded: tuple[str, ...] = ()
    broken_templates: tuple[TemplateError, ...] = ()
    removed_lists: tuple[str, ...] = ()
    settings_changes: tuple[str, ...] = ()


class App(OpenSite):
    """A site and the operations on it."""

    _wait_for: Callable[[Collection[str]], None] | None = None
    _next_post: datetime | None = None
    _published = False
    _page_only: "Sequence[Post]" = ()
    _posts_folder: "FileIdentity | None" = None

    @cached_property
    def _snapshots(self) -> "SnapshotCache":
        return services.folder_snapshot.SnapshotCache(secrets.randbelow(1000) / 1000)

    def wait_for_writers(self) -> None:
        """From now on a publish waits a moment for files that are being written, and then leaves them for the
        next one. To be called before anything else.
        """
        self.rest, self._wait_for = AT_ONCE, self._wait_until_written

    def _wait_until_written(self, paths: Collection[str]) -> None:
        self.say(f"waiting for {', '.join(sorted(paths))}: being written")
        until = time.monotonic() + LONGEST_WRITING.total_seconds()
        while time.monotonic() < until and len(self.source.hashes([*paths])) < len(paths):
            time.sleep(0.1)

    def with_settings(self, settings: "Settings", own_templates: Path | None = None) -> Self:
        other = super().with_settings(settings, own_templates)
        other._next_post, other._published = self._next_post, self._published
        if settings.posts.dir == self.settings.posts.dir:
            other._posts_folder = self._posts_folder
        return other

    def time_to_write(self) -> datetime:
        """The time now, for anything that writes. Raises Refused if it lies in the future and mail would
        really be sent, ClockBehind if the last entry is later.
        """
        now, real = self.clock(), self.real()
        transport = self.settings.mail.transport
        if transport.leaves_machine and now > real + NOW_LEEWAY:
            what = f'{now:%Y-%m-%d %H:%M} UTC is in the future, and mail.transport is "{transport}"'
            raise Refused("--at", what, "sent mail cannot be recalled: try it with the outbox")
        services.preflight.check_clock(self.store, self.settings.site.timezone, now, real)
        return now

    def clock_behind(self) -> "ClockLag | None":
        """How far the clock is behind the last entry; None if it is right."""
        return services.preflight.clock_behind(self.store, self.clock())

    def plan(
        self,
        *,
        backfill: bool = False,
        overrides: "frozenset[Guard]" = frozenset(),
        answers: HeldFileAnswers = NO_ANSWERS,
    ) -> "tuple[Plan, tuple[due_readers.DueReport, ...]]":
        """What `publish` would do now, and who is due. Writes nothing."""
        now = self.clock()
        scan = services.scan.scan_folder(
            self.deps, now, backfill=backfill, overrides=overrides, answers=self._in_posts_dir(answers)
        )
        self._page_only = scan.page_only
        return scan.plan, services.due_readers.due_reports(self.deps, scan.plan, now)

    def settings_changes(self) -> list[str]:
        """A sentence about what each change of settings since the last publish does."""
        return services.settings_changes.settings_changes(self.deps, self.clock())

    def document_changes(self) -> "DocumentChanges":
        """Which documents settings, templates and this version would change, whatever becomes of posts; after
        `plan`.
        """
        return services.settings_changes.document_changes(self.deps, self._page_only)

    def warnings(self, made: "Plan") -> "Sequence[content.Finding]":
        """Warnings to the authors of the posts that a plan publishes, and feeds that need a decision."""
        retired = services.retired_feeds.retired_feeds(self.deps)
        return [
            *services.content.findings_of_changes(self.deps, made),
            *(feed.finding for feed in retired),
            *(
                services.content.Finding(path="publisher.toml", line=0, reason=text, error=True)
                for text in services.lists.describe_removed(self.deps.rules, self.store)
            ),
        ]

    def widen(self, slugs: Collection[str]) -> Mapping[str, int]:
        """Lets feeds show from the next publish on the older posts that a new limit or filter adds; returns
        how many these are, by the path of each feed.
        """
        from publisher.services.feeds.feed_views import feed_views, widen, with_allowed_entries

        with self.lock("publish"):
            views = with_allowed_entries(self.store, feed_views(self.deps.rules, self.store))
            return widen(self.store, views, slugs)

    def publish(
        self,
        *,
        backfill: bool = False,
        expect: str | None = None,
        mail: bool = True,
        overrides: "frozenset[Guard]" = frozenset(),
        answers: HeldFileAnswers = NO_ANSWERS,
        changed_paths: Collection[str] | None = None,
        send: Collection[str] = (),
        forced: frozenset[str] = frozenset(),
    ) -> PublishReport:
        """Brings log, documents and mailings up to date, under the publish lock; `deliver` sends the
        mailings. `changed_paths` are the absolute paths of files and folders that may have changed since this
        App's last publish; None means unknown, and every file is checked. The lists in `send` are mailed now,
        ignoring their schedules. The lint rules in `forced` do not stop a mail.
        """
        with self.lock("publish"), gc_paused(), reading_ahead(self):
            must_be_up_to_date(self, publishing=True)
            now = self.time_to_write()
            if self._posts_were_replaced():
                self.__dict__.pop("_snapshots", None)
                changed_paths = None
            deps = self._deps_now(forced)
            done = services.publish.publish(
                deps,
                now,
                backfill=backfill,
                expect=expect,
                overrides=overrides,
                answers=self._in_posts_dir(answers),
                cache=self._snapshots,
                changed_paths=self._in_posts(changed_paths),
                wait_for=self._wait_for,
            )
            self._next_post, self._published = done.plan.next_at, True
            reworded = services.planner.remake_withdrawn(deps, now)
            changes = services.settings_changes.settings_changes(deps, now) if mail else []
            made = services.planner.plan_mail(deps, now, send=send) if mail else None
            if made is not None:
                self.store.set_problems("digests", [str(error) for error in made.unsent], now)
                services.settings_changes.remember_settings(deps)
            removed = services.lists.describe_removed(deps.rules, self.store)
            self.store.set_problems(services.lists.AREA, removed, now)
            pages, unmade = services.archive_pages.write_mailing_pages(deps, now)
            self.store.set_problems("digest pages", unmade, now)
            ahead = services.preflight.describe_log_ahead(self.store, self.settings.site.timezone, now)
            services.settings_changes.remember_documents(deps)
            if not id_file(self).exists():
                check_identity(self)
            warnings = services.content.findings_of_changes(deps, done.plan)
            broken = deps.adapters.renderer.problems()
            self.store.set_problems("templates", [str(error) for error in broken], now)
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
            broken_templates=broken,
            removed_lists=tuple(removed),
            settings_changes=tuple(changes),
        )

    def _posts_were_replaced(self) -> bool:
        """Whether the folder of posts is another one than at this process's last publish, by a release link
        or a mount. Raises Refused if none of the published posts is in it: what is there is not this site's,
        and would withdraw everything.
        """
        from publisher.stores.files.locks import identity

        folder, before = self.settings.posts.dir, self._posts_folder
        now = identity(folder)
        if now is None or before in (None, now):  # that it is gone is found by the scan
            self._posts_folder = before or now
            return False
        known = [known.post.path for known in self.store.all_posts() if known.live]
        if known and not any((folder / path).exists() for path in known):
            what = f"{folder} is not the folder that was published from, and none of its posts is there"
            raise Refused("posts", what, "put it back (is its disk mounted?), or restart publisher to use it")
        self.say(f"{folder} is another folder now: {os.path.realpath(folder)}; going on with its posts")
        self._posts_folder = now
        return True

    def _deps_now(self, forced: frozenset[str]) -> "Deps":
        """`deps` with templates and the file of adopted ids as they are now: either may have changed."""
        deps = self.deps
        process = replace(
            deps.process,
            template_fingerprint=template_fingerprint(self.template_folders),
            overridden_rules=forced,
        )
        return replace(
            deps, rules=replace(deps.rules, id_rules=make_id_rules(self.settings)), process=process
        )

    def _public_url_warning(self, now: datetime) -> str:
        """The warning about web.public_url, if this publish asked it."""
        answer = services.preflight.last_answer(self.store)
        asked_now = answer is not None and answer.at == now and answer.words
        return f"web.public_url: {answer.words}" if answer is not None and asked_now else ""

    def _in_posts_dir(self, answers: HeldFileAnswers) -> HeldFileAnswers:
        """The answers with paths as the log has them. People may name a file relative to the current folder,
        to the site, or in full.
        """
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

    def _in_posts(self, changed_paths: Collection[str] | None) -> Collection[str] | None:
        """Paths relative to the folder of posts; None if one is that folder itself or cannot be decoded."""
        root = os.path.realpath(self.settings.posts.dir) + os.sep
        inside = [path.removeprefix(root) for path in changed_paths or () if (path + os.sep).startswith(root)]
        odd = any(path.startswith(os.sep) or "\N{REPLACEMENT CHARACTER}" in path for path in inside)
        return None if changed_paths is None or odd else inside

    def deliver(
        self,
        *,
        stopping: Callable[[], bool] = lambda: False,
        progress: "Callable[[deliver.DeliveryStats], None]" = lambda _: None,
    ) -> "tuple[deliver.DeliveryStats, int]":
        """Sends everything that is due, under the deliver lock; returns the counts and how many outcomes are
        unknown.
        """
        with self.lock("deliver"):
            must_be_up_to_date(self)
            self.time_to_write()
            process = replace(self.deps.process, run_id=secrets.token_hex(8))
            deps = replace(self.sending_deps, process=process)  # what a failed run left is nobody's
            unknown = services.deliver.recover(deps, self.clock(), alone=True)
            for line in services.planner.remake_withdrawn(deps, self.clock()):
                self.say(line)
            stats = services.deliver.deliver(deps, stopping=stopping, progress=progress)
            self.set_problem("mail")
            self.housekeeping()
            return stats, unknown

    def release_claims(self) -> None:
        """Releases batches claimed by a run that died, so that they can be decided on at once. Does nothing
        while another process sends, because that has released them, or while the clock is wrong.
        """
        if self.clock_behind() is None:
            with suppress(Refused), self.lock("deliver", wait=False):
                self.store.release_dead_runs(self.deps.process.run_id, self.clock(), alone=True)

    def ping(self) -> "documents.PingReport":
        """Notifies hubs of changed feeds; failures of a hub are part of the report. Raises StoreError."""
        if not self.settings.websub.hubs:
            self.set_problem(services.documents.PROBLEM_AREA)  # of hubs that settings no longer name
            return services.documents.PingReport()
        return services.documents.send_pings(self.deps, self.clock())

    def posts(self) -> "list[check.ListedPost]":
        """What becomes of each file in the folder of posts. Writes nothing."""
        return services.check.list_posts(self.deps, self.clock())

    def check(self, *, forced: frozenset[str] = frozenset()) -> "check.CheckReport":
        """Every finding in settings, secret files and posts, and in the mails made from them. Problems of the
        lint rules in `forced` are only warnings. Writes nothing.
        """
        from publisher.app.secret_files import secret_findings, setting_findings

        secret = [*setting_findings(self), *secret_findings(self)]
        if wrong := self.secret.check():
            reason = f"{wrong.what}; {wrong.do}"
            secret.append(services.content.Finding(path=wrong.where, line=0, reason=reason, error=True))
        secret += [
            services.content.Finding(path="publisher.toml", line=0, reason=text, error=False)
            for text in self.settings_changes()
        ]
        if note := self.outbox_note():
            secret.append(services.content.Finding(path="outbox", line=0, reason=note, error=False))
        deps = self.make_deps()
        deps = replace(deps, process=replace(deps.process, overridden_rules=forced))
        found = services.check.check(deps, self.clock())
        return replace(found, findings=(*secret, *found.findings))

    def outbox_note(self) -> str:
        """What lies in the outbox and counts as accepted although mail now leaves this machine, and what to
        do with it; "" if there is nothing.
        """
        return services.status.describe_outbox(self.store, self.settings.mail.transport)

    def queued(self) -> int:
        """How many deliveries could be sent now."""
        return self.store.count_sendable(self.clock(), self.deps.rules.slugs)

    def preview(self, spec: "MailingList", reader: str = "") -> "preview.RenderedPreview":
        """The next digest of a list, or of one of its readers."""
        return services.preview.preview(self.deps, spec, self.clock(), reader=reader)

    def backlog(self) -> "list[due_readers.Waiting]":
        """Which readers wait for published posts, and until when."""
        return services.due_readers.backlog(self.deps, self.clock())

    def status(self) -> dict[str, Any]:
        """What `publisher status` shows."""
        from publisher.app.service import service_status

        found: dict[str, Any] = services.status.status(self.deps, self.clock())
        found["service"] = service_status(self)
        now = self.clock()  # a full disk cannot be recorded in the store
        full = [{"area": "disk", "since": now, "text": text} for text in self.full_disks()]
        return found | {"problems": [*found["problems"], *full]}

    def full_disks(self) -> list[str]:
        """A sentence for each folder of this site on a disk that is almost full."""
        full: dict[int, str] = {}
        for folder in (self.state, self.public, self.outbox):
            with suppress(OSError):
                disk, free = folder.stat().st_dev, shutil.disk_usage(folder).free
                if free < LEAST_FREE:
                    least = f"less than {LEAST_FREE // 1000} kB are free"
                    full.setdefault(disk, f"{folder}: the disk is full, {least}; free some space")
        return list(full.values())

    def migrate(self) -> tuple[str, str]:
        """Brings the store to this version's schema and addresses to its keys. Returns the schema before and
        after. Raises Refused while `publisher run` works on the site.
        """
        from publisher.stores import migrate

        with self.lock("run", wait=False):
            schemas = migrate(self.settings.store.url, self.store_password)
            self.rekey()
        return schemas

    @property
    def next_post(self) -> datetime | None:
        """When the next post becomes public, as of this process's last publish."""
        return self._next_post

    @property
    def published_next(self) -> tuple[datetime | None] | None:
        """`next_post`, if this process has published; None if another process does, so ask the store."""
        return (self._next_post,) if self._published else None

    def next_due(self) -> datetime | None:
        """When something happens next on its own: a post's time, a digest, a deferred batch."""
        known = (
            self._next_post,
            services.due_readers.next_mail(self.deps.rules, self.deps.adapters.store, self.clock()),
            self.store.next_batch_at(self.deps.rules.slugs),
        )
        return min((at for at in known if at is not None), default=None)

    def set_problem(self, area: str, problem: str = "") -> None:
        """Records a problem in an area for `status`; an empty one clears it."""
        self.store.set_problems(area, [problem] if problem else [], self.clock())

    def read_bounce(self, raw: bytes) -> "returned_mail.ReadMessage":
        """Acts on one message that came back. Raises StoreError or OutputError: try it again."""
        from publisher.imports.returned_mail import legacy_verdict

        must_be_up_to_date(self)
        self._forget_reports()
        return services.returned_mail.read_returned_mail(self.deps, raw, self.clock(), legacy_verdict)

    def _forget_reports(self) -> None:
        """Forgets mail that came back, and acts in the audit log, longer ago than they are kept."""
        now = min(self.clock(), self.real())  # publish --at a later day forgets nothing early
        self.store.forget_acts(now - self.settings.store.audit_retention)
        self.store.forget_reports(now - self.settings.mail.bounces.retention, now)
        self.store.forget_webhooks(now)

    def read_bounces(
        self, maildir: Path | None = None, *, stopping: Callable[[], bool] = lambda: False
    ) -> "returned_mail.MailboxTally | None":
        """Acts on the messages of a Maildir, or on new ones in the mailbox that settings name, and removes
        those it understood. None if no mailbox is named. Raises SettingsError, SourceError, StoreError,
        OutputError.
        """
        bounces = self.settings.mail.bounces
        source = maildir or bounces.source
        if source is None:
            return None
        from publisher.imports.returned_mail import imap_messages, legacy_verdict, maildir_messages

        must_be_up_to_date(self)
        self._forget_reports()
        if isinstance(source, Path):
            messages = maildir_messages(source, seen=maildir is not None)
        else:
            password = read_password(bounces.password_file, "the mailbox") if bounces.password_file else ""
            messages = imap_messages(source, password)
        read, now = services.returned_mail.read_mailbox, self.clock()
        with closing(messages):
            return read(self.deps, messages, now, legacy_verdict, stopping=stopping)

    def housekeeping(self) -> None:
        """Deletes old sign-ups that nobody confirmed, and mail that came back and acts longer ago than these
        are kept.
        """
        services.subscribe.forget_pending(self.store, min(self.clock(), self.real()))
        self._forget_reports()

    def archive_deliveries(
        self, *, most: int | None = None, pause: Callable[[float], bool] = lambda _: False
    ) -> int:
        """Archives deliveries older than mail.retention, at most `most`; returns how many."""
        keep = self.settings.mail.retention
        return (
            0 if keep is None else services.deliver.archive_settled(self.deps, keep, most=most, pause=pause)
        )
