"""Bodies of WordPress before they are HTML: paragraphs by blank lines (as wpautop), and shortcodes."""

import re
from collections import Counter
from collections.abc import Mapping
from html import escape

_BLOCKS = (
    "table|thead|tfoot|caption|col|colgroup|tbody|tr|td|th|div|dl|dd|dt|ul|ol|li|pre|form|blockquote|address|style|p|"
    "h[1-6]|hr|fieldset|legend|section|article|aside|header|footer|figure|figcaption|details|summary|video|audio|"
    "iframe|script"
)
_BLOCK = re.compile(rf"</?(?:{_BLOCKS})(?=[\s/>])", re.IGNORECASE)
_WHOLE = re.compile(r"(<(pre|script|style|table|textarea)\b.*?</\2>)", re.IGNORECASE | re.DOTALL)
_BLANK = re.compile(r"\n\s*\n")

_NAMES = (
    "caption wp_caption gallery embed audio video playlist youtube vimeo code sourcecode contact-form "
    "contact-form-7 contact-field subscribe jetpack_subscription_form polldaddy tweet instagram gist more"
)
_NAME = rf"{'|'.join(map(re.escape, _NAMES.split()))}|[a-z][\w-]*(?=\s+[\w-]+=)|(?<=/)[a-z][\w-]+"
_SHORTCODE = re.compile(rf"\[(\[?)(/?)({_NAME})((?:\s[^\[\]]*)?)\](\]?)")
"""A name that WordPress knows, any name with attributes, or an end tag."""

_ATTRIBUTE = re.compile(r"""([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"']+))""")
_CAPTION = re.compile(r"(?<!\[)\[(?:wp_)?caption([^\]]*)\](.*?)\[/(?:wp_)?caption\]", re.DOTALL)
_IMAGE = re.compile(r"^\s*((?:<a\s[^>]*>\s*)?<img\s[^>]*>(?:\s*</a>)?)(.*)$", re.DOTALL)
_CODE = re.compile(r"(?<!\[)\[(code|sourcecode)([^\]]*)\](.*?)\[/\1\]", re.DOTALL)
_PLAYER = re.compile(
    r"(?<!\[)\[(embed|youtube|vimeo|audio|video)([^\]]*)\](?:(\s*https?://[^\s\[]+\s*)\[/\1\])?"
)
_GALLERY = re.compile(r"(?<!\[)\[gallery([^\]]*)\]")
_LONE_URL = re.compile(r"^(https?://[^\s<>\"]+)$", re.MULTILINE)


def html_of_wordpress(text: str, attachments: Mapping[str, str], lost: Counter[str]) -> str:
    """The HTML that WordPress makes of a stored body. `attachments` are uploaded files by id; counts in
    `lost` the shortcodes that only work there.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _CODE.sub(_code_block, text)
    text = _CAPTION.sub(_captioned, text)
    text = _GALLERY.sub(lambda found: _gallery(found[1], attachments, lost), text)
    text = _PLAYER.sub(lambda found: _player(found, lost), text)
    text = _SHORTCODE.sub(lambda found: _other_shortcode(found, lost), text)
    return text if "<!-- wp:" in text else add_paragraphs(text)


def add_paragraphs(text: str) -> str:
    """Blank lines between paragraphs become <p>, single line ends <br>, outside of blocks."""
    made: list[str] = []
    for position, part in enumerate(_WHOLE.split(text)):
        if position % 3 == 1:  # a block that is left as it is; position % 3 == 2 is its name
            made.append(part)
        elif position % 3 == 0:
            made += [_paragraph(block) for block in _BLANK.split(part) if block.strip()]
    return "\n".join(made)


def _paragraph(block: str) -> str:
    block = block.strip()
    if _BLOCK.match(block):
        return block
    block = _LONE_URL.sub(lambda found: f'<a href="{escape(found[1])}">{escape(found[1])}</a>', block)
    if found := _BLOCK.search(block):  # text that a block follows without a blank line
        return f"{_paragraph(block[: found.start()])}\n{block[found.start() :]}"
    return "<p>" + block.replace("\n", "<br>\n") + "</p>"


def _attributes(text: str) -> dict[str, str]:
    return {name: a or b or c for name, a, b, c in _ATTRIBUTE.findall(text)}


def _code_block(found: re.Match[str]) -> str:
    language = _attributes(found[2]).get("language") or _attributes(found[2]).get("lang") or ""
    named = f' class="language-{escape(language)}"' if language else ""
    code = found[3].strip("\n")
    return f"<pre><code{named}>{code if '&lt;' in code else escape(code, quote=False)}</code></pre>"


def _captioned(found: re.Match[str]) -> str:
    """[caption ... caption="old form"]<img> new form[/caption]"""
    image = _IMAGE.match(found[2])
    picture, words = (image[1], image[2]) if image else (found[2], "")
    caption = words.strip() or _attributes(found[1]).get("caption", "")
    return f"<figure>{picture}<figcaption>{caption}</figcaption></figure>"


def _gallery(attributes: str, attachments: Mapping[str, str], lost: Counter[str]) -> str:
    """[gallery ids="1,2"]: the pictures in that order. Without ids it shows what was uploaded to the post,
    which an export does not tell.
    """
    named = _attributes(attributes)
    ids = (named.get("ids") or named.get("include") or "").replace(" ", "").split(",")
    urls = [attachments[id] for id in ids if attachments.get(id)]
    if not urls:
        lost["gallery without ids"] += 1
    return "<div>" + "".join(f'<p><img src="{escape(url)}"></p>' for url in urls) + "</div>"


def _player(found: re.Match[str], lost: Counter[str]) -> str:
    name, named = found[1], _attributes(found[2])
    url = (found[3] or "").strip() or next(
        (named[key] for key in ("src", "mp3", "mp4", "m4a", "ogg", "webm", "url") if key in named), ""
    )
    if not url:
        bare = re.search(r"https?://[^\s\]\"']+", found[2])
        url = bare[0] if bare else ""
    if not url:
        lost[f"shortcode [{name}]"] += 1
        return ""
    if name in ("audio", "video"):
        return f'<{name} controls src="{escape(url)}"></{name}>'
    return f'\n\n<p><a href="{escape(url)}">{escape(url)}</a></p>\n\n'


def _other_shortcode(found: re.Match[str], lost: Counter[str]) -> str:
    """A shortcode that only works there: its tags go, the text between them stays. [[code]] is an example of
    one, and shows as [code].
    """
    if found[1] and found[5]:
        return found[0][1:-1]
    if not found[2]:
        lost[f"shortcode [{found[3]}]"] += 1
    return found[1] + found[5]
