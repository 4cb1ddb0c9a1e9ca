"""Which Markdown extensions a generator reads: its defaults, and what a blog's configuration changes.

Jekyll      `markdown`, where it names another engine than kramdown; kramdown.hard_wrap; the plugin jemoji
Hugo        enableEmoji; markup.goldmark.extensions and .renderer
Pelican     MARKDOWN, the extensions of Python-Markdown; the plugin render_math
Hexo        `marked`, `markdown` and its plugins, or `kramed`: the settings of its renderers
Zola        markdown.render_emoji
Docusaurus  markdown.emoji; the plugin remark-math

For generators written in JavaScript, packages in package.json add extensions.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from publisher.core.caching import lazy
from publisher.core.posts.post import MarkdownExtension
from publisher.sources.frontmatter.values import FrontMatter, Value, folded_map, scalars
from publisher.sources.source_rules import read_config_map, read_text

_DEFAULTS: Mapping[str, tuple[MarkdownExtension, ...]] = {
    "none": (MarkdownExtension.DEFINITIONS, MarkdownExtension.ABBREVIATIONS, MarkdownExtension.AFTER_HTML),
    "jekyll": (
        MarkdownExtension.DEFINITIONS,
        MarkdownExtension.ABBREVIATIONS,
        MarkdownExtension.TABLES,
        MarkdownExtension.AFTER_HTML,
        MarkdownExtension.MATH,
        MarkdownExtension.TEMPLATES,
    ),
    "hugo": (MarkdownExtension.DEFINITIONS,),
    "pelican": (MarkdownExtension.DEFINITIONS, MarkdownExtension.ABBREVIATIONS, MarkdownExtension.AFTER_HTML),
    "hexo": (MarkdownExtension.DEFINITIONS, MarkdownExtension.BREAKS, MarkdownExtension.TEMPLATES),
    "docusaurus": (MarkdownExtension.EMOJI, MarkdownExtension.MDX),
    "eleventy": (MarkdownExtension.TEMPLATES, MarkdownExtension.EJS),
}
_KRAMDOWN = (
    MarkdownExtension.DEFINITIONS,
    MarkdownExtension.ABBREVIATIONS,
    MarkdownExtension.TABLES,
    MarkdownExtension.AFTER_HTML,
    MarkdownExtension.MATH,
)
_MATH_WITH_DOLLARS = (MarkdownExtension.MATH, MarkdownExtension.DOLLARS)
_DELIMITERS = {
    "$$": MarkdownExtension.MATH,
    "$": MarkdownExtension.DOLLARS,
    "\\(": MarkdownExtension.BRACKETS,
    "\\[": MarkdownExtension.BRACKETS,
}
_PACKAGES: Sequence[tuple[str, tuple[MarkdownExtension, ...]]] = (
    (r"markdown-it-deflist|@mdit/plugin-dl|remark-(?:deflist|definition-list)",
    (MarkdownExtension.DEFINITIONS,)), (r"markdown-it-abbr|@mdit/plugin-abbr|remark-abbr",
    (MarkdownExtension.ABBREVIATIONS,)),
    (r"markdown-it-(?:full-)?emoji|remark-g?emoji|hexo-filter-(?:github-)?emojis?",
    (MarkdownExtension.EMOJI,)), (r"markdown-it-mark|@mdit/plugin-mark|remark-flexible-markers",
    (MarkdownExtension.HIGHLIGHT,)), (r"markdown-it-ins|@mdit/plugin-ins", (MarkdownExtension.INSERTED,)),
    (r"markdown-it-sub|@mdit/plugin-sub", (MarkdownExtension.SUBSCRIPT,)),
    (r"markdown-it-sup|@mdit/plugin-sup", (MarkdownExtension.SUPERSCRIPT,)),
    (r"remark-math|(?:@[\w-]+/)?markdown-it-(?:katex|mathjax3?|texmath|math)|@mdit/plugin-(?:katex|mathjax)"
     r"|hexo-(?:filter-mathjax3?|math|katex|renderer-(?:mathjax|pandoc|kramed|markdown-it-katex))",
     _MATH_WITH_DOLLARS),
)  # fmt: skip
"""What npm packages add, by their names."""

_PYTHON: Sequence[tuple[str, tuple[MarkdownExtension, ...]]] = (
    (r"nl2br", (MarkdownExtension.BREAKS,)),
    (r"pymdownx\.emoji", (MarkdownExtension.EMOJI,)),
    (r"pymdownx\.mark", (MarkdownExtension.HIGHLIGHT,)),
    (r"pymdownx\.tilde", (MarkdownExtension.SUBSCRIPT,)),
    (r"pymdownx\.caret", (MarkdownExtension.SUPERSCRIPT,)),
    (r"mdx_math|pymdownx\.arithmatex", (*_MATH_WITH_DOLLARS, MarkdownExtension.BRACKETS)),
)
"""What extensions of Python-Markdown add."""

_SCRIPTS = ("js", "ts", "mjs", "mts", "cjs", "cts")
_ENDS = ("toml", "yaml", "yml", "json")
_EXTRAS = {
    "mark": MarkdownExtension.HIGHLIGHT,
    "insert": MarkdownExtension.INSERTED,
    "subscript": MarkdownExtension.SUBSCRIPT,
    "superscript": MarkdownExtension.SUPERSCRIPT,
}
_JEMOJI = lazy(r"""^\s*gem\s*\(?\s*["']jemoji["']""", re.MULTILINE)
_NO_EMOJI = lazy(r"\bemoji\s*:\s*false\b")
_BY_NAME = lazy(r"""\bformat\s*:\s*["'](?:md|detect)["']""")  # only .mdx is MDX
_NO_TEMPLATES = frozenset({"md", "html", "false"})
_NAMES = lazy(r"[\w.]+")

_Changes: TypeAlias = Iterator[tuple[MarkdownExtension, bool | None]]
"""Extensions that a configuration turns on or off; None: it does not set them."""


def site_extensions(
    profile: str, root: Path | None, choices: Sequence[tuple[MarkdownExtension, bool]] = ()
) -> tuple[MarkdownExtension, ...]:
    """The extensions that the generator reads; `root` is the folder of its configuration, None if it has
    none. `choices` of the settings come last.
    """
    found = set(_DEFAULTS.get(profile, ()))
    changes = _CHANGES.get(profile, package_changes) if root else None
    for extension, on in (*(changes(root) if changes and root else ()), *choices):
        if on is not None:
            (found.add if on else found.discard)(extension)
    return tuple(extension for extension in MarkdownExtension if extension in found)


def disables_templates(front: FrontMatter) -> bool:
    """Whether a post tells its generator not to run its template code."""
    off = front.flag("render_with_liquid") is False or front.flag("disableNunjucks") is True
    return off or front.text("templateEngineOverride") in _NO_TEMPLATES


def post_extensions(
    path: str, front: FrontMatter, extensions: tuple[MarkdownExtension, ...]
) -> tuple[MarkdownExtension, ...]:
    """The extensions for the post at `path` in a blog that reads `extensions`; a post may turn templates
    off.
    """
    if path.endswith(".mdx") and MarkdownExtension.MDX not in extensions:
        extensions = (*extensions, MarkdownExtension.MDX)
    if MarkdownExtension.TEMPLATES not in extensions:
        return extensions
    if disables_templates(front):
        return tuple(
            it for it in extensions if it not in (MarkdownExtension.TEMPLATES, MarkdownExtension.EJS)
        )
    return extensions


def jekyll_changes(root: Path) -> _Changes:
    top = first_config(root, "_config.yml", "_config.yaml", "_config.toml")
    engine = top.get("markdown")
    if isinstance(engine, str) and engine.casefold() != "kramdown":
        yield from ((extension, False) for extension in _KRAMDOWN)
    yield MarkdownExtension.BREAKS, read_flag(folded_map(top.get("kramdown")), "hardwrap")
    gems = read_text(root / "Gemfile")
    named = {*scalars(top.get("plugins")), *scalars(top.get("gems"))}
    if "jemoji" in named or ("jekyll_plugins" in gems and _JEMOJI.search(gems)):
        yield MarkdownExtension.EMOJI, True


def hugo_changes(root: Path) -> _Changes:
    names = [f"{stem}.{end}" for stem in ("hugo", "config") for end in _ENDS]
    top = first_config(root, *names, *(f"config/_default/{name}" for name in names))
    markup = first_config(root, *(f"config/_default/markup.{end}" for end in _ENDS))  # may have its own file
    markup = markup or folded_map(top.get("markup"))
    goldmark = folded_map(markup.get("goldmark"))
    extensions = folded_map(goldmark.get("extensions"))
    yield MarkdownExtension.DEFINITIONS, read_flag(extensions, "definitionlist")
    yield MarkdownExtension.BREAKS, read_flag(folded_map(goldmark.get("renderer")), "hardwraps")
    yield MarkdownExtension.EMOJI, read_flag(top, "enableemoji")
    extras = folded_map(extensions.get("extras"))
    for name, extension in _EXTRAS.items():
        yield extension, read_flag(folded_map(extras.get(name)), "enable")
    passed = folded_map(extensions.get("passthrough"))
    if read_flag(passed, "enable"):
        for mark in scalars(passed.get("delimiters")):
            if mark in _DELIMITERS:
                yield _DELIMITERS[mark], True


def pelican_changes(root: Path) -> _Changes:
    from publisher.sources.generators import pelican

    given = pelican.read_settings(read_text(root / "pelicanconf.py"))
    named = repr(given.get("MARKDOWN", ""))
    if named.startswith("{"):  # extensions are keys of a map in it or items of a list, by their full names
        yield MarkdownExtension.DEFINITIONS, "extra" in named or "def_list" in named
        yield MarkdownExtension.ABBREVIATIONS, "extra" in named or "abbr" in named
        yield from enabled_by(_PYTHON, _NAMES.findall(named))
    if "render_math" in repr(given.get("PLUGINS", "")):
        yield from ((extension, True) for extension in _MATH_WITH_DOLLARS)


def hexo_changes(root: Path) -> _Changes:
    top = first_config(root, "_config.yml", "_config.yaml", "_config.toml")
    yield from package_changes(root)
    marked, markdown = folded_map(top.get("marked")), folded_map(top.get("markdown"))
    yield MarkdownExtension.DEFINITIONS, read_flag(marked, "descriptionlists")
    yield from enabled_by(_PACKAGES, scalars(markdown.get("plugins")))
    for settings in (marked, folded_map(markdown.get("render")), markdown, folded_map(top.get("kramed"))):
        yield MarkdownExtension.BREAKS, read_flag(settings, "breaks")


def zola_changes(root: Path) -> _Changes:
    markdown = folded_map(first_config(root, "zola.toml", "config.toml").get("markdown"))
    yield MarkdownExtension.EMOJI, read_flag(markdown, "renderemoji")
    yield MarkdownExtension.DEFINITIONS, read_flag(markdown, "definitionlist")


def docusaurus_changes(root: Path) -> _Changes:
    yield from package_changes(root)
    config = "".join(read_text(root / f"docusaurus.config.{end}") for end in _SCRIPTS)
    if _NO_EMOJI.search(config):
        yield MarkdownExtension.EMOJI, False
    if _BY_NAME.search(config):
        yield MarkdownExtension.MDX, False


def package_changes(root: Path) -> _Changes:
    package = read_config_map(root / "package.json")
    needed = [package.get("dependencies"), package.get("devdependencies")]
    yield from enabled_by(_PACKAGES, [name for some in needed if isinstance(some, dict) for name in some])


def enabled_by(
    known: Sequence[tuple[str, tuple[MarkdownExtension, ...]]], names: Collection[str]
) -> _Changes:
    """The extensions that the packages of these names turn on."""
    for pattern, extensions in known:
        if any(re.fullmatch(pattern, name) for name in names):
            yield from ((extension, True) for extension in extensions)


_CHANGES: Mapping[str, Callable[[Path], _Changes]] = {
    "jekyll": jekyll_changes,
    "hugo": hugo_changes,
    "pelican": pelican_changes,
    "hexo": hexo_changes,
    "zola": zola_changes,
    "docusaurus": docusaurus_changes,
}


def first_config(root: Path, *names: str) -> Mapping[str, Value]:
    """The first of these files that exists and is not empty."""
    tables = (read_config_map(root / name) for name in names)
    return next(filter(None, tables), dict[str, Value]())


def read_flag(settings: Mapping[str, Value], name: str) -> bool | None:
    return FrontMatter(values=settings, lines={}, line=1).flag(name)
