"""Links to footnotes as other renderers name them: they lead to the places that ours makes.

#fn:name #fnref:name      kramdown, Python-Markdown by the label; goldmark (Hugo) by the number
#fn1 #fnref1              markdown-it, by the number; #user-content-fn-name is GitHub's
"""

import re

_LINK = re.compile(r'href="#(?:user-content-)?(fnref|fn)[:-]?([^"]+)"')
_NOTE = re.compile(r'<li id="fn-([^"]+)"')


def with_notes(html: str) -> str:
    """HTML of comrak with its authors' own links to footnotes put right; others stay."""
    labels = _NOTE.findall(html)
    known = set(labels)

    def placed(match: re.Match[str]) -> str:
        kind, name = match[1], match[2]
        if name not in known and name.isdecimal() and 0 < int(name) <= len(labels):
            name = labels[int(name) - 1]
        return (
            f'href="#{kind}-{name}"' if name in known and f'id="{match[0][7:-1]}"' not in html else match[0]
        )

    return _LINK.sub(placed, html)
