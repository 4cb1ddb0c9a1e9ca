"""Creates a new site with a permanent id authority. If the folder is inside an existing blog, the site
publishes that blog's posts.
"""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from publisher.app import packaged
from publisher.config import default_authority, load
from publisher.core.errors import OutputError, Refused, SettingsError, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSiteOptions:
    """The options of `init`; everything else is set in publisher.toml. `listen` and `language` are "" for the
    default. With `blog` the site publishes its posts, and gets no example posts.
    """

    title: str
    url: str
    timezone: str = "UTC"
    language: str = ""
    sender: str = ""
    listen: str = ""
    blog: "FoundBlog | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundBlog:
    """A blog of a generator that Publisher knows, and what its configuration says ("" if it does not)."""

    root: Path
    generator: str
    title: str = ""
    url: str = ""
    timezone: str = ""


SITE_IN_BLOG = "_publisher"
"""The folder of a site that is made in the root of a blog: no generator publishes a folder of that name."""

OWN_POSTS = """\
# Publisher makes a page of each post. Remove this if another program makes your pages.
[posts]
pages = true

# More than the usual Markdown: :tada:, ==marked==, H~2~O, x^2^.
[posts.markdown]
emoji = true
mark = true
subscript = true
superscript = true
captions = true"""

POSTS_OF_BLOG = """\
# The posts of the blog, which makes their pages.
[posts]
dir = {dir}

# Where readers reach `publisher run`, for links in mails.
# [web]
# public_url = "https://news.example.org/\""""

_WRITTEN = r"""\b{}\s*:\s*["']([^"'\n]+)["']"""
"""A text in a configuration that is code, by its name."""


def find_blog(folder: Path) -> FoundBlog | None:
    """The blog that `folder` is in or the root of; None if no generator's configuration is there or above,
    up to the root of the repository.
    """
    from publisher.sources.generators.detect import detect_config
    from publisher.sources.site_config import folders_above
    from publisher.sources.source_rules import read_config_map, read_text

    for root in folders_above(folder, None):
        config = detect_config(root)
        if config is None:
            continue
        top: Mapping[str, object] = read_config_map(root / config.file)
        literals = {**{name.lower(): value for name, value in config.pelican_settings.items()}, **top}
        if not literals:
            text = read_text(root / config.file)
            found = {name: re.search(_WRITTEN.format(name), text) for name in ("title", "url", "site")}
            literals = {name: match[1] for name, match in found.items() if match}
        given = [literals.get(name) for name in ("url", "baseurl", "siteurl", "site")]
        url = next((text for text in given if isinstance(text, str) and text.startswith("http")), "")
        path = literals.get("baseurl")
        if url and isinstance(path, str) and path.startswith("/"):  # Jekyll's
            url = url.rstrip("/") + path
        title = literals.get("title") or literals.get("sitename") or ""
        return FoundBlog(
            root=root,
            generator=config.profile,
            title=title if isinstance(title, str) else "",
            url=f"{url.rstrip('/')}/" if url else "",
            timezone=config.timezone,
        )
    return None


def start_site(folder: Path, options: NewSiteOptions, now: datetime) -> None:
    """Makes a working site with two posts in `folder`. It is made elsewhere first, so that an invalid option
    leaves nothing behind. Raises Refused if there is a site already, UsageError for an invalid option,
    OutputError.
    """
    values = placeholder_values(options, now)
    with tempfile.TemporaryDirectory() as elsewhere:
        made = Path(elsewhere) / (folder.name or "site")
        copy_site(packaged("config") / "init", made)
        if options.blog:
            shutil.rmtree(made / "posts")
            place = os.path.relpath(options.blog.root, folder.resolve())
            values["posts_section"] = POSTS_OF_BLOG.format(dir=json.dumps(place))
        for file in (made / "publisher.toml", *(made / "posts").glob("*.md")):
            text = file.read_text(encoding="utf-8")
            filled = re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), text)
            if file.suffix == ".md" and options.language:
                filled = filled.replace("---\n", "---\nlanguage: en\n", 1)
            file.write_text(filled, encoding="utf-8")
        if options.listen:
            with (made / "publisher.toml").open("a", encoding="utf-8") as settings:
                settings.write(f"\n[web]\nlisten = {json.dumps(options.listen)}\n")
        try:
            load(made, {} if options.blog is None else {"PUBLISHER_POSTS__DIR": str(options.blog.root)})
        except SettingsError as error:
            raise UsageError("init", error.what, error.do) from None
        copy_site(made, folder)


def placeholder_values(options: NewSiteOptions, now: datetime) -> dict[str, str]:
    """The values for the {names} in the packaged files, quoted for publisher.toml where they are used
    there.
    """
    address = options.sender or "news@example.org"
    authority = f"{default_authority(options.url).partition(',')[0]},{now:%Y}"
    quoted = {
        "title": options.title,
        "url": options.url,
        "timezone": options.timezone,
        "list_title": options.title,
        "sender": address if set(options.title) & set('<>"\\,') else f"{options.title} <{address}>",
        "id_authority": authority,
    }
    values = {name: json.dumps(value, ensure_ascii=False) for name, value in quoted.items()}
    # Readers see a description: one that an author does not write yet must not be in another language.
    mark = "# " if options.language and not options.language.startswith("en") else ""
    values["description"] = f'{mark}description = "Notes, when there is something to say."'
    values["list_description"] = f'{mark}description = "New posts, once a day, on days that have any."'
    language = json.dumps(options.language, ensure_ascii=False)
    values["language"] = f"language = {language}" if options.language else '# language = "en"'
    values["posts_section"] = OWN_POSTS
    values["now"] = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    values["today"] = f"{now:%Y-%m-%d}"
    values["yesterday"] = f"{now - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}"
    return values


def start_example(folder: Path) -> None:
    """Copies the example site to `folder`. Raises Refused if there is a site already, OutputError."""
    copy_site(packaged("example"), folder)


def copy_site(source: Path, folder: Path) -> None:
    """Copies the files that `folder` does not have yet. Raises Refused if it has a site already,
    OutputError.
    """
    if (folder / "publisher.toml").exists():
        raise Refused(str(folder), "there is a publisher.toml already", "edit it, or choose another folder")
    try:
        shutil.copytree(source, folder, dirs_exist_ok=True, copy_function=copy_if_new)
    except (OSError, shutil.Error) as error:
        what = getattr(error, "strerror", None) or "some files were refused"
        raise OutputError(str(folder), f"cannot be written ({what})", "choose another folder") from None


def copy_if_new(source: str, target: str) -> str:
    """Keeps existing files: a folder of posts may be older than the site."""
    if Path(target).exists():
        return target
    return str(shutil.copyfile(source, target))
