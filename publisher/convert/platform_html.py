"""Rewrites post bodies from Ghost, WordPress and Substack as plain HTML. Elements that mean nothing outside
the old platform are removed and reported.

Ghost's cards are recognized by the classes that its renderer writes (kg-...-card), and WordPress's blocks by
theirs (wp-block-...). A classic WordPress body is not HTML yet: its paragraphs end at blank lines (as in
wpautop), and it contains shortcodes.
"""

import re
from collections import Counter
from collections.abc import Mapping
from html import escape

from bs4 import BeautifulSoup, Comment, Tag

LOST_CARDS = {
    "kg-signup-card": "sign-up form",
    "kg-cta-card": "call to action",
    "kg-email-card": "email-only text",
    "kg-email-cta-card": "email-only text",
    "kg-before-after-card": "before-after comparison",
    "kg-nft-card": "NFT card",
    "wp-block-jetpack-contact-form": "form",
    "wp-block-jetpack-subscriptions": "sign-up form",
    "wp-block-latest-posts": "list of posts",
    "wp-block-query": "list of posts",
    "sharedaddy": "share buttons",
    "subscription-widget-wrap": "sign-up form",
    "subscription-widget-wrap-editor": "sign-up form",
}
"""Blocks that only work on the old platform, by their class."""

LOST_ELEMENTS = {
    "script": "script",
    "style": "style sheet",
    "form": "form",
    "object": "embedded object",
    "embed": "embedded object",
    "canvas": "canvas",
    "button": "button",
    "input": "form field",
    "select": "form field",
    "textarea": "form field",
}
"""Elements that no feed reader and no mail shows."""

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


def rewrite_cards(body: BeautifulSoup, lost: Counter[str]) -> None:
    """Makes plain HTML of every card and block; counts in `lost` what was taken out."""
    for name, what in LOST_CARDS.items():
        for card in body.select(f".{name}"):
            _take_out(card, what, lost)
    for link in body.select('a[href^="%%"]'):  # Substack's "Share" and "Leave a comment"
        _take_out(link.find_parent(class_="button-wrapper") or link, "button", lost)
    for rewrite in (
        _callouts,
        _toggles,
        _buttons,
        _bookmarks,
        _products,
        _files,
        _media_players,
        _embeds,
        _code_captions,
    ):
        rewrite(body)
    for name, what in LOST_ELEMENTS.items():
        for element in body.find_all(name):
            _take_out(element, what, lost)
    for comment in body.find_all(string=lambda text: isinstance(text, Comment)):
        if str(comment).strip() == "more" or str(comment).strip().startswith("more "):
            comment.replace_with(_new(body, "more"))
        else:
            comment.extract()
    for element in body.find_all(["svg", "noscript"]):
        element.decompose()


def _take_out(element: Tag, what: str, lost: Counter[str]) -> None:
    if element.decomposed:
        return
    lost[what] += 1
    element.decompose()


def _new(body: BeautifulSoup, name: str, text: str = "", **attributes: str) -> Tag:
    element = body.new_tag(name, attrs=attributes)
    if text:
        element.string = text
    return element


def _text(element: Tag | None) -> str:
    return " ".join(element.get_text(" ").split()) if element is not None else ""


def _callouts(body: BeautifulSoup) -> None:
    """An emoji and a text: a note, which readers see as a block of its own."""
    for card in body.select(".kg-callout-card"):
        emoji, text = card.select_one(".kg-callout-emoji"), card.select_one(".kg-callout-text")
        note, paragraph = _new(body, "blockquote"), _new(body, "p")
        if _text(emoji):
            paragraph.append(f"{_text(emoji)} ")
        for child in list(text.children) if text is not None else []:
            paragraph.append(child.extract())
        note.append(paragraph)
        card.replace_with(note)


def _toggles(body: BeautifulSoup) -> None:
    """A heading that opens a part: <details>."""
    for card in body.select(".kg-toggle-card"):
        heading, content = card.select_one(".kg-toggle-heading-text"), card.select_one(".kg-toggle-content")
        details, summary = _new(body, "details"), _new(body, "summary", _text(heading))
        details.append(summary)
        for child in list(content.children) if content is not None else []:
            details.append(child.extract())
        card.replace_with(details)


def _buttons(body: BeautifulSoup) -> None:
    """A button that is a link: a link in a paragraph of its own."""
    for card in body.select(".kg-button-card, .wp-block-button, .kg-header-card-button"):
        link = card if card.name == "a" else card.find("a")
        if isinstance(link, Tag):
            _in_paragraph(body, card, _new(body, "a", _text(link), href=str(link.get("href") or "")))


def _bookmarks(body: BeautifulSoup) -> None:
    """A card that shows a page: its title as a link, and what it says."""
    for card in body.select(".kg-bookmark-card"):
        link = card.select_one("a.kg-bookmark-container") or card.find("a")
        if not isinstance(link, Tag):
            continue
        title = _text(card.select_one(".kg-bookmark-title")) or str(link.get("href") or "")
        quote, first = _new(body, "blockquote"), _new(body, "p")
        first.append(_new(body, "a", title, href=str(link.get("href") or "")))
        quote.append(first)
        if description := _text(card.select_one(".kg-bookmark-description")):
            quote.append(_new(body, "p", description))
        caption = card.find("figcaption")
        card.replace_with(quote)
        if isinstance(caption, Tag):
            quote.insert_after(caption.extract())


def _products(body: BeautifulSoup) -> None:
    """A product: its picture, name, description and link."""
    for card in body.select(".kg-product-card"):
        parts: list[Tag] = []
        if picture := card.select_one("img.kg-product-card-image"):
            parts.append(picture.extract())
        if name := _text(card.select_one(".kg-product-card-title")):
            strong = _new(body, "p")
            strong.append(_new(body, "strong", name))
            parts.append(strong)
        if description := card.select_one(".kg-product-card-description"):
            parts.append(description.extract())
        if link := card.select_one("a.kg-product-card-button"):
            paragraph = _new(body, "p")
            paragraph.append(_new(body, "a", _text(link), href=str(link.get("href") or "")))
            parts.append(paragraph)
        _replace(body, card, parts)


def _files(body: BeautifulSoup) -> None:
    """A file to download: a link with its name and size."""
    for card in body.select(".kg-file-card"):
        link = card.select_one("a.kg-file-card-container") or card.find("a")
        if not isinstance(link, Tag):
            continue
        name = _text(card.select_one(".kg-file-card-filename"))
        title = _text(card.select_one(".kg-file-card-title")) or name or str(link.get("href") or "")
        size = _text(card.select_one(".kg-file-card-filesize"))
        paragraph = _new(body, "p")
        paragraph.append(_new(body, "a", title, href=str(link.get("href") or "")))
        if details := ", ".join(part for part in (name if name != title else "", size) if part):
            paragraph.append(f" ({details})")
        parts = [paragraph]
        if caption := _text(card.select_one(".kg-file-card-caption")):
            parts.append(_new(body, "p", caption))
        _replace(body, card, parts)


def _media_players(body: BeautifulSoup) -> None:
    """Audio and video: the element alone, without the old platform's controls."""
    for card in body.select(".kg-audio-card, .kg-video-card"):
        player = card.find(["audio", "video"])
        if not isinstance(player, Tag):
            continue
        plain = _new(body, player.name, controls="", src=str(player.get("src") or ""))
        poster = str(card.get("data-kg-custom-thumbnail") or card.get("data-kg-thumbnail") or "")
        if player.name == "video" and poster:
            plain["poster"] = poster
        parts = [plain]
        if title := _text(card.select_one(".kg-audio-title")):
            parts.insert(0, _new(body, "p", title))
        if isinstance(caption := card.find("figcaption"), Tag):
            parts.append(caption.extract())
        _replace(body, card, parts)


def _embeds(body: BeautifulSoup) -> None:
    """A page shown within the post: WordPress writes only its address, which becomes a link."""
    for block in body.select(".wp-block-embed__wrapper"):
        url = _text(block)
        if url.startswith(("http://", "https://")) and " " not in url and block.find("iframe") is None:
            _in_paragraph(body, block, _new(body, "a", url, href=url))
    for frame in body.find_all("iframe"):
        source = str(frame.get("src") or frame.get("data-src") or "")
        attributes = {"src": f"https:{source}" if source.startswith("//") else source}
        if title := str(frame.get("title") or ""):
            attributes["title"] = title
        frame.attrs.clear()
        frame.attrs.update(attributes)
        frame.clear()


def _code_captions(body: BeautifulSoup) -> None:
    """A code card wraps the code in a figure, with which markdownify would indent nothing: it is
    unwrapped.
    """
    for card in body.select("figure.kg-code-card"):
        card.unwrap()


def _in_paragraph(body: BeautifulSoup, old: Tag, element: Tag) -> None:
    paragraph = _new(body, "p")
    paragraph.append(element)
    old.replace_with(paragraph)


def _replace(body: BeautifulSoup, old: Tag, parts: list[Tag]) -> None:
    block = _new(body, "div")
    for part in parts:
        block.append(part)
    old.replace_with(block)


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
