"""Converts an export to a folder: one Markdown file with front matter for each post, and the pictures it
uses.
"""

import json
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup

from publisher.convert.markdown_writer import MarkdownWriter
from publisher.convert.platform_html import html_of_wordpress, rewrite_cards
from publisher.core.errors import OutputError, Refused
from publisher.core.publishing.adoption import BlogExport, ExportedPost, ExportState
from publisher.fetching.blog_exports import (
    URL_PLACEHOLDER,
    read_ghost_export,
    read_substack_export,
    read_wordpress_export,
)
from publisher.ports import Progress

PLATFORMS: Mapping[str, Callable[[bytes], BlogExport | None]] = {
    "ghost": read_ghost_export,
    "wordpress": read_wordpress_export,
    "substack": read_substack_export,
}
"""The platforms whose exports are read, by the name the command line takes."""

HOW_TO_EXPORT = {
    "ghost": "export it in Ghost under Settings > Import/Export > Export > Content",
    "wordpress": "export it in WordPress under Tools > Export > All content",
    "substack": "export it in Substack under Settings > Export, and name the zip file",
}

UPLOADS = {"ghost": "content/images", "wordpress": "wp-content/uploads"}
"""Where each platform keeps uploaded pictures, below the root of the blog. Substack keeps them elsewhere, and
exports none.
"""

PICTURES = "images"
"""The folder for pictures, beside the posts."""

_SIZED = re.compile(r"^size/w\d+(?:h\d+)?/(?:format/\w+/)?")
_SCALED = re.compile(r"-\d+x\d+(?=\.\w+$)")
_UNSAFE = re.compile(r"[^\w.-]+")


@dataclass(slots=True)
class Conversion:
    """What a conversion made. `files` are the texts by name; `pictures` the files to copy, target to source;
    `hidden` counts posts by why not everybody could read them; `lost` counts what could not be carried over,
    by kind, with the first post that has it.
    """

    files: dict[str, str] = field(default_factory=dict[str, str])
    pictures: dict[str, Path] = field(default_factory=dict[str, Path])
    drafts: int = 0
    hidden: Counter[str] = field(default_factory=Counter[str])
    lost: Counter[str] = field(default_factory=Counter[str])
    first: dict[str, str] = field(default_factory=dict[str, str])
    missing_pictures: set[str] = field(default_factory=set[str])

    def note(self, name: str, lost: Counter[str]) -> None:
        """What could not be carried over of the post in file `name`."""
        for what, number in lost.items():
            self.lost[what] += number
            self.first.setdefault(what, name)


def read_export(platform: str, file: Path) -> BlogExport:
    """The export in a file. Raises Refused: it cannot be read, or is no export of that platform."""
    try:
        data = file.read_bytes()
    except OSError as error:
        raise Refused(
            str(file), f"cannot be read ({error.strerror})", "name the file of the export"
        ) from None
    export = PLATFORMS[platform](data)
    if export is None:
        raise Refused(str(file), f"not an export of {platform.capitalize()}", HOW_TO_EXPORT[platform])
    return export


def convert_blog(platform: str, export: BlogExport, pictures: Path | None, progress: Progress) -> Conversion:
    """Makes the files but does not write them. `pictures` is the folder of uploaded pictures, if there is
    one.
    """
    made = Conversion()
    locate = _PictureFinder(platform, export, pictures, made)
    names = _file_names(export.posts)
    for number, (post, name) in enumerate(zip(export.posts, names, strict=True)):
        progress("converting posts", number, len(export.posts))
        lost: Counter[str] = Counter()
        html = post.html.replace(URL_PLACEHOLDER, "") if platform == "ghost" else post.html
        if platform == "wordpress":
            html = html_of_wordpress(html, export.attachments, lost)
        body = _markdown(html, locate, lost)
        if not body and post.state is ExportState.PUBLISHED:
            lost["post without a body"] += 1
        text = _front_matter(post, locate) + ("\n" + body if body else "")
        made.files[name] = text.encode("utf-8", "replace").decode()  # JSON may hold half of a surrogate pair
        made.drafts += post.state is ExportState.DRAFT
        if post.restricted:
            made.hidden[post.restricted] += 1
        made.note(name, lost)
    for kind, number in export.others.items():
        made.lost[f"{kind} (no post)"] += number
    return made


def write_folder(made: Conversion, folder: Path, progress: Progress) -> int:
    """Writes the files and copies the pictures; returns how many files were new. Raises Refused before it
    writes anything: a file of that name is there and differs; OutputError.
    """
    try:
        for name, text in made.files.items():
            target = folder / name
            if target.exists() and target.read_text("utf-8", errors="replace") != text:
                do = "name an empty folder, or remove the file; nothing was written"
                raise Refused(str(target), "already exists with another text", do)
        new = 0
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in made.files.items():
            if not (folder / name).exists():
                (folder / name).write_text(text, encoding="utf-8", newline="\n")
                new += 1
        for number, (name, source) in enumerate(made.pictures.items()):
            progress("copying pictures", number, len(made.pictures))
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            if not (folder / name).exists():
                shutil.copyfile(source, folder / name)
    except OSError as error:
        raise OutputError(
            str(folder), error.strerror or str(error), "check its permissions and free space"
        ) from error
    return new


class _PictureFinder:
    """Addresses of the old blog as they are from now on: pictures that were given become files beside the
    posts.
    """

    def __init__(self, platform: str, export: BlogExport, folder: Path | None, made: Conversion) -> None:
        self._uploads, self._folder, self._made = UPLOADS.get(platform, ""), folder, made
        self._host = urlsplit(export.url).hostname

    def __call__(self, url: str) -> str:
        """The new address of a link or picture: relative to the posts for a picture that was copied."""
        url = url.strip()
        path = self._uploaded_path(url) if self._uploads else None
        if path is None:
            return url
        for candidate in dict.fromkeys((path, _SIZED.sub("", path), _SCALED.sub("", path))):
            source = self._source(candidate)
            if source is not None:
                target = "/".join([PICTURES, *(_UNSAFE.sub("-", part) for part in candidate.split("/"))])
                self._made.pictures[target] = source
                return target
        self._made.missing_pictures.add(path)
        return url

    def _uploaded_path(self, url: str) -> str | None:
        """The path below the folder of uploads; None for any other address."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return None
        host, own = (parts.hostname or "").removeprefix("www."), (self._host or "").removeprefix("www.")
        _, found, path = unquote(parts.path).partition(f"/{self._uploads}/")
        if not found or (host and own and host != own) or ".." in path.split("/"):
            return None
        return path

    def _source(self, path: str) -> Path | None:
        """The picture in the folder that was given, which may be any of its parents."""
        if self._folder is None:
            return None
        for base in (
            self._folder,
            self._folder / self._uploads,
            self._folder / PurePosixPath(self._uploads).name,
        ):
            file = base / path
            if file.is_file() and file.resolve().is_relative_to(self._folder.resolve()):
                return file
        return None


def _markdown(html: str, locate: Callable[[str], str], lost: Counter[str]) -> str:
    try:
        body = BeautifulSoup(html, "html.parser")
        rewrite_cards(body, lost)
        return MarkdownWriter(locate).write(body)
    except RecursionError:
        lost["body too deeply nested, kept as HTML"] += 1
        return re.sub(r"\n\s*\n", "\n", html) + "\n"


def _file_names(posts: Sequence[ExportedPost]) -> list[str]:
    """A name for each post: its slug; a number behind it where two have the same."""
    taken: dict[str, int] = defaultdict(int)
    names: list[str] = []
    for post in posts:
        stem = (
            _UNSAFE.sub("-", unquote(post.slug)).strip("-.")[:100]
            or f"post-{_UNSAFE.sub('-', post.id)[-40:]}"
        )
        taken[stem.lower()] += 1
        number = taken[stem.lower()]
        names.append(f"{stem}.md" if number == 1 else f"{stem}-{number}.md")
    return names


def _front_matter(post: ExportedPost, locate: Callable[[str], str]) -> str:
    """YAML; each text is written as a JSON string, which is a YAML string too (YAML 1.2 5.7)."""
    values: dict[str, object] = {"title": post.title}
    if post.slug:
        values["slug"] = post.slug
    if (old := urlsplit(post.url).path) not in ("", "/", f"/{post.slug}/"):
        values["aliases"] = [old]
    if post.published is not None:
        values["date"] = post.published
    if post.updated is not None and post.updated != post.published:
        values["updated"] = post.updated
    if post.tags:
        values["tags"] = post.tags
    if post.authors:
        values["authors"] = post.authors
    if post.excerpt:
        values["excerpt"] = " ".join(post.excerpt.split())
    if post.picture.url:
        values["image"] = locate(post.picture.url.replace(URL_PLACEHOLDER, ""))
        if post.picture.alt:
            values["image_alt"] = post.picture.alt
    if post.state is ExportState.DRAFT:
        values["draft"] = True
    if post.restricted:
        values["hidden"] = True
        values["visibility"] = post.restricted
    lines = [f"{key}: {_yaml(value)}" for key, value in values.items()]
    return "\n".join(["---", *lines, "---", ""])


def _yaml(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    text = json.dumps(value, ensure_ascii=False)
    # What JSON leaves as it is and YAML does not take for printable: DEL, C1, line separators, lone
    # surrogates.
    return re.sub(
        r"[\x7f-\x84\x86-\x9f\u2028\u2029\ufffe\uffff]", lambda found: f"\\u{ord(found[0]):04x}", text
    )
