"""Listing: what becomes of each file of the folder, and why. Writes nothing."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from publisher.core.mail.lint import LintProblem
from publisher.core.posts.post import BadPost, ParsedPost, Post, WaitReason, describe_wait, wait_reason
from publisher.core.publishing.ids import mint
from publisher.core.publishing.plan import Plan
from publisher.core.publishing.planner import make_plan
from publisher.services.deps import Deps
from publisher.services.operations.check_mails import mail_findings
from publisher.services.operations.findings import Finding, findings_of
from publisher.services.publishing.adoption import recover_history
from publisher.services.publishing.scan import plan_rules


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPost:
    """One file: `why` says why it is not served ("" where it is). `post` is None for a bad post; `id` is
    the one it has in the log, or would get. `container` is as in core.posts.Parsed; `title` is as the
    author wrote it, or as it was found where front matter has none. `unread`: it is in another format.
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
    """All findings, and how many posts are public, or wait, by why; `unread` are in other
    formats than those that are read.
    """

    findings: tuple[Finding, ...]
    public: int
    waiting: dict[str, int]
    unread: int


def listed(parts: Deps, now: datetime) -> list[ListedPost]:
    """Every file in path order. Raises SourceError, StoreError."""
    items = list(parts.source().scan())
    ids, clashes = _ids(parts, items, now)
    found = [_listed(item, ids, clashes, now) for item in items]
    found += [
        ListedPost(path=path, why=f"{name}, {_NOT_READ}", unread=True)
        for path, name in parts.source().unreadable()
    ]
    return sorted(found, key=lambda item: item.path)


def checked(parts: Deps, now: datetime) -> CheckReport:
    """What is wrong in the folder: bad posts, what was passed over, template code that is taken away; and
    in the mails that would be made of it. Raises SourceError, StoreError.
    """
    items = list(parts.source().scan())
    made, clashes = _foreseen(parts, items, now)
    lost = {bad.path for bad in made.bad}
    findings = [finding for item in items for finding in _findings(parts, item, lost)]
    unread = parts.source().unreadable()
    findings += _in_other_formats(unread)
    findings += [Finding(path=p, line=0, reason=reason, error=True) for p, reason in clashes.items()]
    if code := parts.source().unread():
        findings.append(Finding(path=code[0], line=0, reason=_unread(len(code) - 1), error=False))
    parsed = [item for item in items if isinstance(item, ParsedPost)]
    waits = [wait_reason(item.post, now) for item in parsed]
    return CheckReport(
        findings=(*sorted(findings, key=lambda f: (f.path, f.line)), *_mails(parts, parsed, made, now)),
        public=waits.count(None),
        waiting={wait: waits.count(wait) for wait in WaitReason},
        unread=len(unread),
    )


_NOT_READ = "which is not read here; only Markdown and HTML are"


def _in_other_formats(unread: Sequence[tuple[str, str]]) -> Iterator[Finding]:
    """One finding for each format, at its first file."""
    for name in sorted({name for _, name in unread}):
        first, *others = [path for path, of in unread if of == name]
        more = f" (and so {'are' if len(others) > 1 else 'is'} {len(others)} more)" if others else ""
        reason = f"is {name}{more}, {_NOT_READ}: nobody is sent it; convert it to Markdown"
        if (kind := name.partition(" in a ")[0]) in ("Markdown", "HTML"):
            end = ".md" if kind == "Markdown" else ".html"
            reason = f"is {name}{more}, which is not read: nobody is sent it; let its name end in {end}"
        yield Finding(path=first, line=0, reason=reason, error=False)


def _unread(others: int) -> str:
    more = f" (nor {others} more such file{'s' * (others > 1)})" if others else ""
    return f"is code, which is never run{more}; write what it says of posts as JSON, or in posts.defaults"


def _mails(parts: Deps, items: list[ParsedPost], made: Plan, now: datetime) -> Iterator[Finding]:
    """What the lint says of each list's mails; rules in `parts.forced` are no errors."""
    if parts.lists and not parts.site.postal_address:
        reason = "site.postal_address is empty: many countries ask for one in mail to many readers"
        yield Finding(path="publisher.toml", line=0, reason=reason, error=False)
    for name, found in mail_findings(parts, items, made, now):
        error = not isinstance(found, LintProblem) or (found.error and found.rule.value not in parts.forced)
        yield Finding(path=name, line=0, reason=str(found), error=error)


def _ids(
    parts: Deps, items: list[ParsedPost | BadPost], now: datetime
) -> tuple[dict[str, str], dict[str, str]]:
    """By path: the ids of posts that have one or would get it, and why others cannot enter the log."""
    plan, clashes = _foreseen(parts, items, now)
    ids = {item.post.path: mint(item.post, parts.naming) for item in items if isinstance(item, ParsedPost)}
    ids |= {change.post.path: change.id for change in plan.changes}
    ids |= {entry.post.path: entry.id for entry in parts.store.all_posts()}
    return ids | {move.new: move.id for move in plan.renamed}, clashes


def _foreseen(parts: Deps, items: list[ParsedPost | BadPost], now: datetime) -> tuple[Plan, dict[str, str]]:
    """What a publish would do with these files, and, by path, why others cannot enter the log."""
    posts = [item.post for item in items if isinstance(item, ParsedPost)]
    bad = [item for item in items if isinstance(item, BadPost)]
    head = parts.store.head()
    rules, told = plan_rules(parts, now), recover_history(parts, head)
    plan = make_plan(head, parts.store.all_posts(), posts, bad, now, rules, recovered=told)
    return plan, {b.path: b.reason for b in plan.bad if b not in bad}


def _listed(
    item: ParsedPost | BadPost, ids: dict[str, str], clashes: dict[str, str], now: datetime
) -> ListedPost:
    if isinstance(item, BadPost):
        return ListedPost(
            path=item.path, why=f"line {item.line}: {item.reason}" if item.line else item.reason
        )
    post = item.post
    why = _why(post, now) or clashes.get(post.path, "")
    title = item.title or post.title
    return ListedPost(
        path=post.path, why=why, id=ids[post.path], post=post, container=item.container, title=title
    )


def _why(post: Post, now: datetime) -> str:
    if wait_reason(post, now) is WaitReason.FUTURE:
        due = post.due.astimezone(UTC) if post.due else now
        return f"waits for {due:%Y-%m-%dT%H:%M:%SZ}"
    return describe_wait(post, now)


def _findings(parts: Deps, item: ParsedPost | BadPost, lost: Collection[str]) -> list[Finding]:
    """A file that is empty is an error once it has been so for a while and had been published."""
    if isinstance(item, BadPost):
        error = not item.empty or item.path in lost
        return [Finding(path=item.path, line=item.line, reason=item.reason, error=error)]
    return findings_of(parts, item)
