"""What a template tag becomes where its arguments suffice: a picture, a link to a video, a quotation, ...

`shown` answers for one tag, however its generator writes it: `{% name ... %}`, `{{< name ... >}}`,
`{{% name ... %}}`, Zola's `{{ name(...) }}`. A new tag is one row of TAGS.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from urllib.parse import urlsplit

from publisher.core.posts.post import MarkdownExtension
from publisher.markup.html.fragments import names
from publisher.markup.templating.block_shortcodes import BOXES, QUOTES, linked
from publisher.markup.templating.embeds import ELSEWHERE

_NAME = re.compile(r"/?\s*[A-Za-z_][\w:.-]*")
_ARGUMENT = re.compile(
    r"""([\w-]+)\s*[=:]\s*("[^"]*"|'[^']*'|[^\s"'{},()]+)|("[^"]*"|'[^']*'|[^\s"'{}<>%,()]+)"""
)
_SOURCE = re.compile(r"(?:https?:)?//|/|\.{1,2}/|[^\s/]+(?:/[^\s/]+)*\.[A-Za-z]{2,4}$")
_POST = re.compile(r"(?:^|/)(?:_posts|_drafts)/|^\d{4}-\d\d?-\d\d?-")
_ADDRESS = re.compile(r"(?:https?:)?//")
_WEB = re.compile(r"https?://[^\s\"'<>{}]+")
_SCHEME = re.compile(r"https?://(?:www\.)?")
_PICTURE = re.compile(r"\.(?:png|jpe?g|gif|webp|avif|svg)$", re.IGNORECASE)
_SHOWING = ("youtube", "vimeo", "tweet", "gist", "figure", "picture", "image", "img", "video", "audio")
_INCLUDED = ("youtube", "vimeo", "figure", "image", "img", "video")
_SUFFIX = re.compile(r"(?:/?_?index)?\.(?:md|mdx|markdown)$")

SILENT = names(
    "assign capture endcapture comment endcomment raw endraw increment decrement liquid set endset more "
    "end else elsif endif endfor endunless endcase when cycle break continue toc"
)
"""Tags whose going leaves nothing out: no warning."""

Arguments = dict[str, str]


@dataclass(frozen=True, slots=True)
class ShortcodeContext:
    """Where the tags stand: the site's URL and the post's (absolute, or empty), the post's title,
    what its generator reads, and the front matter that it may show."""

    site_url: str = ""
    base_url: str = ""
    title: str = ""
    extensions: tuple[MarkdownExtension, ...] = ()
    values: tuple[tuple[str, str], ...] = ()

    def value(self, name: str) -> str | None:
        """What the front matter says under `name` (or "page." and a name); None: nothing that is known."""
        name = name.removeprefix("page.")
        return self.title or None if name == "title" else dict(self.values).get(name)

    @property
    def prefix(self) -> str:
        """The site's path without its last slash: what `{{ site.baseurl }}` stands for."""
        return urlsplit(self.site_url).path.rstrip("/")

    @property
    def origin(self) -> str:
        """The site's scheme and host: what `{{ site.url }}` stands for."""
        return self.site_url.rstrip("/").removesuffix(self.prefix) if self.site_url else ""


def shown(inside: str, context: ShortcodeContext) -> str | None:
    """What the tag with these words becomes; "" for one that means nothing; None: it cannot be shown."""
    match = _NAME.match(inside)
    if match is None:
        return "" if not inside else None
    name = match[0].replace(" ", "").lower()
    rest = inside[match.end() :]
    if name in ("include", "partial", "include_cached", "render"):
        name, rest = _included(rest)
    if name.startswith(("/", "end")) and name != "end":
        return ""
    if name in SILENT or name in BOXES or name in QUOTES:  # what is closed is a quotation by now
        return ""
    given = attributes(rest)
    if name in ELSEWHERE:
        return ELSEWHERE[name](given) or _web_link(given)
    if tag := TAGS.get(name):
        return tag(given, context) or None
    return _web_link(given)


def _web_link(given: Arguments) -> str | None:
    """A tag that nobody knows and that says nothing but a web address leads there."""
    address = given.get("0", given.get("url", given.get("src", "")))
    if len(given) != 1 or not _WEB.fullmatch(address):
        return None
    words = _SCHEME.sub("", address)  # with it, Markdown would see another link in it
    return f'<a href="{escape(address)}">{escape(words)}</a>'


def pictured(name: str, rest: str) -> str | None:
    """What an element called `name` with these attributes shows by itself: `<LiteYouTube id="..." />` is a
    video. None: nothing that is known.
    """
    known = next((tag for tag in _SHOWING if tag in name.lower()), "")
    given = attributes(rest)
    if not known and _PICTURE.search(given.get("src", "")):
        known = "image"
    if known in ELSEWHERE:
        return ELSEWHERE[known](given) or None
    return TAGS[known](given, ShortcodeContext()) or None if known else None


def _included(rest: str) -> tuple[str, str]:
    """The tag that an included template stands for, by its name: "blog/figure.html" is a figure."""
    file, _, arguments = rest.strip().partition(" ")
    stem = re.sub(r"\.\w+$", "", file.strip("\"',").rpartition("/")[2]).lower()
    known = next((name for name in _INCLUDED if name in stem), "include")
    return known, arguments


def attributes(rest: str) -> Arguments:
    """Named ones by name, the others by their number from "0"."""
    found: Arguments = {}
    number = 0
    for match in _ARGUMENT.finditer(rest[:2000]):
        if match[1] and not match[2].startswith("//"):
            found.setdefault(match[1].lower(), match[2].strip("\"'"))
        else:
            found.setdefault(str(number), match[0].strip("\"'"))
            number += 1
    return found


def _reference(arguments: Arguments, context: ShortcodeContext) -> str:
    """`ref`, `relref`, `link`: another file of the site by its path, as far as that tells its address."""
    target, mark, fragment = arguments.get("0", arguments.get("path", "")).partition("#")
    if "1" in arguments and _SOURCE.match(arguments["1"]):  # Hexo: {% link words address %}
        return f'<a href="{escape(arguments["1"])}">{escape(arguments["0"])}</a>'
    if _POST.search(target) or (not target and not mark):
        return ""
    stem = _SUFFIX.sub("/", target) if target.endswith((".md", ".mdx", ".markdown")) else target
    if (stem[:1] == "/" and stem != target) or (
        "/" in stem.strip("/") and not stem.startswith((".", "http", "/"))
    ):
        stem = f"{context.prefix}/{stem.lstrip('/')}"
    elif stem and stem != target and not stem.startswith(("/", ".", "http")):
        stem = f"../{stem}"
    return (stem + mark + fragment).replace(" ", "%20")


def _figure(arguments: Arguments, context: ShortcodeContext) -> str:
    words = [arguments[key] for key in map(str, range(9)) if key in arguments]
    named = (arguments.get(key, "") for key in ("src", "url", "image", "image_path", "file", "path", "link"))
    first = next((word for word in words if _SOURCE.match(word)), "")
    src = next(filter(None, named), "") or first
    if not src or "{" in src:
        return ""
    if src == arguments.get("image_path") and src.startswith("/"):  # which templates make `relative_url`
        src = context.prefix + src
    after = words[words.index(src) + 1 :] if src in words else words
    spoken = next((word for word in after if not word.isdigit()), "")
    caption = arguments.get("caption") or arguments.get("description") or arguments.get("title", "")
    alt = arguments.get("alt") or spoken
    image = f'<img src="{escape(src)}" alt="{escape(alt)}">'
    link = arguments.get("link", "")
    if link not in ("", src) and "{" not in link:
        image = f'<a href="{escape(link)}">{image}</a>'
    return f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>" if caption else image


def _classed(arguments: Arguments, context: ShortcodeContext) -> str:
    """Eleventy's own `image_with_class`: address, class, alternative text."""
    return _figure({"src": arguments.get("0", ""), "alt": arguments.get("2", "")}, context)


def _film(arguments: Arguments, context: ShortcodeContext) -> str:
    """A film of the site's own, or by its number at a `provider`."""
    if shown := ELSEWHERE.get(arguments.get("provider", "").lower()):
        return shown(arguments)
    src = arguments.get("src") or arguments.get("0", "")
    return f'<video src="{escape(src)}" controls></video>' if src and "{" not in src else ""


def _sound(arguments: Arguments, context: ShortcodeContext) -> str:
    src = arguments.get("src") or arguments.get("0", "")
    return f'<audio src="{escape(src)}" controls></audio>' if _SOURCE.match(src) else ""


def _param(arguments: Arguments, context: ShortcodeContext) -> str:
    """Hugo's `param`: a value of the front matter."""
    return escape(context.value(arguments.get("0", "")) or "", quote=False)


def _tab(arguments: Arguments, context: ShortcodeContext) -> str:
    """One of several texts that readers choose from: its label."""
    label = next(
        (arguments[key] for key in ("label", "title", "header", "name", "0") if arguments.get(key)), ""
    )
    return f"\n\n**{label.replace('*', '')}**\n\n" if label else ""


def _button(arguments: Arguments, context: ShortcodeContext) -> str:
    """A button that is not closed: its words are among its arguments."""
    to = linked(arguments)
    words = next((arguments[key] for key in ("text", "label", "title") if arguments.get(key)), to)
    return f'<a href="{escape(to)}">{escape(words)}</a>' if to else ""


def _path(arguments: Arguments, context: ShortcodeContext) -> str:
    """Zola's `get_url(path="...")`, Hexo's `url_for`: a place of the site."""
    path = arguments.get("path") or arguments.get("0", "")
    return from_root(path.removeprefix("@/"), context) if path and not _ADDRESS.match(path) else path


def _resized(arguments: Arguments, context: ShortcodeContext) -> str:
    """Zola's `resize_image`: the picture as it is. A path is from the root of the content; a name alone is
    beside the post."""
    path = arguments.get("path") or arguments.get("0", "")
    path = re.sub(r"^/?(?:static|content)/", "/", path)
    src = from_root(path, context) if "/" in path else path
    return f'<img src="{escape(src)}" alt="{escape(arguments.get("alt", ""))}">' if src else ""


def from_root(path: str, context: ShortcodeContext) -> str:
    """The address of a file of the site by its path from the root of the content."""
    path, mark, fragment = path.partition("#")
    if (stem := _SUFFIX.sub("", path)) != path:  # a post's, or a section's
        path = stem.strip("/") + "/" * bool(stem.strip("/"))
    return f"{context.prefix}/{path.lstrip('/')}{mark}{fragment}".replace(" ", "%20")


def _asset_path(arguments: Arguments, context: ShortcodeContext) -> str:
    return arguments.get("0", "").replace(" ", "%20")


def _asset_link(arguments: Arguments, context: ShortcodeContext) -> str:
    """Hexo: {% asset_link a.zip Words of the link %}, and whether they are escaped"""
    file, *words = [arguments[key] for key in map(str, range(30)) if key in arguments] or [""]
    said = " ".join(words[:-1] if words and words[-1] in ("true", "false") else words)
    return f'<a href="{escape(file)}">{escape(said or file)}</a>' if file else ""


def _post_link(arguments: Arguments, context: ShortcodeContext) -> str:
    return escape(" ".join(arguments.get(str(n), "") for n in range(1, 30)).strip())


TAGS: dict[str, Callable[[Arguments, ShortcodeContext], str]] = {
    "ref": _reference,
    "relref": _reference,
    "link": _reference,
    "figure": _figure,
    "img": _figure,
    "image": _figure,
    "picture": _figure,
    "asset_img": _figure,
    "asset_path": _asset_path,
    "asset_link": _asset_link,
    "audio": _sound,
    "image_with_class": _classed,
    "post_link": _post_link,
    "video": _film,
    "param": _param,
    "tab": _tab,
    "button": _button,
    "btn": _button,
    "get_url": _path,
    "url_for": _path,
    "resize_image": _resized,
}
