"""What a template tag shows if its arguments suffice: a picture, a quotation, a link to a video, a post or
code on another site, ...

`expand_shortcode` answers for one tag, whichever way its generator writes it: `{% name ... %}`, `{{< name ...
>}}`, `{{% name ... %}}`, Zola's `{{ name(...) }}`. Add a tag as a row of TAGS, one that embeds something from
another site as a row of EMBEDS.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from urllib.parse import urlsplit

from publisher.core.posts.post import MarkdownExtension
from publisher.markup.html.fragments import names
from publisher.markup.templating.block_shortcodes import NOTES, QUOTES, button_target

Arguments = dict[str, str]
Embed = Callable[[Arguments], str]
"""Makes a link from the arguments of a shortcode; "" if they are not enough."""

_VIDEO_URL = re.compile(
    r"(?:https?:)?//(?:www\.|m\.|player\.)?(?:youtu\.be/|youtube(?:-nocookie)?\.com/(?:watch\?v=|embed/|shorts/)"
    r"|vimeo\.com/(?:video/)?)([\w-]+)"
)
_GIST = re.compile(r"[\w-]+(?:/\w+)?")
_NAME = re.compile(r"/?\s*[A-Za-z_][\w:.-]*")

_ARGUMENT = re.compile(
    r"""([\w-]+)\s*[=:]\s*("[^"]*"|'[^']*'|[^\s"'{},()]+)|("[^"]*"|'[^']*'|[^\s"'{}<>%,()]+)"""
)

_PATH_OR_URL = re.compile(r"(?:https?:)?//|/|\.{1,2}/|[^\s/]+(?:/[^\s/]+)*\.[A-Za-z]{2,4}$")
_POST_PATH = re.compile(r"(?:^|/)(?:_posts|_drafts)/|^\d{4}-\d\d?-\d\d?-")
_URL = re.compile(r"(?:https?:)?//")
_WEB_URL = re.compile(r"https?://[^\s\"'<>{}]+")
_SCHEME = re.compile(r"https?://(?:www\.)?")
_PICTURE_FILE = re.compile(r"\.(?:png|jpe?g|gif|webp|avif|svg)$", re.IGNORECASE)
_MEDIA_NAMES = ("youtube", "vimeo", "tweet", "gist", "figure", "picture", "image", "img", "video", "audio")
_INCLUDE_NAMES = ("youtube", "vimeo", "figure", "image", "img", "video")
_SUFFIX = re.compile(r"(?:/?_?index)?\.(?:md|mdx|markdown)$")

SILENT = names(
    "assign capture endcapture comment endcomment raw endraw increment decrement liquid set endset more "
    "end else elsif endif endfor endunless endcase when cycle break continue toc"
)
"""Tags that show nothing: removing them is no reason to warn."""


def by_id(address: str, words: str, pattern: str = r"[\w-]{5,20}") -> Embed:
    """A shortcode whose argument is a whole URL, or an id that replaces "*" in `address`."""

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
    """Hugo's `qr`: the content of the QR code, since nobody can scan text."""
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


@dataclass(frozen=True, slots=True)
class ShortcodeContext:
    """What tags may refer to: the site's URL and the post's (absolute, or ""), the post's title, the
    extensions its generator reads, and values of its front matter.
    """

    site_url: str = ""
    base_url: str = ""
    title: str = ""
    extensions: tuple[MarkdownExtension, ...] = ()
    values: tuple[tuple[str, str], ...] = ()

    def value(self, name: str) -> str | None:
        """The front matter's value for `name`, which may begin with "page."; None if it is not known."""
        name = name.removeprefix("page.")
        return self.title or None if name == "title" else dict(self.values).get(name)

    @property
    def prefix(self) -> str:
        """The site's path without its last slash: the value of `{{ site.baseurl }}`."""
        return urlsplit(self.site_url).path.rstrip("/")

    @property
    def origin(self) -> str:
        """The site's scheme and host: the value of `{{ site.url }}`."""
        return self.site_url.rstrip("/").removesuffix(self.prefix) if self.site_url else ""


def expand_shortcode(inside: str, context: ShortcodeContext) -> str | None:
    """What the tag with this inside becomes; "" if it shows nothing; None if it cannot be shown."""
    match = _NAME.match(inside)
    if match is None:
        return "" if not inside else None
    name = match[0].replace(" ", "").lower()
    rest = inside[match.end() :]
    if name in ("include", "partial", "include_cached", "render"):  # "blog/figure.html" is a figure
        file, _, rest = rest.strip().partition(" ")
        stem = re.sub(r"\.\w+$", "", file.strip("\"',").rpartition("/")[2]).lower()
        name = next((known for known in _INCLUDE_NAMES if known in stem), "include")
    if name.startswith(("/", "end")) and name != "end":
        return ""
    if name in SILENT or name in NOTES or name in QUOTES:  # closed ones are quotations by now
        return ""
    arguments = attributes(rest)
    if name in EMBEDS:
        return EMBEDS[name](arguments) or _web_link(arguments)
    if tag := TAGS.get(name):
        return tag(arguments, context) or None
    return _web_link(arguments)


def _web_link(arguments: Arguments) -> str | None:
    """A link for an unknown tag whose only argument is a web address; None for any other."""
    address = arguments.get("0", arguments.get("url", arguments.get("src", "")))
    if len(arguments) != 1 or not _WEB_URL.fullmatch(address):
        return None
    words = _SCHEME.sub("", address)  # with the scheme, Markdown would see another link in it
    return f'<a href="{escape(address)}">{escape(words)}</a>'


def expand_element(name: str, rest: str) -> str | None:
    """What an empty element called `name` with these attributes shows: `<LiteYouTube id="..." />` is a video.
    None if that is not known.
    """
    known = next((tag for tag in _MEDIA_NAMES if tag in name.lower()), "")
    arguments = attributes(rest)
    if not known and _PICTURE_FILE.search(arguments.get("src", "")):
        known = "image"
    if known in EMBEDS:
        return EMBEDS[known](arguments) or None
    return TAGS[known](arguments, ShortcodeContext()) or None if known else None


def attributes(rest: str) -> Arguments:
    """Named arguments by name, the others by their number from "0"."""
    found: Arguments = {}
    number = 0
    for match in _ARGUMENT.finditer(rest[:2000]):
        if match[1] and not match[2].startswith("//"):
            found.setdefault(match[1].lower(), match[2].strip("\"'"))
        else:
            found.setdefault(str(number), match[0].strip("\"'"))
            number += 1
    return found


def reference(arguments: Arguments, context: ShortcodeContext) -> str:
    """`ref`, `relref`, `link`: the address of another page, as far as the path of its file tells that."""
    target, mark, fragment = arguments.get("0", arguments.get("path", "")).partition("#")
    if "1" in arguments and _PATH_OR_URL.match(arguments["1"]):  # Hexo: {% link words address %}
        return f'<a href="{escape(arguments["1"])}">{escape(arguments["0"])}</a>'
    if _POST_PATH.search(target) or (not target and not mark):
        return ""
    stem = _SUFFIX.sub("/", target) if target.endswith((".md", ".mdx", ".markdown")) else target
    if (stem[:1] == "/" and stem != target) or (
        "/" in stem.strip("/") and not stem.startswith((".", "http", "/"))
    ):
        stem = f"{context.prefix}/{stem.lstrip('/')}"
    elif stem and stem != target and not stem.startswith(("/", ".", "http")):
        stem = f"../{stem}"
    return (stem + mark + fragment).replace(" ", "%20")


def figure(arguments: Arguments, context: ShortcodeContext) -> str:
    """A picture, with a caption and a link if it has them; the order of unnamed arguments varies."""
    words = [arguments[key] for key in map(str, range(9)) if key in arguments]
    named = (arguments.get(key, "") for key in ("src", "url", "image", "image_path", "file", "path", "link"))
    first = next((word for word in words if _PATH_OR_URL.match(word)), "")
    src = next(filter(None, named), "") or first
    if not src or "{" in src:
        return ""
    if src == arguments.get("image_path") and src.startswith("/"):  # themes apply `relative_url` to it
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


def image_with_class(arguments: Arguments, context: ShortcodeContext) -> str:
    """Eleventy's own `image_with_class`: address, class, alternative text."""
    return figure({"src": arguments.get("0", ""), "alt": arguments.get("2", "")}, context)


def video(arguments: Arguments, context: ShortcodeContext) -> str:
    """A video file of the site, or an id at a `provider`."""
    if embed := EMBEDS.get(arguments.get("provider", "").lower()):
        return embed(arguments)
    src = arguments.get("src") or arguments.get("0", "")
    return f'<video src="{escape(src)}" controls></video>' if src and "{" not in src else ""


def audio(arguments: Arguments, context: ShortcodeContext) -> str:
    """A sound file."""
    src = arguments.get("src") or arguments.get("0", "")
    return f'<audio src="{escape(src)}" controls></audio>' if _PATH_OR_URL.match(src) else ""


def param(arguments: Arguments, context: ShortcodeContext) -> str:
    """Hugo's `param`: a value of the front matter."""
    return escape(context.value(arguments.get("0", "")) or "", quote=False)


def tab(arguments: Arguments, context: ShortcodeContext) -> str:
    """One of several texts that readers choose from: its label in bold."""
    label = next(
        (arguments[key] for key in ("label", "title", "header", "name", "0") if arguments.get(key)), ""
    )
    return f"\n\n**{label.replace('*', '')}**\n\n" if label else ""


def button(arguments: Arguments, context: ShortcodeContext) -> str:
    """A button without a closing tag: its words are among its arguments."""
    target = button_target(arguments)
    words = next((arguments[key] for key in ("text", "label", "title") if arguments.get(key)), target)
    return f'<a href="{escape(target)}">{escape(words)}</a>' if target else ""


def site_path(arguments: Arguments, context: ShortcodeContext) -> str:
    """Zola's `get_url(path="...")`, Hexo's `url_for`: a path within the site."""
    path = arguments.get("path") or arguments.get("0", "")
    return from_root(path.removeprefix("@/"), context) if path and not _URL.match(path) else path


def resize_image(arguments: Arguments, context: ShortcodeContext) -> str:
    """Zola's `resize_image`: the picture in its own size. A path is from the root of the content; a bare name
    is next to the post.
    """
    path = arguments.get("path") or arguments.get("0", "")
    path = re.sub(r"^/?(?:static|content)/", "/", path)
    src = from_root(path, context) if "/" in path else path
    return f'<img src="{escape(src)}" alt="{escape(arguments.get("alt", ""))}">' if src else ""


def from_root(path: str, context: ShortcodeContext) -> str:
    """The address of a file by its path from the root of the content."""
    path, mark, fragment = path.partition("#")
    if (stem := _SUFFIX.sub("", path)) != path:  # of a post or a section
        path = stem.strip("/") + "/" * bool(stem.strip("/"))
    return f"{context.prefix}/{path.lstrip('/')}{mark}{fragment}".replace(" ", "%20")


def asset_path(arguments: Arguments, context: ShortcodeContext) -> str:
    """Hexo: the address of a file next to the post."""
    return arguments.get("0", "").replace(" ", "%20")


def asset_link(arguments: Arguments, context: ShortcodeContext) -> str:
    """Hexo: {% asset_link a.zip Words of the link [escape] %}; the last argument may be true or false."""
    file, *words = [arguments[key] for key in map(str, range(30)) if key in arguments] or [""]
    text = " ".join(words[:-1] if words and words[-1] in ("true", "false") else words)
    return f'<a href="{escape(file)}">{escape(text or file)}</a>' if file else ""


def post_link(arguments: Arguments, context: ShortcodeContext) -> str:
    """Hexo: the words of a link to another post, whose address is not known."""
    return escape(" ".join(arguments.get(str(n), "") for n in range(1, 30)).strip())


TAGS: dict[str, Callable[[Arguments, ShortcodeContext], str]] = {
    "ref": reference,
    "relref": reference,
    "link": reference,
    "figure": figure,
    "img": figure,
    "image": figure,
    "picture": figure,
    "asset_img": figure,
    "asset_path": asset_path,
    "asset_link": asset_link,
    "audio": audio,
    "image_with_class": image_with_class,
    "post_link": post_link,
    "video": video,
    "param": param,
    "tab": tab,
    "button": button,
    "btn": button,
    "get_url": site_path,
    "url_for": site_path,
    "resize_image": resize_image,
}
