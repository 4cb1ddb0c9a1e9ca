"""Writes publisher/core/mail/lint/client_support_table.py from the data of caniemail.com, as npm's
`caniemail` has it.

npm install caniemail && python scripts/write_support.py node_modules/caniemail/data/caniemail.json
"""

import json
import sys
from pathlib import Path
from textwrap import fill
from typing import Any

PROGRAMS = {
    "gmail": ("desktop-webmail", "ios", "android"),
    "outlook": ("windows", "outlook-com", "macos", "ios", "android"),
    "apple-mail": ("macos", "ios"),
    "yahoo": ("desktop-webmail", "ios", "android"),
    "samsung-email": ("android",),
    "thunderbird": ("macos",),
    "protonmail": ("desktop-webmail",),
    "fastmail": ("desktop-webmail",),
    "gmx": ("desktop-webmail",),
    "web-de": ("desktop-webmail",),
    "aol": ("desktop-webmail",),
    "mail-ru": ("desktop-webmail",),
    "orange": ("desktop-webmail",),
}
HEAD = '''"""Which styles mail programs know: made by scripts/write_support.py, do not edit.

From the data of https://www.caniemail.com/ (by Rémi Parmentier and contributors; MIT licence), as the npm
package `caniemail` carries it, state of {date}. The newest version of each program counts, and partial
support is support. A line: feature, percent of the {count} programs below, month of the test, who lacks it.

{programs}
"""

TESTED = "{tested}"
"""The newest test in the table."""

_TABLE = """\\
'''
TAIL = '''"""

SUPPORT: dict[str, tuple[int, str]] = {
    name: (int(known), lacking)
    for name, known, _, lacking in (line.split(maxsplit=3) for line in _TABLE.splitlines())
}
"""By feature: percent of mail programs that know it, and some that do not."""
'''


def row(feature: dict[str, Any]) -> str | None:
    known = total = 0
    lacking: list[str] = []
    for family, platforms in PROGRAMS.items():
        for platform in platforms:
            versions = feature["stats"].get(family, {}).get(platform)
            answer = list(versions.values())[-1].split()[0] if versions else "u"
            if answer in {"y", "a", "n"}:
                total += 1
                known += answer != "n"
                if answer == "n":
                    lacking.append(family)
    if not total or known == total:
        return None
    names = ",".join(dict.fromkeys(lacking))[:60].rsplit(",", 1)[0]
    name = feature["slug"].removeprefix("css-")
    return f"{name} {round(100 * known / total)} {feature['last_test_date'][:7]} {names}"


if __name__ == "__main__":
    data = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    styles = [feature for feature in data["data"] if feature["category"] == "css"]
    head = HEAD.format(
        date=data["last_update_date"][:10],
        count=sum(map(len, PROGRAMS.values())),
        programs=fill("; ".join(f"{family}: {', '.join(names)}" for family, names in PROGRAMS.items()), 105),
        tested=max(feature["last_test_date"] for feature in styles)[:7],
    )
    rows = sorted(filter(None, map(row, styles)))
    target = Path(__file__).parent.parent / "publisher/core/mail/lint/client_support_table.py"
    target.write_text(head + "\n".join(rows) + "\n" + TAIL, encoding="utf-8")
