"""Each generator's conventions: how it reads a date without a zone, and where it puts a post."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from publisher.sources.fields import slugs
from publisher.sources.frontmatter.dates import DateOrder

DEFAULT_PERMALINK = ":year/:month/:day/:slug/"
"""Where a post of no known generator is found."""

_ANY = re.compile(".*", re.DOTALL)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_TO_THE_SECOND = re.compile(r"\d{4}-\d{1,2}-\d{1,2}(?:[Tt]|\s+)\d{1,2}:\d{2}:\d{2}(?:\.\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One generator's conventions.

    utc_dates         matches the dates without a zone that it reads as UTC; the others, and with None all,
                      are in the site's zone
    utc_quoted        of those, whether only dates in quotes are UTC (True), or only the others (False)
    permalink         its default, in the words of fields/permalinks.py
    roots             folders that hold content and are no part of an address, innermost last
    title_is_slug     whether :title is the slug (of the front matter or the file), never made of the title
    slugify_names     whether names are made fit for a URL as Jekyll does
    strips_dates      whether a date is taken off a file's name
    spell             how names of files and folders are spelled in an address
    split_tags        whether a text of tags is split at spaces
    any_field         whether any key of the front matter may be a word of a permalink
    fallback_dates    the front matter that dates a post where nothing else does
    gate_fields       the front matter that decides when a post comes out, before the date of its address
    date_order        how 05/11/2026 is read
    bare_times        whether a time without a colon counts (Ruby passes over 18.30)
    plain_titles      whether a title is shown as it is written, whatever tags or marks it holds
    own_offset        whether the day in an address is that of the date with its own offset, not the site's
    """

    name: str
    utc_dates: re.Pattern[str] | None = None
    utc_quoted: bool | None = None
    permalink: str = DEFAULT_PERMALINK
    roots: tuple[str, ...] = ("content", "posts", "_posts")
    title_is_slug: bool = False
    slugify_names: bool = False
    strips_dates: bool = True
    spell: Callable[[str], str] = slugs.as_written
    split_tags: bool = False
    any_field: bool = False
    fallback_dates: tuple[str, ...] = ()
    gate_fields: tuple[str, ...] = ()
    date_order: DateOrder = DateOrder.NONE
    bare_times: bool = True
    plain_titles: bool = False
    own_offset: bool = False


GENERIC = Profile(name="none", split_tags=True)

PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        GENERIC,
        Profile(  # "Y-m-d H:M:S" is a YAML timestamp, which is UTC; what YAML leaves as text is local
            name="jekyll",
            date_order=DateOrder.DAY_FIRST,
            bare_times=False,
            utc_dates=_TO_THE_SECOND,
            utc_quoted=False,
            permalink="/:categories/:year/:month/:day/:title.html",
            roots=("_posts", "_drafts"),
            title_is_slug=True,
            slugify_names=True,
            split_tags=True,
        ),
        Profile(
            name="hugo",
            permalink="/:sections/:slug/",
            roots=("content",),
            strips_dates=False,
            spell=slugs.HugoPaths(),
            fallback_dates=("lastmod", "modified"),
            gate_fields=("publishdate", "pubdate", "published"),
            plain_titles=True,
            own_offset=True,
        ),
        Profile(
            name="eleventy",
            utc_dates=_ANY,
            permalink="/:sections/:slug/",
            roots=("content", "src"),
            strips_dates=False,
            plain_titles=True,
        ),
        Profile(
            name="astro",
            date_order=DateOrder.MONTH_FIRST,
            utc_dates=_ANY,
            permalink="/:section/:entry/",
            roots=("src", "content", "pages", "data"),
            strips_dates=False,
            spell=slugs.github_slug,
            plain_titles=True,
        ),
        Profile(
            name="pelican",
            date_order=DateOrder.MONTH_FIRST,
            permalink="/:titleslug.html",
            roots=("content",),
            spell=slugs.pelican_slug,
            any_field=True,
            own_offset=True,
        ),
        Profile(
            name="hexo",
            date_order=DateOrder.MONTH_FIRST,
            utc_dates=_DAY,  # a text is JavaScript's to read, to which a day alone is UTC
            utc_quoted=True,
            permalink="/:year/:month/:day/:title/",
            roots=("source", "_posts", "_drafts"),
            title_is_slug=True,
            any_field=True,
        ),
        Profile(
            name="docusaurus",
            date_order=DateOrder.MONTH_FIRST,
            utc_dates=_ANY,
            permalink="/blog:dated",
            roots=("blog",),
            title_is_slug=True,
            plain_titles=True,
        ),
        Profile(
            name="zola",
            utc_dates=_ANY,
            permalink="/:sections/:slug/",
            roots=("content",),
            spell=slugs.zola_slug,
            plain_titles=True,
        ),
    )
}
"""By the names of `posts.profile`; "none" reads posts without any generator's conventions."""
