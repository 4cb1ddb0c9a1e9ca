"""Shortcodes that embed something from another site (a video, a post, code) become links to it."""

import re
from collections.abc import Callable, Mapping
from html import escape

Arguments = Mapping[str, str]
Embed = Callable[[Arguments], str]
"""A link for the arguments of a shortcode; "" if they do not suffice."""

_VIDEO_URL = re.compile(
    r"(?:https?:)?//(?:www\.|m\.|player\.)?(?:youtu\.be/|youtube(?:-nocookie)?\.com/(?:watch\?v=|embed/|shorts/)"
    r"|vimeo\.com/(?:video/)?)([\w-]+)"
)
_URL = re.compile(r"(?:https?:)?//")
_GIST = re.compile(r"[\w-]+(?:/\w+)?")


def by_id(address: str, words: str, pattern: str = r"[\w-]{5,20}") -> Embed:
    """A shortcode whose argument is an id, which takes the place of "*" in `address`, or a whole URL."""

    def embed(arguments: Arguments) -> str:
        id = _first(arguments, "id", "url", "src")
        if match := _VIDEO_URL.match(id):
            id = match[1]
        if _URL.match(id):
            return _link(id, words)
        return _link(address.replace("*", id), words) if re.fullmatch(pattern, id) else ""

    return embed


def tweet(arguments: Arguments) -> str:
    """Hugo's `tweet` and `x`: a user and an id, or an id alone."""
    user, id = arguments.get("user", "i"), _first(arguments, "id")
    if _URL.match(id):
        return _link(id, id)
    if not re.fullmatch(r"\w{1,20}", user) or not re.fullmatch(r"\d{5,25}", id):
        return ""
    return _link(f"https://twitter.com/{user}/status/{id}", "A post on Twitter")


def gist(arguments: Arguments) -> str:
    """A gist by its path; Hugo writes the user and the id apart."""
    path = _first(arguments, "url").removeprefix("https://gist.github.com/")
    id = arguments.get("1", "")
    if re.fullmatch(r"[\w-]+", path) and re.fullmatch(r"\w+", id):  # Hugo's second argument; Hexo's is a file
        path += "/" + id
    return _link(f"https://gist.github.com/{path}", "Code on GitHub") if _GIST.fullmatch(path) else ""


def codepen(arguments: Arguments) -> str:
    """A pen by its user and id."""
    user, id = arguments.get("user", ""), _first(arguments, "id")
    valid = re.fullmatch(r"[\w-]+", user) and re.fullmatch(r"\w+", id)
    return _link(f"https://codepen.io/{user}/pen/{id}", "Code on CodePen") if valid else ""


def qr(arguments: Arguments) -> str:
    """Hugo's `qr`: the content of the QR code, which a reader of text cannot scan."""
    text = _first(arguments, "text")
    return _link(text, text) if _URL.match(text) else escape(text)


def iframe(arguments: Arguments) -> str:
    """A frame: its address."""
    url = _first(arguments, "src", "url")
    return _link(url, url) if _URL.match(url) else ""


def _first(arguments: Arguments, *names: str) -> str:
    """The first of these arguments, or else the first one without a name."""
    return next((arguments[name] for name in (*names, "0") if arguments.get(name)), "")


def _link(url: str, words: str) -> str:
    return f'<a href="{escape(url)}">{escape(words)}</a>'


EMBEDS: Mapping[str, Embed] = {
    "youtube": by_id("https://www.youtube.com/watch?v=*", "Video on YouTube"),
    "vimeo": by_id("https://vimeo.com/*", "Video on Vimeo"),
    "vimeo_simple": by_id("https://vimeo.com/*", "Video on Vimeo"),
    "instagram": by_id("https://www.instagram.com/p/*/", "A post on Instagram"),
    "instagram_simple": by_id("https://www.instagram.com/p/*/", "A post on Instagram"),
    "bilibili": by_id("https://www.bilibili.com/video/*", "Video on Bilibili", r"(?:BV|av)\w{5,15}"),
    "jsfiddle": by_id("https://jsfiddle.net/*", "Code on JSFiddle", r"\w+(?:/\w+)?"),
    "codepen": codepen,
    "gist": gist,
    "qr": qr,
    "iframe": iframe,
    **dict.fromkeys(("tweet", "twitter", "x", "tweet_simple", "twitter_simple", "x_simple"), tweet),
}
"""By the names of the shortcodes."""
