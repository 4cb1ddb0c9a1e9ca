"""Filters and globals of templates: what they may ask for beyond Jinja's own. All need Jinja."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from publisher.core.digests.digest import DigestPost
from publisher.core.mail.message import TEXT_WIDTH
from publisher.core.site import text_direction
from publisher.rendering import display_text, post_bodies, text_wrapping
from publisher.rendering.inlining import Marks
from publisher.rendering.languages import LanguageWords, language_name


@pass_context
def gettext(context: Context, message: str, /, **values: object) -> str:
    """What {% trans %} says; in HTML, values are escaped and the message is markup."""
    return _filled(context, _words(context).catalogue.gettext(message), values)


@pass_context
def ngettext(context: Context, one: str, many: str, num: int, /, **values: object) -> str:
    """What {% trans %} with {% pluralize %} says."""
    return _filled(context, _words(context).catalogue.ngettext(one, many, num), {"num": num, **values})


def _filled(context: Context, message: str, values: Mapping[str, object]) -> str:
    if context.eval_ctx.autoescape:
        return Markup(message) % values  # noqa: S704  # the template's own words, or its translator's
    return message % values


def _words(context: Context) -> LanguageWords:
    """The language of a template: every rendering is given one."""
    words: LanguageWords = context["words"]
    return words


@pass_context
def body(context: Context, post: DigestPost, top: int = 3) -> Markup:
    """A post's HTML for a mail, its headings from `top` down."""
    labels = display_text.media_labels(_words(context))
    return Markup(post_bodies.mail_body(post.html, top, post.image, labels))  # noqa: S704  # DigestPost.html is sanitized


def page_body(post: DigestPost) -> Markup:
    """A post's HTML for a page of its own."""
    return Markup(post_bodies.page_body(post.html, post.image))  # noqa: S704  # as above


@pass_context
def apart(context: Context, html: Markup) -> Markup:
    """HTML that is inlined by itself, and kept for the next mail that shows the same."""
    marks = context.get("_marks")
    return Markup(marks.mark(str(html))) if isinstance(marks, Marks) else html  # noqa: S704  # it was markup


@pass_context
def date(context: Context, instant: datetime, zone: str = "UTC") -> str:
    """ "25 October 2024", in the reader's language."""
    return _words(context).day(instant, zone)


@pass_context
def moment(context: Context, instant: datetime, zone: str = "UTC") -> str:
    """ "25 October 2024, 18:30", in the reader's language."""
    return _words(context).moment(instant, zone)


@pass_context
def weekday(context: Context, number: int) -> str:
    """ "Monday" for 0, in the reader's language."""
    return _words(context).weekday(number)


@pass_context
def label(context: Context, post: DigestPost) -> str:
    """A post's title, or what stands in for it."""
    return display_text.label(post, _words(context))


@pass_context
def names(context: Context, names: Iterable[str]) -> str:
    """ "Ann, Bo and Cy", in the reader's language."""
    return _words(context).names([display_text.one_line(name) for name in names])


@pass_context
def wrap(context: Context, text: str, width: int = TEXT_WIDTH) -> str:
    """Text in columns, with its marked words in the language of the mail."""
    words = context.get("words")
    if isinstance(words, LanguageWords):
        text = display_text.translated_words(text, words)
    return text_wrapping.wrap(text, width)


def bdi(text: str, known: str = "") -> Markup:
    """Text whose direction is its own, or the `known` one, within a sentence of another direction."""
    start = Markup('<bdi dir="{}">').format(known) if known else Markup("<bdi>")
    return start + display_text.one_line(text) + Markup("</bdi>")


Filters = Mapping[str, Callable[..., object]]

GLOBALS: Mapping[str, Any] = {"gettext": gettext, "ngettext": ngettext}

FILTERS: Filters = {
    "apart": apart,
    "bdi": bdi,
    "body": body,
    "clip": display_text.clip,
    "date": date,
    "direction": text_direction,
    "label": label,
    "machine": display_text.machine,
    "moment": moment,
    "names": names,
    "one_line": display_text.one_line,
    "page_body": page_body,
    "script": display_text.script,
    "shown_size": post_bodies.shown_size,
    "shows_picture": post_bodies.shows_picture,
    "time": display_text.time,
    "tongue": language_name,
    "weekday": weekday,
    "wrap": wrap,
}
"""By their names in templates, which the sites' own templates rely on."""


def quoted_word(text: str) -> str:
    """One word of the configuration of nginx or Apache, in the quotes that leave more of it as it is."""
    mark = "'" if '"' in text and "'" not in text else '"'
    escaped = text.replace("\\", "\\\\").replace(mark, f"\\{mark}")
    return f"{mark}{escaped}{mark}"


def nginx_value(text: str) -> str:
    """A word where nginx replaces variables: it has no way to write a dollar sign. Raises ValueError."""
    return quoted_word(_without("$", text, "nginx"))


def apache_word(text: str) -> str:
    """A word of Apache's configuration; "${" would begin a variable. Raises ValueError."""
    return quoted_word(_without("${", text, "Apache"))


def apache_target(url: str) -> str:
    """The address that a RedirectMatch leads to: Apache percent-encodes its path, and reads $1 as what the
    expression matched. "" where a "?" or "#" in the path would end it.
    """
    path = re.split(r"[?#]", url, maxsplit=1)[0]
    plain, rest = unquote(path), url[len(path) :]
    return "" if {"?", "#"} & set(plain) else quoted_word(re.sub(r"[\\${]", r"\\\g<0>", plain + rest))


def caddy_word(text: str) -> str:
    """A word of a Caddyfile, where a brace would begin a placeholder. Raises ValueError."""
    return f"`{_without('`', _without('{', text, 'Caddy'), 'Caddy')}`"


def caddy_regex(pattern: str) -> str:
    """A regular expression of a Caddyfile."""
    return "`" + pattern.replace("`", r"\x60") + "`"


def _without(mark: str, text: str, server: str) -> str:
    if mark in text:
        raise ValueError(f"{server} has no way to write {mark} in {text!r}")
    return text


SERVER_FILTERS: Filters = {
    "apache": apache_word,
    "apache_target": apache_target,
    "caddy": caddy_word,
    "caddy_regex": caddy_regex,
    "nginx": quoted_word,
    "nginx_value": nginx_value,
    "regex": re.escape,
    "url_path": quote,
}
"""For the templates of web servers: each quotes a value by the syntax of its server."""
