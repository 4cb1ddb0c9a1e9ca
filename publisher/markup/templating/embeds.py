"""Template tags that show what is elsewhere (a video, a post, a code) become links to it."""

import re
from collections.abc import Callable, Mapping
from html import escape

Arguments = Mapping[str, str]

_VIDEO = re.compile(
    r"(?:https?:)?//(?:www\.|m\.|player\.)?(?:youtu\.be/|youtube(?:-nocookie)?\.com/(?:watch\?v=|embed/|shorts/)"
    r"|vimeo\.com/(?:video/)?)([\w-]+)"
)
_ADDRESS = re.compile(r"(?:https?:)?//")


def _link(url: str, words: str) -> str:
    return f'<a href="{escape(url)}">{escape(words)}</a>'


def _first(given: Arguments, *names: str) -> str:
    return next((given[name] for name in (*names, "0") if given.get(name)), "")


def _place(address: str, words: str, pattern: str = r"[\w-]{5,20}") -> Callable[[Arguments], str]:
    """A tag whose argument is a key, or the whole address."""

    def tag(given: Arguments) -> str:
        key = _first(given, "id", "url", "src")
        if match := _VIDEO.match(key):
            key = match[1]
        if _ADDRESS.match(key):
            return _link(key, words)
        return _link(address.replace("*", key), words) if re.fullmatch(pattern, key) else ""

    return tag


def _tweet(given: Arguments) -> str:
    user, id = given.get("user", "i"), _first(given, "id")
    if _ADDRESS.match(id):
        return _link(id, id)
    if not re.fullmatch(r"\w{1,20}", user) or not re.fullmatch(r"\d{5,25}", id):
        return ""
    return _link(f"https://twitter.com/{user}/status/{id}", "A post on Twitter")


def _gist(given: Arguments) -> str:
    path = _first(given, "url").removeprefix("https://gist.github.com/")
    if re.fullmatch(r"[\w-]+", path) and re.fullmatch(r"\w+", given.get("1", "")):  # Hugo's; Hexo's is a file
        path += "/" + given["1"]
    return _link(f"https://gist.github.com/{path}", "Code on GitHub") if _GIST.fullmatch(path) else ""


def _pen(given: Arguments) -> str:
    user, id = given.get("user", ""), _first(given, "id")
    good = re.fullmatch(r"[\w-]+", user) and re.fullmatch(r"\w+", id)
    return _link(f"https://codepen.io/{user}/pen/{id}", "Code on CodePen") if good else ""


def _code_square(given: Arguments) -> str:
    """Hugo's `qr`: what stands in the square, which a reader of text cannot scan."""
    text = _first(given, "text")
    return _link(text, text) if _ADDRESS.match(text) else escape(text)


def _frame(given: Arguments) -> str:
    url = _first(given, "src", "url")
    return _link(url, url) if _ADDRESS.match(url) else ""


_GIST = re.compile(r"[\w-]+(?:/\w+)?")
_twitter = dict.fromkeys(("tweet", "twitter", "x", "tweet_simple", "twitter_simple", "x_simple"), _tweet)
_youtube = _place("https://www.youtube.com/watch?v=*", "Video on YouTube")
_vimeo = _place("https://vimeo.com/*", "Video on Vimeo")

ELSEWHERE: Mapping[str, Callable[[Arguments], str]] = {
    "youtube": _youtube,
    "vimeo": _vimeo,
    "vimeo_simple": _vimeo,
    "instagram": _place("https://www.instagram.com/p/*/", "A post on Instagram"),
    "instagram_simple": _place("https://www.instagram.com/p/*/", "A post on Instagram"),
    "bilibili": _place("https://www.bilibili.com/video/*", "Video on Bilibili", r"(?:BV|av)\w{5,15}"),
    "jsfiddle": _place("https://jsfiddle.net/*", "Code on JSFiddle", r"\w+(?:/\w+)?"),
    "codepen": _pen,
    "gist": _gist,
    "qr": _code_square,
    "iframe": _frame,
    **_twitter,
}
"""By the names of their tags. "": the arguments do not suffice."""
