"""Generates config/publisher.toml, docs/reference/settings.md and the JSON schema for editors from the
declared settings.
"""

import json
from typing import Any

from publisher.config.declaration import Section, Setting
from publisher.config.layers import toml_text
from publisher.config.sections import SECTIONS

TOML_HEAD = """\
# Every setting of Publisher with its default. A site needs only the required ones.
# Lines that begin with # and no space are optional: take the # away to set them.
# Paths are relative to this file. The environment wins over it: PUBLISHER_SITE__TITLE="My site".
"""

MARKDOWN_HEAD = """\
# Settings

Written from the code by `make docs`; `config/publisher.toml` is the same as a file to copy from.

Settings come from `publisher.toml`, then from the environment, then from flags; later ones win. Paths are
relative to the folder of `publisher.toml`. An unknown key is an error.

- In the environment a setting is `PUBLISHER_SECTION__KEY`: `PUBLISHER_WEB__LISTEN=0.0.0.0:8000`. Lists and
  tables are written as in TOML: `PUBLISHER_POSTS__EXCLUDE='["notes/**"]'`. Feeds and lists are counted from 0
  in the order of the file: `PUBLISHER_LISTS__0__AT=16:00`.
- Durations are a number and a unit: `60s`, `45m`, `12h`, `30d`.
- URLs are absolute; Publisher adds a "/" at the end if it is missing.
- `site.id_authority` is what the ids of posts begin with, as the "host,date" of a tag: URI
  ([RFC 4151](https://www.rfc-editor.org/rfc/rfc4151#section-2.1)). `publisher init` writes it. Never
  change it, even if the site moves to another domain: feed readers know posts by their ids. If it is
  missing, Publisher uses the host of `site.url` and 2026, a constant, so that a lost store gets the same ids
  again.
- `posts.pages = true` makes a page for each post, for a site that has no pages yet. All permalinks are then
  under `/posts/`, even those set in front matter, so that no post takes the place of a feed. Set
  `posts.permalink`, for example to `"/:slug/"`, and pages are where it and front matter say, beside
  `/subscribe/`, `/digests/` and the other addresses of Publisher's own; a post that would take one of those,
  or that of a feed, waits until it gets another slug, and `publisher check` names it. Files beside a post
  that it refers to (pictures, sound, video, PDF, text; 25 MB each at most) are copied to `/assets/` under a
  name made of their bytes, and stay there as long as the post does, for mails that show them.
  `site.url` and `web.public_url` must then be the same, because the pages are served beside the feeds.
- `site.secret_file` holds the keys that sign every link in every mail. Keep a copy: without it old
  unsubscribe links stop working.

Editors complete and check `publisher.toml` with a JSON schema. Those that use Taplo (VS Code with Even Better
TOML, and others) find the schema beside the file if the first line of `publisher.toml` is
`#:schema ./publisher.schema.json`:

```console
$ publisher check --schema > publisher.schema.json
```

Write it again after an upgrade. An editor flags what is certainly wrong in the file; `publisher check` has
the last word, because it also knows the environment.
"""


def toml() -> str:
    """config/publisher.toml: every setting, its default, and one line of comment."""
    parts = [TOML_HEAD]
    for section in SECTIONS:
        lines = [f"# {section.help}", ("#" if section.optional else "") + heading(section)]
        for setting in section.settings.values():
            mark = "#" if section.optional or (setting.default is None and not setting.required) else ""
            value = setting.shown if setting.default is None else toml_text(setting.default)
            lines += [f"# {help_text(setting)}", f"{mark}{setting.key} = {value}"]
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def markdown() -> str:
    """docs/reference/settings.md: a table for each section."""
    parts = [MARKDOWN_HEAD]
    for section in SECTIONS:
        head = ["| Key | Default | What it is |", "|---|---|---|"]
        rows: list[str] = []
        for setting in section.settings.values():
            default = f"`{toml_text(setting.default)}`" if setting.default is not None else ""
            what = f"{help_text(setting)} {expects_text(setting)}".replace("|", "\\|")
            rows.append(f"| `{setting.key}` | {default} | {what} |")
        parts.append("\n".join([f"## `{heading(section)}`", "", section.help, "", *head, *rows]) + "\n")
    return "\n".join(parts)


def json_schema() -> str:
    """config/publisher.schema.json: what editors know of publisher.toml. It refuses no value that Publisher
    takes, but for space around a word of a closed set, where an editor should offer the words. What no schema
    can say, such as whether a time zone exists, `publisher check` does.
    """
    top: dict[str, Any] = {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": "publisher.toml",
        "description": "The settings of a site of Publisher.",
        "type": "object",
        "properties": {},
        "required": [],
        "additionalProperties": False,
    }
    for section in SECTIONS:
        *outer, name = section.name.split(".")
        within = top
        for one in outer:
            within = within["properties"][one]
        within["properties"][name] = _section_schema(section)
        if not section.repeated and any(s.required for s in section.settings.values()):
            within["required"].append(name)
    return json.dumps(top, ensure_ascii=False, indent=1) + "\n"


def _section_schema(section: Section[Any]) -> dict[str, Any]:
    settings = section.settings.values()
    table: dict[str, Any] = {
        "type": "object",
        "properties": {setting.key: _setting_schema(setting) for setting in settings},
        "additionalProperties": False,
    }
    if required := [setting.key for setting in settings if setting.required]:
        table["required"] = required
    if section.repeated:
        return {"description": section.help, "type": "array", "items": table}
    return {"description": section.help, **table}


def _setting_schema(setting: Setting) -> dict[str, Any]:
    default = {} if setting.default is None else {"default": setting.default}
    return {"description": f"{help_text(setting)} {expects_text(setting)}", **setting.type.schema, **default}


def expects_text(setting: Setting) -> str:
    """What values it takes, as a sentence."""
    return f"{setting.type.expects[:1].upper()}{setting.type.expects[1:]}."


def help_text(setting: Setting) -> str:
    """What a setting is for, and whether a site must have it."""
    return setting.help + (" Required." if setting.required else "")


def heading(section: Section[Any]) -> str:
    """As TOML has it: "[site]", "[[feeds]]"."""
    return f"[[{section.name}]]" if section.repeated else f"[{section.name}]"
