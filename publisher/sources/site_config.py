"""What surrounds the posts: the generator's configuration and the blog's data files. Read once per scan.

settings < never guessed          explicit settings win over all of this
configuration                     in the posts folder, above it up to the site's or repository's root,
                                  else in one folder below it
names of folders and containers   where no configuration is found
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path

from publisher.core.caching import lazy
from publisher.core.site import Person
from publisher.sources.fields.authors_and_terms import parse_language, parse_person
from publisher.sources.fields.titles_and_summaries import plain_line
from publisher.sources.frontmatter.values import Defaults, FrontMatterError, Value, fold, folded_map, scalars
from publisher.sources.generators.detect import detect_config
from publisher.sources.generators.markdown_flavors import site_extensions
from publisher.sources.generators.profiles import DEFAULT_PERMALINK
from publisher.sources.ignored_files import folder_setting, source_folder
from publisher.sources.liquid import includes
from publisher.sources.source_rules import GeneratorConfig, SourceRules, read_config_map, read_text

MAX_ABOVE = 4
"""How many folders above the posts are searched if no repository's root ends the search."""

MAX_AUTHORS = 20_000
_DATED = lazy(r"\d{4}-\d{1,2}-\d{1,2}")
_AUTHOR_TABLES = (
    "_data/authors", "src/_data/authors", "source/_data/authors", "data/authors", "authors", "blog/authors",
    "_data/people", "_data/team",
)  # fmt: skip
_AUTHOR_FOLDERS = (
    "content/authors",
    "data/authors",
    "_data/authors",
    "_authors",
    "src/content/authors",
    "authors",
)
_ENDS = (".yml", ".yaml", ".toml", ".json")


def resolve_config(folder: Path, top: Path | None, rules: SourceRules, paths: Sequence[str]) -> SourceRules:
    """`rules` completed from the blog's own files. `top` is the highest folder to look into (None: a few
    levels up); `paths` are the posts' files. Reads files, and never raises because of what is in them.
    """
    folder = folder.resolve()
    found = find_config(folder, top.resolve() if top else None) if rules.profile != "none" else None
    root, config = found or (folder, None)
    origins: dict[str, str] = {}
    if config is None:
        rules = replace(rules, above=(folder.name,))
    elif root != folder and root.is_relative_to(folder):
        rules = replace(rules, below=root.relative_to(folder).as_posix() + "/", has_site_root=True)
    else:
        rules = replace(rules, above=folder.relative_to(root).parts, has_site_root=True)
    if rules.profile == "auto":
        guess = config.profile if config else guess_profile(folder, paths)
        origins["profile"] = f"{config.file}" if config else "the names and containers of the files"
        rules = replace(rules, profile=guess)
        if config is None and rules.permalink is None:
            origins["permalink"] = "default"  # a guess tells how dates are read, not where a site puts posts
            rules = replace(rules, permalink=DEFAULT_PERMALINK)
    ours = rules.permalink is not None
    if config and config.profile == rules.profile:
        rules = with_generator_config(rules, config, origins)
    if rules.profile == "eleventy":
        from publisher.sources.generators.eleventy import apply_data_files

        rules = apply_data_files(rules, folder, root, paths)
    if config and config.profile == rules.profile:
        from publisher.sources.generators.ignore_rules import apply_ignore_rules

        rules = apply_ignore_rules(rules, config, root, paths)
    if rules.profile == "pelican" and config:
        rules = with_pelican_articles(rules, config, paths, foreign=not ours)
    people = read_author_profiles(root) | (read_author_profiles(folder) if folder != root else {})
    mine = root if config and config.profile == rules.profile else None
    extensions = site_extensions(rules.profile, mine, rules.markdown_choices)
    rules = replace(rules, author_profiles=people, extensions=extensions, origins=origins)
    rules = with_includes(rules, root, config)
    return (
        replace(rules, tag_labels=read_tag_labels(root, folder)) if rules.profile == "docusaurus" else rules
    )


def with_includes(rules: SourceRules, root: Path, config: GeneratorConfig | None) -> SourceRules:
    """`rules` with what posts may include from other files of the blog."""
    if rules.profile not in includes.PROFILES or (config and config.profile != rules.profile):
        return rules
    site: Mapping[str, Value] = config.site_config if config else {}
    below: tuple[str, ...] = (rules.content_folder or "", "", "src", "source")
    if rules.profile == "jekyll":
        below = (source_folder(site),) if source_folder(site) else ("", "source")
    named = folder_setting(site, "includes_dir", "_includes")
    places = dict.fromkeys(root / part / named for part in below)
    inside = [place for place in places if place.resolve().is_relative_to(root) and place.is_dir()]
    data = folder_setting(site, "data_dir", "_data")
    rules = replace(rules, include_texts=includes.read_include_files(inside))
    if rules.profile != "jekyll":
        return rules
    from publisher.sources.liquid import data_files

    return replace(rules, site_data=data_files.read_data_files(root / below[0] / data, root))


def with_generator_config(
    rules: SourceRules, config: GeneratorConfig, origins: dict[str, str]
) -> SourceRules:
    timezone, permalink = rules.timezone, rules.permalink
    if config.timezone and timezone is None:
        origins["timezone"] = config.file
        timezone = config.timezone
    if config.permalink and permalink is None:
        origins["permalink"] = config.file
        permalink = config.permalink
    language = rules.language
    if config.language and language is None and (language := parse_language(config.language) or None):
        origins["language"] = config.file
    sections: Mapping[str, str] = config.section_permalinks if rules.permalink is None else {}
    locales: Mapping[str, str] = config.locale_addresses if rules.permalink is None else {}
    if sections:
        origins["sections"] = config.file
    house: tuple[Defaults, ...] = ()
    if config.author and rules.author is None:
        house = (Defaults(values={"author": config.author}),)
    defaults = (*house, *config.defaults, *rules.defaults)
    rules = replace(rules, timezone=timezone, permalink=permalink, defaults=defaults, language=language)
    rules = replace(
        rules,
        languages=config.languages,
        dated_names=config.dated_names,
        category_addresses=config.category_addresses,
    )
    return replace(
        rules,
        summary_separator=config.summary_separator,
        section_permalinks=sections,
        content_folder=config.content_folder,
        spelling=config.spelling,
        site_config=config.site_config,
        encrypted_tags=config.encrypted_tags,
        date_sources=config.date_sources,
        post_tables=config.post_tables,
        locale_addresses=locales,
    )


def with_pelican_articles(
    rules: SourceRules, config: GeneratorConfig, paths: Sequence[str], *, foreign: bool
) -> SourceRules:
    from publisher.sources.generators import pelican

    found = pelican.article_folders(config.pelican_settings)
    if not foreign:  # posts.permalink is for all of them
        found = replace(found, foreign="")
    usual = pelican.defaults(config.pelican_settings, author=rules.author is not None)
    full = {path: rules.in_blog(path) for path in paths}
    filed = pelican.folder_defaults(found, config.pelican_settings, [*full.values()])
    named = pelican.path_metadata(found, config.pelican_settings, full)
    return replace(
        rules, pelican_articles=found, defaults=(*usual, *filed, *rules.defaults), post_defaults=named
    )


def find_config(folder: Path, top: Path | None) -> tuple[Path, GeneratorConfig] | None:
    """The nearest configuration at or above `folder`, or else the only one in the folders below it."""
    for place in folders_above(folder, top):
        if config := detect_config(place):
            return place, config
    below = [(place, config) for place in folders_below(folder, 2) if (config := detect_config(place))]
    return below[0] if len(below) == 1 else None


def folders_above(folder: Path, top: Path | None) -> Iterator[Path]:
    inside = top is not None and folder.is_relative_to(top)
    for place in islice((folder, *folder.parents), None if inside else MAX_ABOVE + 1):
        yield place
        if place == top or (not inside and (place / ".git").exists()):
            return


def folders_below(folder: Path, depth: int) -> Iterator[Path]:
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return
    for entry in sorted(found, key=lambda entry: entry.name):
        if not entry.name.startswith((".", "_")) and entry.name not in ("node_modules", "vendor"):
            yield Path(entry.path)
            if depth > 1:
                yield from folders_below(Path(entry.path), depth - 1)


def guess_profile(folder: Path, paths: Sequence[str]) -> str:
    """The generator, judged by folder names and the form of front matter; "none" if they do not tell."""
    above = f"{folder.parent.name}/{folder.name}/"
    near = paths if "/_posts/" in above else [path for path in paths if "_posts/" in path]  # of 100,000
    if posts := [path.rpartition("/")[2] for path in near if "/_posts/" in above + path]:
        dated = sum(bool(_DATED.match(name)) for name in posts)
        return "hexo" if "source/_posts/" in above + paths[0] and dated * 2 < len(posts) else "jekyll"
    if any("src/content/" in above + path for path in paths[:50]):
        return "astro"
    if any((folder / place).is_file() for place in ("authors.yml", "blog/authors.yml")):
        return "docusaurus"
    kinds = [profile_of_file(folder / path) for path in islice(paths, 20)]
    most = max(set(kinds), key=lambda kind: (kinds.count(kind), kind)) if kinds else ""
    return most if most and kinds.count(most) * 2 > len(kinds) else "none"


def profile_of_file(file: Path) -> str:
    """The generator suggested by the form of a file's front matter; "" for YAML, which all of them read."""
    try:
        if not file.is_file() or file.stat().st_size > 1_000_000:
            return ""
        text = file.read_text(encoding="utf-8-sig", errors="replace").replace("\r\n", "\n")
        if text.lstrip("\n \t").startswith("-"):  # like most; its content is read with the post
            return ""
        from publisher.sources.frontmatter.containers import open_container

        found = open_container(text)
    except (OSError, FrontMatterError):
        return ""
    if found.kind == "toml":
        zola = found.front is not None and {"extra", "taxonomies", "path"} & found.front.values.keys()
        return "zola" if zola else "hugo"
    return {"pelican": "pelican", "hexo": "hexo", "json": "hugo"}.get(found.kind, "")


def read_author_profiles(root: Path) -> dict[str, Person]:
    """Authors by key, from files that list all of them and from folders with one file each."""
    people: dict[str, Person] = {}
    for place in _AUTHOR_TABLES:
        for end in _ENDS:
            for key, value in read_config_map(root / (place + end)).items():
                if person := parse_person(value, key):
                    people.setdefault(fold(key), person)
    for place in _AUTHOR_FOLDERS:
        for key, file in islice(author_files(root / place), MAX_AUTHORS):
            if person := parse_person(read_author_file(file), key):
                people.setdefault(fold(key), person)
    return people


def read_tag_labels(*folders: Path) -> dict[str, str]:
    """The labels of tags in Docusaurus' tags.yml, by their keys. One without a label has its key for one."""
    found: dict[str, str] = {}
    for file in (folder / place for folder in folders for place in ("tags.yml", "blog/tags.yml")):
        text = read_text(file)
        if not text:
            continue
        from publisher.sources.frontmatter.yaml import load_yaml

        with suppress(FrontMatterError, RecursionError):
            front, lines = load_yaml(text, 1), text.splitlines()
            for folded, value in front.values.items():
                key = lines[front.lines[folded] - 1].partition(":")[0].strip(" \"'")  # as posts must write it
                label = plain_line("".join(scalars(folded_map(value).get("label"))[:1]))
                found.setdefault(key, label or key.capitalize())
    return found


def author_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """(key, file) in a folder with one file, or one bundle, per author."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith((".", "_")):
            continue
        if entry.is_dir(follow_symlinks=False):
            bundles = (Path(entry.path) / name for name in ("_index.md", "index.md"))
            yield from ((entry.name, file) for file in islice((f for f in bundles if f.is_file()), 1))
        elif entry.name.endswith((*_ENDS, ".md", ".markdown")):
            yield entry.name.rpartition(".")[0], Path(entry.path)


def read_author_file(file: Path) -> dict[str, Value]:
    if file.suffix in _ENDS:
        return read_config_map(file)
    from publisher.sources.frontmatter.containers import open_container

    try:
        text = file.read_text(encoding="utf-8-sig", errors="replace") if file.stat().st_size < 100_000 else ""
        front = open_container(text.replace("\r\n", "\n")).front
    except (OSError, FrontMatterError):
        return {}
    return dict(front.values) if front else {}
