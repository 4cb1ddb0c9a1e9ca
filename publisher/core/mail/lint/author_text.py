"""A digest without its authors' text, and placeholders that a template should have filled in.

Authors may write `{{ name }}`, so a mail is linted without their text: whatever is still wrong comes from its
templates. The shape stays: as many posts as before, and pictures where there were some. Titles, names and
summaries keep their length and lose only what looks like a placeholder; bodies become a sample, addresses an
address that works. Every post gets a title, a summary, an author and a category, so that no post leaves a
part of the template empty.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256

from publisher.core.digests.digest import Digest, DigestPost
from publisher.core.mail.lint.dom import Tree
from publisher.core.mail.message import LintProblem, LintRule
from publisher.core.site import Person, Site
from publisher.core.subscribers.subscription import MailingList

SAMPLE_BODY = (
    '<p>Words with <a href="https://post.example/link">a link</a>, <em>stress</em> and <code>code</code>.</p>'
    '<h2>A heading</h2><ul><li>One</li><li>Two</li></ul><blockquote><p>Said.</p></blockquote>'
    '<table><tbody><tr><th>A</th><td>1</td></tr></tbody></table><pre><code>a = 1</code></pre>'
    '<p><img src="https://post.example/picture.png" alt="A picture"></p>'
)  # fmt: skip
"""Takes the place of every body: one of each kind of content."""

_BRACES = str.maketrans("{}", "()")
_PERCENT = re.compile(r"%(?=\()")
_MARK = re.compile(r"mark(?=[0-9a-f]{24})")

PLACEHOLDER_START = re.compile(r"\{\{|\{%|%\(\w+\)s")
"""The beginning of a placeholder that a template should have filled in."""

READER_MARK = re.compile(r"mark[0-9a-f]{24}")
"""Takes the place of a reader's own link (services.digests.compose)."""

_CODE = ("code", "pre", "kbd", "samp", "var")


def without_author_text(digest: Digest) -> Digest:
    """`digest` without any text from authors or settings."""
    return replace(
        digest,
        site=site_without_author_text(digest.site),
        list=list_without_author_text(digest.list),
        posts=tuple(map(post_without_author_text, digest.posts)),
    )


def site_without_author_text(site: Site) -> Site:
    """The site without its own text. Its addresses stay, since they are in every mail."""
    return replace(
        site,
        title=without_placeholders(site.title),
        description=without_placeholders(site.description),
        copyright=without_placeholders(site.copyright),
        postal_address=without_placeholders(site.postal_address),
        author=_person(site.author) if site.author else None,
        logo=replace(site.logo, alt=without_placeholders(site.logo.alt)) if site.logo else None,
    )


def list_without_author_text(spec: MailingList) -> MailingList:
    """The list without its own text. Its subject stays, since it is a template."""
    return replace(
        spec, title=without_placeholders(spec.title), description=without_placeholders(spec.description)
    )


def post_without_author_text(post: DigestPost) -> DigestPost:
    """One post without its author's text."""
    return replace(
        post,
        title=without_placeholders(post.title) if post.title.strip() else "Title",
        url=_address(post.url),
        html=SAMPLE_BODY if post.html else "",
        text=without_placeholders(post.text),
        summary=without_placeholders(post.summary) if post.summary.strip() else "Summary",
        authors=tuple(map(_person, post.authors)) or (Person(name="Author"),),
        categories=tuple(map(without_placeholders, post.categories)) or ("Category",),
        subject=without_placeholders(post.subject),
        preheader=without_placeholders(post.preheader),
        series=without_placeholders(post.series),
        image=replace(post.image, url=_address(post.image.url), alt=without_placeholders(post.image.alt))
        if post.image
        else None,
    )


def without_placeholders(text: str) -> str:
    """`text` in the same length, without anything that opens a placeholder, and without readers' marks."""
    return _MARK.sub("sign", _PERCENT.sub("'", text.translate(_BRACES)))


def _person(person: Person) -> Person:
    url = _address(person.url) if person.url else person.url
    return replace(person, name=without_placeholders(person.name), url=url)


def _address(url: str) -> str:
    """An address that is the same for equal `url`s, because templates may compare them."""
    return f"https://post.example/{sha256(url.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def line_leftovers(where: str, text: str) -> Iterator[LintProblem]:
    """The first leftover placeholder in the subject or in the text part."""
    if found := PLACEHOLDER_START.search(text):
        yield _placeholder(where, f"{found.group()!r} in {_around(text, found.start())!r}")
    if READER_MARK.search(text):
        yield _placeholder(where, "a mark that was to become a reader's own link")


def page_leftovers(html: str, tree: Tree) -> Iterator[LintProblem]:
    """Leftover placeholders in the addresses, alternative texts and text of the HTML. Code may show them."""
    if READER_MARK.search(html):
        yield _placeholder("html", "a mark that was to become a reader's own link")
    for element in tree.elements:
        for name in ("href", "src", "alt"):
            if found := PLACEHOLDER_START.search(element.attrs.get(name, "")):
                at = element.attrs[name][max(0, found.start() - 20) :][:60]
                yield _placeholder("html", f"{found.group()!r} in {name}: {at!r}")
    for element, text in tree.texts:
        if (found := PLACEHOLDER_START.search(text)) and not element.within(*_CODE, "title"):
            yield _placeholder("html", f"{found.group()!r} in {_around(text, found.start())!r}")
            return


def _placeholder(where: str, what: str) -> LintProblem:
    return LintProblem(rule=LintRule.PLACEHOLDER, where=where, what=what)


def _around(text: str, at: int) -> str:
    """The text around a position, on one line."""
    return " ".join(text[max(0, at - 30) : at + 50].split())
