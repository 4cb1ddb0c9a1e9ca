"""Front matter and body -> Post: each field by the generator's rules, and what decided it. Pure.

A post also has the plain values of its front matter that its body shows (`{{ page.version }}`,
`{{ version }}`, `{frontMatter.version}`, `{{< param "version" >}}`), for rendering the body.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from itertools import islice
from typing import NamedTuple, TypeAlias, TypeVar

from publisher.core.caching import lazy
from publisher.core.posts.markdown_regions import remove_private_passages
from publisher.core.posts.post import (
    MarkdownExtension,
    MarkupLanguage,
    Post,
    body_hash,
)
from publisher.core.site import DEFAULT_TIMEZONE, Person
from publisher.sources.fields import authors_and_terms, urls
from publisher.sources.fields.dates_and_visibility import (
    DATE_FIELDS,
    EXPIRY_FIELDS,
    MODIFIED_FIELDS,
    DateZones,
    VisibilityInput,
    date_in_name,
    find_embargo,
    find_instant,
    find_ordered_date,
    first_date,
    post_name,
    why_hidden,
    why_locked,
    why_page_only,
)
from publisher.sources.fields.options import find_mail_options, find_options
from publisher.sources.fields.permalinks import PermalinkFacts, undated_name
from publisher.sources.fields.titles_and_summaries import (
    first_heading,
    lead_length,
    literal_line,
    plain_line,
    plain_summary,
)
from publisher.sources.frontmatter.containers import Container
from publisher.sources.frontmatter.dates import find_zone, offset_in
from publisher.sources.frontmatter.values import (
    COMPUTED,
    FrontMatter,
    FrontMatterError,
    Value,
    folded_map,
    scalars,
    word_set,
)
from publisher.sources.generators.hugo import FILENAME
from publisher.sources.generators.markdown_flavors import post_extensions
from publisher.sources.globs import in_scope
from publisher.sources.source_rules import SourceRules

_SHOWN_VALUE = lazy(
    r"\{\{-?\s{0,9}(?:page\.)?(?P<liquid>[A-Za-z_][\w-]{0,60}?)\s{0,9}(?:\||-?\}\})"
    r"|<%[-=]\s{0,9}(?P<ejs>[A-Za-z_]\w{0,60})\s{0,9}[-_]?%>"
    r"|\{\s{0,9}front[Mm]atter\.(?P<mdx>\w{1,60})\s{0,9}\}"
    r"|\{\{[<%]\s{0,9}param\s{1,9}[\"']?(?P<hugo>[\w-]{1,60})[\"']?\s{0,9}[>%]\}\}"
)
_GENERATOR_WORDS = word_set("title date content url tags categories excerpt")
"""Names with a meaning of their own in every generator."""

MAX_SHOWN = MAX_VALUE = 1_000
"""The most values of front matter that a body shows, and the most characters of one."""

_NO_VALUES: Mapping[str, str] = {}
Reasons: TypeAlias = dict[str, str]
"""A value's name -> what decided it: a front matter key, or words such as "file name"."""

_T = TypeVar("_T")
SUMMARY_FIELDS = ("excerpt", "summary", "description", "deck", "subtitle")
MAX_TERMS = 200
"""The most tags, categories or authors of one post."""

_HEXO_WITHOUT_DATE = (
    "has no date: Hexo takes the time of its file, Publisher does not; write date: in its front matter"
)
_PELICAN_META = "is HTML whose title and date are in <meta>, which is not read; write them as front matter"
_META = lazy(r"(?i)<meta\s[^<>]{0,200}name\s?=\s?[\"']date[\"']")
_INNER_MAPS = {
    "hugo": ("params", "taxonomies", "extra"),  # and Zola's, since the two are easily confused
    "zola": ("taxonomies", "extra"),
    "none": ("taxonomies", "extra"),
}
NO_FRONT_MATTER = FrontMatter(values={}, lines={}, line=1)


def shown_values(
    front: FrontMatter, body: str, known: Mapping[str, str] = _NO_VALUES
) -> tuple[tuple[str, str], ...]:
    """(name as the body writes it, text) of each front matter value that `body` shows, and of all that is
    `known` besides, such as the body's own variables. Sorted by name.
    """
    # One character is found far more quickly than two, so "<" is looked for first.
    if not known and "{" not in body and not ("<" in body and "<%" in body):
        return ()
    found = {name: text for name, text in known.items() if 0 < len(text) <= MAX_VALUE}
    for match in islice(_SHOWN_VALUE.finditer(body), MAX_SHOWN):
        name = match[match.lastgroup or 0]
        if (
            name not in found
            and name.lower() not in _GENERATOR_WORDS
            and 0 < len(text := front.text(name)) <= MAX_VALUE
        ):
            found[name] = text
    return tuple(sorted(found.items()))


def is_html_file(path: str) -> bool:
    """Whether a file is HTML by its name; otherwise it is Markdown."""
    return path.lower().endswith((".html", ".htm"))


def build_post(
    path: str, container: Container, rules: SourceRules, found: Iterable[str], known: Mapping[str, str]
) -> tuple[Post, Reasons]:
    """Returns the post, and what decided each of its values. `found` are warnings about its body; `known` are
    values that the body shows besides those of its front matter.
    """
    body, alone, is_html = container.body, container.front is None, is_html_file(path)
    front = complete_front_matter(path, container.front or NO_FRONT_MATTER, rules)
    zones = date_zones(rules)
    warnings = [*front.warnings, *found]
    why: Reasons = {}
    dates = find_dates(front, path, zones, warnings, rules, alone=alone)
    why["instant"] = dates.decided_by
    if rules.date_sources:
        rules = replace(rules, dated_names=dates.from_file_name)
        if dates.from_file_name and undated_name(path) != post_name(path):
            front = front.over({"slug": undated_name(path)})
    extensions = post_extensions(path, front, rules.extensions)
    title, why["title"] = find_title(
        front, body, path, rules, is_html=is_html, templates=MarkdownExtension.TEMPLATES in extensions
    )
    categories, tags, authors = find_terms(front, path, rules, warnings, why)
    language, why["language"] = authors_and_terms.find_language(front, path, rules)
    slug, why["slug"] = urls.find_slug(front, path)
    facts = PermalinkFacts(
        path=path, front=front, title=title, slug=slug, local=dates.local, categories=categories,
        author=authors[0].name if authors else "", language=language, blank=not body or body.isspace(),
        stem=urls.file_path_stem(path, rules),
        suffixed=path.count(".") > 1 and authors_and_terms.language_suffix(path.rpartition(".")[0]) != "",
    )  # fmt: skip
    address = urls.find_address(facts, rules)
    why["permalink"], why["url"] = address.permalink_by, address.url_by
    summary, lead, why["summary"] = find_summary(front, title, body, rules)
    mail = find_mail_options(front, warnings)
    if mail.excerpt:  # which a mark ends, also where the author wrote a summary
        lead = lead or lead_length(body, rules.summary_separator)
    image, why["image"] = urls.find_image(front, address.base_url, rules)
    id_field = why["explicit_id"] = next((name for name in rules.id_fields if front.text(name)), "")
    hidden = why_not_public(path, front, tags, rules, alone=alone)
    if hidden is None and dates.instant is None and rules.profile == "hexo" and rules.has_site_root:
        warnings.append(_HEXO_WITHOUT_DATE)
    if alone and is_html and rules.profile == "pelican" and _META.search(body):
        warnings.append(_PELICAN_META)
    if address.unknown and hidden is None and dates.instant is not None:
        # Publishing a guess would put a dead link into every feed.
        raise FrontMatterError(
            address.unknown, front.line_of("permalink" if front.text("permalink") else "slug")
        )
    modified, expires, opens = find_other_dates(front, dates.instant, zones, warnings, rules)
    post = Post(
        path=path, title=title, instant=dates.instant, permalink=address.permalink, url=address.url,
        base_url=address.base_url, slug=slug, language=language, body_hash=body_hash(body),
        markup=MarkupLanguage.HTML if is_html else MarkupLanguage.MARKDOWN, extensions=extensions,
        values=shown_values(front, body, known), modified=modified, expires=expires, opens=opens,
        explicit_id=front.text(id_field) or None if id_field else None,
        aliases=urls.find_aliases(front, address.permalink, rules),
        authors=authors, tags=tags, categories=categories,
        summary=summary, lead=lead, image=image, mail=mail.kind,
        hidden=hidden or ("no date" if dates.instant is None else None), page_only=why_page_only(front),
        warnings=tuple(dict.fromkeys((*warnings, *address.warnings))),
        options=find_options(front, mail, strict=rules.conventions.name == "none"),
    )  # fmt: skip
    return post, why


def complete_front_matter(path: str, own: FrontMatter, rules: SourceRules) -> FrontMatter:
    """A file's own front matter over the site's defaults for it, with nested fields at the top level."""
    defaults = defaults_for(path, rules)
    front = lift_inner_fields(lift_inner_fields(own, rules).over(defaults), rules)
    if rules.profile == "eleventy":
        return authors_and_terms.add_collected_tags(front, defaults.get("tags"))
    return front


def date_zones(rules: SourceRules) -> DateZones:
    """The zones of dates that name none, by the generator's conventions."""
    conventions = rules.conventions
    return DateZones(
        site=find_zone(rules.timezone or DEFAULT_TIMEZONE) or UTC,
        utc=conventions.utc_dates,
        quoted=conventions.utc_quoted,
        order=conventions.date_order,
        bare=conventions.bare_times,
    )


def find_terms(
    front: FrontMatter, path: str, rules: SourceRules, warnings: list[str], why: Reasons
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[Person, ...]]:
    """Categories, tags and authors. `why` gets what decided each, `warnings` which of them are too many."""
    conventions = rules.conventions
    categories, why["categories"] = authors_and_terms.find_categories(
        front,
        words=conventions.split_tags,
        single=conventions.name == "pelican",
        topics=conventions.name not in ("jekyll", "hexo"),  # whose addresses categories are part of
    )
    if above := urls.folder_categories(path, rules):
        categories = tuple(dict.fromkeys((*above, *categories)))
    tags, why["tags"] = authors_and_terms.find_tags(
        front, words=conventions.split_tags, labels=rules.tag_labels
    )
    authors, why["authors"] = authors_and_terms.find_authors(front, rules)
    return (
        limit_terms("categories", categories, warnings),
        limit_terms("tags", tags, warnings),
        limit_terms("authors", authors, warnings),
    )


def why_not_public(
    path: str, front: FrontMatter, tags: Iterable[str], rules: SourceRules, *, alone: bool
) -> str | None:
    """Why the post at `path` is hidden; None if it is public. `alone`: the file has no front matter of its
    own, and `front` has only the site's defaults.
    """
    file = VisibilityInput(
        path=path,
        folders=tuple(rules.in_blog(path).split("/")[:-1]),
        front=None if alone else front,
        profile=rules.profile,
        whole=rules.has_site_root and rules.above in ((), ("source",)),  # Hexo's pages are beside its posts
    )
    hidden = why_hidden(file)
    if rules.encrypted_tags and hidden is None:
        return why_locked(front, [*scalars(front.get("tags", "tag")), *tags], rules.encrypted_tags)
    return hidden


class PostDates(NamedTuple):
    """When a post is published. `local` is the local time that its address is made from, `instant` the
    instant of publication (UTC), both None without a date; `decided_by` is the field or "file name" that the
    instant comes from. `from_file_name`: Hugo took a date from the file's name, and so takes the slug too.
    """

    local: datetime | None
    instant: datetime | None
    decided_by: str
    from_file_name: bool


def find_dates(
    front: FrontMatter, path: str, zones: DateZones, warnings: list[str], rules: SourceRules, *, alone: bool
) -> PostDates:
    """When the post at `path` is published. `alone`: the file has no front matter of its own."""
    order = rules.date_sources
    dated, where = find_ordered_date(front, order.date, path, zones, warnings) if order else (None, "")
    by = [where]
    if dated is None:
        dated, where = find_instant(
            None if alone else front, path, zones, warnings, rules.conventions.fallback_dates
        )
    written = front.text(where) if rules.conventions.own_offset and where in DATE_FIELDS else ""
    local = local_time(dated, offset_in(written) or zones.site, zones)
    if dated and rules.profile == "hexo":
        from publisher.sources.generators.hexo import permalink_time

        local = permalink_time(front.values.get(where), dated, zones.site) or local
    if order and order.publish:
        instant, gate = find_ordered_date(front, order.publish, path, zones, warnings)
        by.append(gate)
    else:
        instant, gate = first_date(front, rules.conventions.gate_fields, zones, warnings)
    reason = gate if instant else where
    reason = "file name" if reason == FILENAME else reason
    return PostDates(local, instant or dated, reason, FILENAME in by)


def find_other_dates(
    front: FrontMatter, instant: datetime | None, zones: DateZones, warnings: list[str], rules: SourceRules
) -> tuple[datetime | None, datetime | None, datetime | None]:
    """When the post was last modified, when it expires, and when an embargo on it ends."""
    order = rules.date_sources
    modified, _ = first_date(front, (order and order.modified) or MODIFIED_FIELDS, zones, warnings)
    expires, _ = first_date(front, (order and order.expiry) or EXPIRY_FIELDS, zones, warnings)
    if order and order.publish:  # which has decided the date of publication
        return modified, expires, None
    return modified, expires, find_embargo(front, instant, zones, warnings)


def limit_terms(name: str, found: tuple[_T, ...], warnings: list[str]) -> tuple[_T, ...]:
    """The first MAX_TERMS: feeds of a post with thousands of terms would take minutes."""
    if len(found) <= MAX_TERMS:
        return found
    warnings.append(f"{len(found):,} {name}: only the first {MAX_TERMS} are used")
    return found[:MAX_TERMS]


def lift_inner_fields(front: FrontMatter, rules: SourceRules) -> FrontMatter:
    """Front matter with the keys that its generator nests in maps lifted to the top level."""
    for name in _INNER_MAPS.get(rules.conventions.name, ()):
        front = front.over(folded_map(front.values.get(name)))
    computed = folded_map(front.values.get("eleventycomputed")) if rules.profile == "eleventy" else {}
    if (link := computed.get("permalink")) is not None:
        front = replace(front, values={**front.values, COMPUTED: link})
    if rules.profile == "docusaurus" and (changed := folded_map(front.values.get("lastupdate")).get("date")):
        front = front.over({"lastupdated": changed})
    if rules.profile == "eleventy" and (build := folded_map(front.values.get("permalink")).get("build")):
        front = replace(front, values={**front.values, "permalink": build})
    return front


def defaults_for(path: str, rules: SourceRules) -> dict[str, Value]:
    """The site's default front matter for a file; the narrowest scope wins."""
    found: dict[str, Value] = {}
    given = [entry.values for entry in rules.defaults if in_scope(rules.in_blog(path), entry.scope)]
    for values in (*given, rules.post_defaults.get(path, {})):
        tags = authors_and_terms.list_terms([found.get("tags"), values.get("tags")])
        found.update(values)
        if rules.profile == "eleventy" and tags:  # Eleventy merges them
            found["tags"] = [*tags]
    return found


def find_title(
    front: FrontMatter, body: str, path: str, rules: SourceRules, *, is_html: bool, templates: bool
) -> tuple[str, str]:
    """The title as plain text, and what decided it; "" for a note without a title."""
    value = front.get("title")
    if isinstance(value, (list, dict)):
        kind = "list" if isinstance(value, list) else "map"
        reason = f"title is a {kind}; write text, in quotes if it has brackets"
        raise FrontMatterError(reason, front.line_of("title"))
    read = literal_line if rules.conventions.plain_titles else plain_line
    if value and (title := read(remove_private_passages(value, markdown=False)[0])):
        return title, "title"
    if title := first_heading(body, is_html=is_html, templates=templates):
        return title, "first heading"
    archetype = rules.profile == "hugo" and date_in_name(path)  # its title comes from the file name
    if archetype or rules.profile == "jekyll":
        # As Jekyll titles such a file: the words of its name, each capitalized.
        slug = plain_line(undated_name(path))
        return (" ".join(word.capitalize() for word in slug.split("-") if word) or slug), "file name"
    if rules.profile == "docusaurus":
        match = date_in_name(path)
        nameless = match is not None and match.end() == len(post_name(path))  # 2020-01-05.md is a note
        return ("", "none") if nameless else (plain_line(undated_name(path)), "file name")
    return "", "none"  # a note, shown by its first words


def find_summary(front: FrontMatter, title: str, body: str, rules: SourceRules) -> tuple[str, int, str]:
    """The author's summary, or else the length of the body before the mark that ends it, and what decided
    it.
    """
    for name in SUMMARY_FIELDS:
        text, _ = remove_private_passages(front.text(name), markdown=False)
        if text and (text := plain_summary(text)) and text.casefold() != title.casefold():
            return text, 0, name
    separator = front.get("excerptseparator")
    lead = lead_length(body, separator if isinstance(separator, str) else rules.summary_separator)
    return "", lead, "text before the mark" if lead else "first paragraph"


def local_time(instant: datetime | None, zone: tzinfo, zones: DateZones) -> datetime | None:
    """The instant in `zone`, or in UTC for generators that know only that."""
    if instant is None or zones.of("") is UTC:
        return instant
    try:
        return instant.astimezone(zone)
    except (OverflowError, ValueError):
        return instant
