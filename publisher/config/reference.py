"""What is written from the declared settings: config/publisher.toml and docs/reference/settings.md."""

from publisher.config.declaration import Section, Setting, TomlValue
from publisher.config.sections import SECTIONS

_TOML_HEAD = """\
# Every setting of Publisher with its default. A site needs only the required ones.
# Lines that begin with # and no space are optional: take the # away to set them.
# Paths are relative to this file. The environment wins over it: PUBLISHER_SITE__TITLE="My site".
"""

_MARKDOWN_HEAD = """\
# Settings

Written from the code by `make docs`; `config/publisher.toml` is the same as a file to copy from.

Settings come from `publisher.toml`, then from the environment, then from flags; the later wins. Paths are
relative to the folder of `publisher.toml`. An unknown key is an error.

- In the environment a setting is `PUBLISHER_SECTION__KEY`: `PUBLISHER_WEB__LISTEN=0.0.0.0:8000`. Lists and
  tables are written as in TOML: `PUBLISHER_POSTS__EXCLUDE='["notes/**"]'`. Feeds and lists are counted from 0
  in the order of the file: `PUBLISHER_LISTS__0__AT=16:00`.
- Durations are a number and a unit: `60s`, `45m`, `12h`, `30d`.
- URLs are absolute; a "/" at their end is added when missing.
- `site.id_authority` is what the ids of posts begin with, as the "host,date" of a tag: URI
  ([RFC 4151](https://www.rfc-editor.org/rfc/rfc4151#section-2.1)). `publisher init` writes it. Keep it for
  ever, even when the site moves to another domain: feed readers know posts by their ids. Where it is
  missing it is the host of `site.url` and 2026, a constant, so that a lost store makes the same ids again.
- `posts.pages = true` makes each post a page of its own, for a site that has no pages yet. Permalinks then
  stand under `/posts/`, also those that posts name themselves, so that no post takes the place of a feed.
  Files beside a post that it refers to (pictures, sound, video, PDF, text; 25 MB each at most) are copied to
  `/assets/` under a name made of their bytes, and stay there while the post does, for mails that show them.
  `site.url` and `web.public_url` must then be the same place, for the pages are served where the feeds are.
- `site.secret_file` holds the keys behind every link in every mail. Keep a copy: without it old
  unsubscribe links stop working.
"""


def toml() -> str:
    """config/publisher.toml: every setting, its default, and one line of comment."""
    return "\n".join([_TOML_HEAD, *(_toml_section(section) for section in SECTIONS)])


def _toml_section(section: Section) -> str:
    # A repeated section that has a required key cannot stand without an author's answers.
    optional = section.repeated and any(s.required for s in section.settings)
    lines = [f"# {section.help}", ("#" if optional else "") + _header(section)]
    for setting in section.settings:
        mark = "#" if optional or (setting.default is None and not setting.required) else ""
        lines += [f"# {_help(setting)}", f"{mark}{setting.key} = {_written(setting)}"]
    return "\n".join(lines) + "\n"


def markdown() -> str:
    """docs/reference/settings.md: a table for each section."""
    return "\n".join([_MARKDOWN_HEAD, *(_markdown_section(section) for section in SECTIONS)])


def _markdown_section(section: Section) -> str:
    rows = [_row(setting) for setting in section.settings]
    head = ["| Key | Default | What it is |", "|---|---|---|"]
    return "\n".join([f"## `{_header(section)}`", "", section.help, "", *head, *rows]) + "\n"


def _row(setting: Setting) -> str:
    default = f"`{_toml_value(setting.default)}`" if setting.default is not None else ""
    expects = setting.kind.expects[:1].upper() + setting.kind.expects[1:]
    what = f"{_help(setting)} {expects}.".replace("|", "\\|")
    return f"| `{setting.key}` | {default} | {what} |"


def _help(setting: Setting) -> str:
    return setting.help + (" Required." if setting.required else "")


def _header(section: Section) -> str:
    return f"[[{section.name}]]" if section.repeated else f"[{section.name}]"


def _written(setting: Setting) -> str:
    return setting.shown if setting.default is None else _toml_value(setting.default)


def _toml_value(value: TomlValue) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(f'"{item}"' for item in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)
