"""MDX without its code: imports and exports go, what an attribute's expression plainly says stays.

src={require('./a.png').default}  src={useBaseUrl('/a.png')}  src={photo} of `import photo from './a.png'`
width={30}  title={"Words"}       other expressions go, with their attributes
```mdx-code-block                 is no code: Docusaurus opens it before it reads the text
"""

import re
from collections.abc import Callable
from html import escape

from publisher.core.posts.code_regions import cut, outside_code

IMPORT = (
    r"import\s+(?:[\w*${](?:[^'\"`;<>()\n]|\n(?![ \t]*$)){0,600}?\bfrom\s+)?['\"][^'\"\n]+['\"]"
    r"(?:\s+with\s*\{[^{}\n]*\})?;?"
)
_EXPORT = (
    r"export\s+(?:(?:const|let|var|default|function|async)\b[^\n]*"
    r"(?:;|(?:[{(\[]|=>|=)[ \t]*(?:\n(?![ \t]*$)[^\n]*){1,300})|(?:const|let|var)\s+[\w$]+\s*=[^\n]*)"
)
_CODE = re.compile(f"^(?:{IMPORT}|{_EXPORT})[ \\t]*$", re.MULTILINE)
MANY = 1_000
_OPENED = re.compile(r"^```mdx-code-block[ \t]*\n([\s\S]*?)^```[ \t]*$", re.MULTILINE)
NAMED = re.compile(r"^import\s+([A-Za-z_$][\w$]*)\s+from\s+['\"]([^'\"\n]+)['\"]", re.MULTILINE)
_ELEMENT = re.compile(
    r"<[A-Za-z](?:[^<>{}\"'`]|\"[^\"<>]*\"|'[^'<>]*'|\{(?:[^{}]|\{[^{}]*\}){0,2000}\}){0,100}>"
)
_ATTRIBUTE = re.compile(r"\s([\w:-]+)=\{((?:[^{}]|\{[^{}]*\}){0,2000})\}")
_CALL = re.compile(
    r"""(?:require|useBaseUrl|withBase)\(\s*["'`]([^"'`${}]+)["'`]\s*,?\s*\)(?:\.default)?(?:\.src)?"""
)
_LITERAL = re.compile(r"""["'`]([^"'`${}]*)["'`]|(\d+(?:\.\d+)?)""")
_WORD = re.compile(r"([A-Za-z_$][\w$]*)(?:\.src)?")


def without_jsx(source: str) -> str:
    """A Markdown source without MDX's imports, exports and expressions in attributes. Code stays."""
    if 0 < source.count("```mdx-code-block") < MANY // 10:
        source = _OPENED.sub(r"\1", source)
    named = dict(NAMED.findall(source)) if "import " in source else {}
    if 0 < source.count("import ") + source.count("export ") < MANY:
        source = cut(source, _CODE)
    if "={" not in source:
        return source
    return outside_code(source, lambda text: _ELEMENT.sub(lambda match: plain(match[0], named), text))


def is_plain(expression: str) -> bool:
    """Whether an attribute's expression says something without being run."""
    return bool(_CALL.fullmatch(expression) or _LITERAL.fullmatch(expression) or _WORD.fullmatch(expression))


def plain(element: str, named: dict[str, str]) -> str:
    """A tag whose attributes are texts; `named` are the files that are imported, by their names."""
    if "={" not in element:
        return element
    return _ATTRIBUTE.sub(_said(named), element)


def _said(named: dict[str, str]) -> Callable[[re.Match[str]], str]:
    def attribute(match: re.Match[str]) -> str:
        expression = match[2].strip()
        if found := _CALL.fullmatch(expression) or _LITERAL.fullmatch(expression):
            value = next(filter(None, found.groups()), "")
        else:
            word = _WORD.fullmatch(expression)
            value = named.get(word[1], "") if word else ""
        value = value.removeprefix("@site/static")
        shown = escape(" ".join(value.split()))
        return f' {match[1]}="{shown}"' if value and not value.startswith("@") else ""

    return attribute
