"""One file's bytes -> ParsedPost | BadPost. Pure: no file is opened here."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import TypeAlias
from urllib.parse import quote

from publisher.core.caching import lazy
from publisher.core.posts.markdown_regions import remove_private_passages
from publisher.core.posts.post import (
    BadPost,
    ParsedPost,
    Post,
    body_hash,
    original_line,
)
from publisher.core.site import DEFAULT_LANGUAGE
from publisher.sources.build_post import NO_FRONT_MATTER, Reasons, build_post, defaults_for, is_html_file
from publisher.sources.fields import urls
from publisher.sources.fields.dates_and_visibility import date_in_name
from publisher.sources.fields.links import LinkedBody
from publisher.sources.fields.permalinks import undated_name
from publisher.sources.fields.titles_and_summaries import plain_line
from publisher.sources.file_reading import find_conflict, is_blank
from publisher.sources.frontmatter.containers import Container, open_container
from publisher.sources.frontmatter.values import (
    FrontMatter,
    FrontMatterError,
    fold,
)
from publisher.sources.generators.markdown_flavors import disables_templates
from publisher.sources.ignored_files import conflicted_original
from publisher.sources.liquid.includes import ReadBeside, expand_includes, extract_constants
from publisher.sources.source_rules import SourceRules

ResolveLinks: TypeAlias = Callable[[str, str], LinkedBody]
"""(path, body) -> the body with links to posts replaced by their addresses."""

MAX_NULS = 8
"""NULs that are removed from a file; with more of them it is not text."""

_BREAKS = lazy(r"\r\n?")


def _nothing_beside(_path: str, _name: str) -> None:
    return None


def _as_written(_path: str, body: str) -> LinkedBody:
    return LinkedBody(body)


def read_post(
    path: str,
    data: bytes,
    rules: SourceRules,
    linked: ResolveLinks = _as_written,
    beside: ReadBeside = _nothing_beside,
) -> ParsedPost | BadPost:
    """The post in the file at `path` (relative to the posts folder, with "/"). Pure: opens no file. Never
    raises: what cannot be a post is a BadPost with line and reason. `linked` replaces links to other posts by
    their addresses; `beside` reads what the body includes from its own folder.
    """
    return parse(path, data, rules, linked, beside)[0]


def explain_post(
    path: str,
    data: bytes,
    rules: SourceRules,
    linked: ResolveLinks = _as_written,
    beside: ReadBeside = _nothing_beside,
) -> tuple[ParsedPost | BadPost, Reasons]:
    """As `read_post`, and for each value the rule that decided it, in words."""
    found, reasons, front = parse(path, data, rules, linked, beside)
    for name, reason in reasons.items() if front else ():
        if front and fold(reason) in front.values:  # a key of the front matter, which has a line
            line = front.lines.get(fold(reason), 0)
            reasons[name] = f"front matter: {reason}, line {line}" if line else f"front matter: {reason}"
    return found, reasons


def parse(
    path: str, data: bytes, rules: SourceRules, linked: ResolveLinks, beside: ReadBeside
) -> tuple[ParsedPost | BadPost, Reasons, FrontMatter | None]:
    """As `read_post`, with what decided each value and with the file's own front matter."""
    if why := rules.why_ignored(path):
        return ignored_post(path, data, why, rules), {}, None
    if is_blank(data):
        return BadPost(path=path, reason="is empty; write it, or delete it", empty=True), {}, None
    text = decode(path, data)
    if isinstance(text, BadPost):
        return text, {}, None
    if line := find_conflict(text):
        reason = "a conflict that Git could not merge (<<<<<<<); decide it and save the file"
        return BadPost(path=path, line=line, reason=reason), {}, None
    try:
        container = open_container(text, blank=rules.profile == "jekyll" and date_in_name(path) is not None)
        line = 1 + text.count("\n", 0, len(text) - len(container.body))
        head = text[: len(text) - len(container.body)]
        markdown = not is_html_file(path)
        expanded, shifts = expand_includes(path, container.body, rules, beside, markdown=markdown)

        def in_file(at: int) -> int:
            return line + original_line(at, shifts) - 1

        body, warnings = public_body(path, replace(container, body=expanded), head, rules, in_file)
        body, known = extract_constants(body, rules, markdown=markdown)
        if rules.profile == "eleventy" and "page." in body:
            known = eleventy_page(path, rules) | known
        written = body.rstrip(" \t\n\f\v")  # readers never see how many line breaks end it
        written = f"{written}\n" if written else ""
        body, dead = linked(path, body)
        warnings += [f"line {in_file(at)}: {target!r} leads nowhere; correct the link" for at, target in dead]
        if body is not container.body:
            container = replace(container, body=body)
        post, reasons = build_post(path, container, rules, warnings, known)
        if written != body:
            post = replace(post, written_hash=body_hash(written))
    except FrontMatterError as error:
        return BadPost(path=path, line=error.line, reason=error.reason), {}, None
    title = container.front.text("title") if container.front else ""
    parsed = ParsedPost(
        post=post, body=container.body, line=line, container=container.kind, title=title, shifts=shifts
    )
    return parsed, reasons, container.front


def public_body(
    path: str, container: Container, head: str, rules: SourceRules, in_file: Callable[[int], int]
) -> tuple[str, list[str]]:
    """The body without the passages that its author hides from readers, and warnings. `in_file` maps a line
    of the body to one of the file, and `head` is what precedes the body.
    """
    body, unclosed = remove_private_passages(container.body, markdown=not is_html_file(path))
    warnings = [
        f"line {in_file(at)}: {tag[:60]} is never closed, so the rest of the post is hidden; close it"
        for at, tag in unclosed
    ]
    # One character is found a hundred times as quickly as two, and most bodies have no brace.
    if "{" not in body or ("{%" not in body and "{#" not in body):
        return body, warnings
    from publisher.sources.liquid.conditions import (  # only bodies with tags need it
        LiquidScope,
        resolve_conditions,
        strip_comments,
    )

    given = container.front or NO_FRONT_MATTER
    front = given.over(defaults_for(path, rules))
    if "{#" in body and rules.profile in ("hexo", "eleventy") and not disables_templates(front):
        body = strip_comments(body, markdown=not is_html_file(path))
    page = eleventy_page(path, rules)
    scope = LiquidScope(
        given=given, front=front, head=head, site=rules.site_config, profile=rules.profile, page=page
    )
    body, undecided = resolve_conditions(body, scope, markdown=not is_html_file(path))
    warnings += [
        f"line {in_file(at)}: only the generator knows whether {tag[:60]} holds; the else branch is shown"
        for at, tag in undecided
    ]
    return body, warnings


def eleventy_page(path: str, rules: SourceRules) -> dict[str, str]:
    """The values of Eleventy's `page` that follow from the path; none for other generators."""
    if rules.profile != "eleventy":
        return {}
    return {"fileSlug": undated_name(path), "filePathStem": urls.file_path_stem(path, rules)}


def ignored_post(path: str, data: bytes, why: str, rules: SourceRules) -> ParsedPost:
    """A file that is ignored, whatever it contains; `why` is the reason."""
    slug = undated_name(path)
    link = "/" + quote(slug) + "/"
    url = rules.site_url.rstrip("/") + link
    original = conflicted_original(path)
    warnings = (f"{why}; merge what you want to keep into it, and delete the copy",) if original else ()
    post = Post(
        path=path, title=plain_line(slug), instant=None, permalink=link, url=url, base_url=url, slug=slug,
        language=rules.language or DEFAULT_LANGUAGE, body_hash=sha256(data).hexdigest(), hidden=why,
        warnings=warnings,
    )  # fmt: skip
    return ParsedPost(post=post, body="", line=1, container="none", title="")


def decode(path: str, data: bytes) -> str | BadPost:
    """A file's text, without a BOM and with "\\n" as line breaks."""
    if nuls := data.count(b"\0"):
        at = data.find(b"\0")
        if nuls > MAX_NULS or data.endswith(b"\0" * 8):  # binary, or cut off by a crash
            line = 1 + data.count(b"\n", 0, at)
            return BadPost(path=path, line=line, reason=f"a NUL at byte {at}; save the file as UTF-8 text")
        data = data.replace(b"\0", b"")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + data.count(b"\n", 0, error.start)
        byte = data[error.start]
        reason = f"byte {error.start} (0x{byte:02x}) is not UTF-8; save the file as UTF-8"
        return BadPost(path=path, line=line, reason=reason)
    return _BREAKS.sub("\n", text) if "\r" in text else text
