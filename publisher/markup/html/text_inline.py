"""How raised, lowered and pictured words stand in plain text, so that they mean what they meant."""

import re
from itertools import pairwise
from urllib.parse import unquote

from publisher.markup.html.fragments import names

_SIGNS = {"tm": "™", "sm": "℠", "(tm)": "™", "(r)": "®", "(c)": "©"}
_ORDINALS = re.compile(r"(?:st|nd|rd|th|ers?|r?es?|[èe]res?|[èe]mes?|n?des?|os?|as?|os\.|º|ª)", re.IGNORECASE)
_TITLES = re.compile(r"(?:^|[^\w])(?:M|D|S|P|V|N|Ms|No|n)$")
_ROMAN = re.compile(r"(?:^|[^\w])[IVXLCDM]+$")
_POWER = re.compile(r"[-+\u2212\u2013]?[\w.,]+[-+\u2212\u2013*′']?|[-+\u2212\u2013]")
_LEVEL = re.compile(r"[\w.]+|[-+\u2212]\d+")
_ELEMENT = re.compile(r"(?:(?:^|[^a-z])[A-Z][a-z]?|[)\]]|[A-Z]\^?\d*)$")
_TOKEN = re.compile(r"[^\W\d_]+")
_FILE = re.compile(
    r"[^/?#\n]{1,120}\.(?:png|jpe?g|gif|webp|svg|avif|bmp|tiff?|heic|ico|mp4|mov|webm)", re.IGNORECASE
)
_HASH = re.compile(r"[0-9a-f_-]+")
_ADDRESS = re.compile(r"(?:https?:|data:|www\.|/)\S*", re.IGNORECASE)
_CAMERA = names(
    "am at bildschirmfoto capture dji dsc dscf dscn figure gopr image img mvimg of photo picture pm pxl"
    " recording screen screenshot shot unnamed untitled whatsapp"
)
"""Words of names that cameras and systems give."""

_SAID_OF_ANY = """
    alt, alt text, alt-text, banner, bild, caption, captura, capture, capture d'écran, cover, cover image,
    description, empty, feature image, featured image, foto, grafik, graphic, header image, hero, hero image,
    icon, image, image alt, image alt text, image description, imagealttext, imagem, imagen, images, img,
    immagine, kuva, logo, none, null, obraz, obrázek, photo, photograph, photos, pic, picture, pictures,
    placeholder, screen shot, screenshot, text, thumbnail, undefined, unnamed, untitled, zdjęcie, изображение,
    картинка, фото, 이미지, 사진, 图片, 圖片, 图像, 画像, 写真, 截图, スクリーンショット, صورة, תמונה, រូបភាព
"""
_GENERIC = frozenset(part.strip() for part in _SAID_OF_ANY.split(","))


def raised(before: str, words: str) -> str:
    """What a <sup> with `words` adds after `before`: "^6" to "10", but "th" to "4". Words that stand by
    themselves, signs and what is in brackets stay as they are."""
    if words.casefold() in _SIGNS:
        return _SIGNS[words.casefold()]
    if not before[-1:].strip() or (not any(map(str.isalnum, words)) and words not in "-+\u2212"):
        return words
    if words[0] in "[(（［" or _is_phrase(words) or _is_ordinal(before, words):
        return words
    return f"^{words}" if _POWER.fullmatch(words) else f"^({words})"


def lowered(before: str, words: str) -> str:
    """What a <sub> with `words` adds after `before`: "2" to "H", "_ij" to "x", "_(i+1)" to "x"."""
    if not before[-1:].strip() or not any(map(str.isalnum, words)) or _is_phrase(words):
        return words
    if words[0] in "[(（［" or (words.isdigit() and _ELEMENT.search(before)):
        return words
    return f"_{words}" if _LEVEL.fullmatch(words) else f"_({words})"


def _is_ordinal(before: str, words: str) -> bool:
    """ "4th", "XIXe", "1er", "nº", "Mme": raised by custom, not by a power."""
    if _TITLES.search(before) and (len(words) > 1 or words in "or") and words.isalpha() and words.islower():
        return True
    if not _ORDINALS.fullmatch(words):
        return False
    return bool(_ROMAN.search(before)) or (before[-1].isdigit() and (len(words) > 1 or words in "ºª"))


def _is_phrase(words: str) -> bool:
    """Whether it is a remark in small print: two words in a row."""
    parts = [len(part) > 1 and part.isalpha() for part in words.split()]
    return any(one and other for one, other in pairwise(parts))


def says_something(alt: str, source: str) -> bool:
    """Whether an alternative text tells more than that there is a picture: it is no file name (`source` is
    the picture's address), no number of a camera, no address, and not "image"."""
    words = alt.strip(" \t.:;,!?…*_-–—[](){}\"'")
    folded = words.casefold()
    if not any(map(str.isalnum, words)):
        return not alt.isascii()  # an emoji says something
    if folded in _GENERIC or _FILE.fullmatch(words) or _ADDRESS.fullmatch(words) or _is_number(folded):
        return False
    stem = source.partition("?")[0].rpartition("/")[2].rpartition(".")[0].casefold()
    same = _letters(folded) == _letters(unquote(stem))
    return not same or all(map(str.isalpha, words.split()))  # "Cat" of cat.png says it, "cat-2" does not


def _is_number(folded: str) -> bool:
    """ "img_2034", "screenshot 2024-05-01 at 10.31", a hash."""
    if " " not in folded and len(folded) > 15 and _HASH.fullmatch(folded):
        return True
    return not folded.isalpha() and all(word in _CAMERA for word in _TOKEN.findall(folded))


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))
