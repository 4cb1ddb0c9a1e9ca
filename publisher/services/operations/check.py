"""`publisher check` and `posts list`: what becomes of each file and why, and what is wrong in posts and in
the mails that would be made from them. Writes nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from publisher.core.addresses import parse_mailbox
from publisher.core.digests.digest import Digest, DigestPost, Layout, project_log
from publisher.core.errors import PublisherError
from publisher.core.mail.lint.author_text import (
    list_without_author_text,
    post_without_author_text,
    site_without_author_text,
)
from publisher.core.mail.message import EmailContent, LintProblem, Placeholder
from publisher.core.mail.mime import compose
from publisher.core.posts.post import BadPost, ParsedPost, Post, WaitReason, describe_wait, wait_reason
from publisher.core.publishing.incremental import PostKeys
from publisher.core.publishing.log import PublishedPost, mint
from publisher.core.publishing.plan import Plan
from publisher.core.publishing.planner import make_plan
from publisher.core.subscribers.subscription import MailingList
from publisher.services.deps import Deps
from publisher.services.digests.compose import lint_digest, mail_problems, posts_to_blame
from publisher.services.digests.due_readers import DigestMaterial, due_report
from publisher.services.digests.planner import cohort_digests
from publisher.services.feeds.documents import static_documents
from publisher.services.feeds.retired_feeds import retired_feeds
from publisher.services.mail.messages import account_letter, confirmation_letter, welcome_letter
from publisher.services.posts.content import Finding, digest_post, findings_of
from publisher.services.publishing.post_ids import recover_history
from publisher.services.publishing.scan import plan_rules
from publisher.services.subscribers.account import LINKS
from publisher.services.subscribers.lists import describe_removed

MailProblem = tuple[str, LintProblem | PublisherError, list[str]]
"""The name of a mail, what is wrong with it, and the paths of the posts that bring this into it."""

RECENT = 5
"""How many of the newest posts are in the digest that is linted if no reader waits for one."""

_NOT_READ = "which Publisher does not read (only Markdown and HTML)"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPost:
    """One file. `why` says why it is not public, "" if it is. `post` is None for a bad post; `id` is the one
    it has in the log, or would get. `container` is as in `core.posts.post.ParsedPost`; `title` is as the
    author wrote it, or as derived if front matter has none. `unread` marks a file in a format that is not
    read.
    """

    path: str
    why: str
    id: str = ""
    post: Post | None = None
    container: str = "none"
    title: str = ""
    unread: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """All findings, how many posts are public, how many wait by reason, and how many files are in a format
    that is not read.
    """

    findings: tuple[Finding, ...]
    public: int
    waiting: dict[str, int]
    unread: int


def list_posts(deps: Deps, now: datetime) -> list[ListedPost]:
    """Every file, sorted by path. Raises SourceError, StoreError."""
    items = list(deps.adapters.source().scan(deps.process.progress))
    plan, clashes = _plan(deps, items, now)
    ids = {
        item.post.path: mint(item.post, deps.rules.id_rules) for item in items if isinstance(item, ParsedPost)
    }
    ids |= {change.post.path: change.id for change in plan.changes}
    ids |= {entry.post.path: entry.id for entry in deps.adapters.store.all_posts()}
    ids |= {move.new: move.id for move in plan.renamed}
    found = [_listed(item, ids, clashes, now) for item in items]
    found += [
        ListedPost(path=path, why=f"{name}, {_NOT_READ}", unread=True)
        for path, name in deps.adapters.source().unreadable()
    ]
    return sorted(found, key=lambda item: item.path)


def _listed(
    item: ParsedPost | BadPost, ids: dict[str, str], clashes: dict[str, str], now: datetime
) -> ListedPost:
    if isinstance(item, BadPost):
        why = f"line {item.line}: {item.reason}" if item.line else item.reason
        return ListedPost(path=item.path, why=why)
    post = item.post
    if wait_reason(post, now) is WaitReason.FUTURE:
        due = post.due.astimezone(UTC) if post.due else now
        why = f"waits for {due:%Y-%m-%dT%H:%M:%SZ}"
    else:
        why = describe_wait(post, now) or clashes.get(post.path, "")
    title = item.title or post.title
    return ListedPost(
        path=post.path, why=why, id=ids[post.path], post=post, container=item.container, title=title
    )


def _plan(deps: Deps, items: list[ParsedPost | BadPost], now: datetime) -> tuple[Plan, dict[str, str]]:
    """What a publish would do with these files, and why some cannot enter the log, by path."""
    posts = [item.post for item in items if isinstance(item, ParsedPost)]
    bad = [item for item in items if isinstance(item, BadPost)]
    head = deps.adapters.store.head()
    rules, known_before = plan_rules(deps.rules, deps.adapters.store, now), recover_history(deps, head)
    plan = make_plan(head, deps.adapters.store.all_posts(), posts, bad, now, rules, recovered=known_before)
    return plan, {b.path: b.reason for b in plan.bad if b not in bad}


def check(deps: Deps, now: datetime) -> CheckReport:
    """Checks the folder (bad posts, ignored values, template code that is removed) and the mails that would
    be made from it. Raises SourceError, StoreError.
    """
    items = list(deps.adapters.source().scan(deps.process.progress))
    plan, clashes = _plan(deps, items, now)
    lost = {bad.path for bad in plan.bad}
    findings: list[Finding] = []
    for number, item in enumerate(items, 1):
        deps.process.progress("checking posts", number, len(items))
        if isinstance(item, ParsedPost):
            findings += findings_of(deps, item)
        else:  # an empty file is an error if it had been published and has been empty for a while
            error = not item.empty or item.path in lost
            findings.append(Finding(path=item.path, line=item.line, reason=item.reason, error=error))
    unread = deps.adapters.source().unreadable()
    findings += _unread_files(unread, deps.adapters.source().unread())
    findings += [Finding(path=p, line=0, reason=reason, error=True) for p, reason in clashes.items()]
    for problem in static_documents(deps, ())[1]:
        path, _, reason = problem.partition(": ")
        findings.append(Finding(path=path, line=0, reason=reason, error=True))
    parsed = [item for item in items if isinstance(item, ParsedPost)]
    waits = [wait_reason(item.post, now) for item in parsed]
    return CheckReport(
        findings=(
            *sorted(findings, key=lambda f: (f.path, f.line)),
            *(feed.finding for feed in retired_feeds(deps)),
            *(
                Finding(path="publisher.toml", line=0, reason=text, error=True)
                for text in describe_removed(deps.rules, deps.adapters.store)
            ),
            *_mail_findings(deps, parsed, plan, now),
        ),
        public=waits.count(None),
        waiting={wait: waits.count(wait) for wait in WaitReason},
        unread=len(unread),
    )


def _unread_files(posts: Sequence[tuple[str, str]], code: Sequence[str]) -> Iterator[Finding]:
    """One finding for each format of posts that is not read, at its first file, and one for code."""
    for name in sorted({name for _, name in posts}):
        first, *others = [path for path, of in posts if of == name]
        more = f" (and so {'are' if len(others) > 1 else 'is'} {len(others)} more)" if others else ""
        reason = f"is {name}{more}, {_NOT_READ}, so nobody is sent it; convert it to Markdown"
        if (kind := name.partition(" in a ")[0]) in ("Markdown", "HTML"):
            end = ".md" if kind == "Markdown" else ".html"
            reason = f"is {name}{more}, which is not read, so nobody is sent it; rename it to end in {end}"
        yield Finding(path=first, line=0, reason=reason, error=False)
    if code:
        more = f" (nor {len(code) - 1} more such file{'s' * (len(code) > 2)})" if len(code) > 1 else ""
        reason = (
            f"is code, which is never run{more}; write what it says of posts as JSON, or in posts.defaults"
        )
        yield Finding(path=code[0], line=0, reason=reason, error=False)


def _mail_findings(deps: Deps, items: list[ParsedPost], plan: Plan, now: datetime) -> Iterator[Finding]:
    """What is wrong in the mails of each list; problems of overridden rules are warnings."""
    if deps.rules.lists and not deps.rules.site.postal_address:
        reason = "site.postal_address is empty: many countries ask for one in mail to many readers"
        yield Finding(path="publisher.toml", line=0, reason=reason, error=False)
    yield from _unusual_addresses(deps)
    broken = deps.adapters.renderer.problems()
    for one in broken:
        path, _, line = one.where.rpartition(":")
        at = (path, int(line)) if line.isdigit() else (one.where, 0)
        yield Finding(path=at[0], line=at[1], reason=str(one).removeprefix(f"{one.where}: "), error=True)
    for name, changes in deps.adapters.renderer.outdated():
        reason = f"the packaged template has changed since you copied it ({changes})"
        do = f"`publisher templates diff {name}` shows how"
        yield Finding(path=f"templates/{name}", line=0, reason=f"{reason}; {do}", error=False)
    said = set(map(str, broken))
    for name, found, posts in _mail_problems(deps, items, plan, now):
        if str(found) in said:
            continue
        error = not isinstance(found, LintProblem) or (
            found.error and found.rule.value not in deps.process.overridden_rules
        )
        if posts:
            more = f" (and in {len(posts) - 1} more)" if len(posts) > 1 else ""
            yield Finding(path=posts[0], line=0, reason=f"{name}: {found}{more}", error=error)
        else:
            yield Finding(path=name, line=0, reason=str(found), error=error)


def _unusual_addresses(deps: Deps) -> Iterator[Finding]:
    """Our own addresses with letters before the @ that are not ASCII (RFC 6531)."""
    ours: dict[str, str] = {}
    for spec in deps.rules.lists:
        ours |= {f"lists.{spec.slug}.from": spec.sender, f"lists.{spec.slug}.reply_to": spec.reply_to}
    for setting, mailbox in ours.items():
        if mailbox and parse_mailbox(mailbox, where=setting).address.needs_smtputf8:
            reason = (
                f"{setting} ({mailbox}) has letters before the @ that are not ASCII: relays and mailboxes "
                "without SMTPUTF8 refuse such mail, and spam filters distrust it; use an ASCII address"
            )
            yield Finding(path="publisher.toml", line=0, reason=reason, error=False)


def _mail_problems(
    deps: Deps, items: Sequence[ParsedPost], plan: Plan, now: datetime
) -> Iterator[MailProblem]:
    """What the lint finds in the digests that readers will wait for once `plan` is applied, whenever they are
    due, and in each list's confirmation, welcome and account mails.
    """
    newest = sorted(
        (item for item in items if wait_reason(item.post, now) is None and item.post.instant),
        key=lambda item: (item.post.instant, item.post.path),
    )[-RECENT:]
    log = DigestMaterial(deps, project_log(plan, now))
    for number, spec in enumerate(deps.rules.lists):
        deps.process.progress("checking mails of lists", number, len(deps.rules.lists))
        found: dict[str, LintProblem | PublisherError] = {}
        blamed: dict[str, list[str]] = {}
        try:
            # What readers would get if all of them were due.
            report = due_report(deps, spec, now, at_once=True, everyone=True, log=log)
            pending = [digest for _, _, digest in cohort_digests(deps, report, log)]
            if not pending:  # the newest posts show what templates make of posts
                layout = Layout(spec.content)
                posts = tuple(_digest_post(deps, item, layout, now) for item in newest)
                language = deps.rules.language(spec)
                pending = [
                    Digest(
                        site=deps.rules.site,
                        list=spec,
                        language=language,
                        due_at=now,
                        posts=posts,
                        layout=layout,
                    )
                ]
            for digest in pending:
                deps.process.progress("checking mails of lists", number, len(deps.rules.lists))
                problems = lint_digest(deps, digest, None).problems
                found |= {str(problem): problem for problem in problems}
                blamed |= posts_to_blame(deps, digest, problems)
        except PublisherError as error:
            found[str(error)] = error
        for text, problem in found.items():
            ids = blamed.get(text, [])
            known = deps.adapters.store.posts_matching(PostKeys(ids=frozenset(ids))) if ids else ()
            paths = {one.id: one.post.path for one in known}
            paths |= {change.id: change.post.path for change in plan.changes}
            yield f"digest of {spec.slug}", problem, sorted(paths.get(id, id) for id in ids)
        yield from _transactional(
            deps, spec, [_digest_post(deps, item, Layout.SUMMARY, now) for item in newest]
        )


def _transactional(deps: Deps, spec: MailingList, posts: Sequence[DigestPost]) -> Iterator[MailProblem]:
    """What is wrong in mails to single readers, without the texts of settings and posts, so that only
    templates are judged.
    """
    rules = replace(deps.rules, site=site_without_author_text(deps.rules.site))
    quiet, bare = replace(deps, rules=rules), list_without_author_text(spec)
    language = deps.rules.language(spec)
    letters: dict[str, Callable[[], EmailContent]] = {
        "confirmation": partial(confirmation_letter, quiet, bare)
    }
    if spec.welcome != "none":
        shown = [*map(post_without_author_text, posts)]
        letters["welcome"] = partial(welcome_letter, quiet, bare, shown, language)
    for place in (*LINKS, Placeholder.UNSUBSCRIBE):
        letters[f"{place} link"] = partial(account_letter, quiet, bare, Placeholder(place), language)
    for name, make in letters.items():
        try:
            letter = make()
            found: Sequence[LintProblem | PublisherError] = mail_problems(deps, letter, compose(letter))
        except PublisherError as error:
            found = [error]
        for problem in found:
            yield f"{name} of {spec.slug}", problem, []


def _digest_post(deps: Deps, item: ParsedPost, layout: Layout, now: datetime) -> DigestPost:
    known = PublishedPost(id=item.post.path, post=item.post, live=True, first_seq=0, updated_at=now)
    return digest_post(deps, known, item.body, layout)
