"""Who wrote a post, in which language, and under which words it is filed."""

import re

from publisher.core.site import Person
from publisher.sources.rules import SourceRules
from publisher.sources.values import FrontMatter, Value, scalars
from publisher.sources.words import plain

LANGUAGES = {
    "arabic": "ar", "bengali": "bn", "bulgarian": "bg", "burmese": "my", "catalan": "ca", "chinese": "zh",
    "croatian": "hr", "czech": "cs", "danish": "da", "dutch": "nl", "english": "en", "estonian": "et",
    "finnish": "fi", "french": "fr", "german": "de", "greek": "el", "hebrew": "he", "hindi": "hi",
    "hungarian": "hu", "indonesian": "id", "irish": "ga", "italian": "it", "japanese": "ja", "khmer": "km",
    "korean": "ko", "lao": "lo", "latvian": "lv", "lithuanian": "lt", "malay": "ms", "norwegian": "no",
    "persian": "fa", "farsi": "fa", "polish": "pl", "portuguese": "pt", "romanian": "ro", "russian": "ru",
    "serbian": "sr", "slovak": "sk", "slovenian": "sl", "spanish": "es", "swahili": "sw", "swedish": "sv",
    "tamil": "ta", "thai": "th", "turkish": "tr", "ukrainian": "uk", "urdu": "ur", "vietnamese": "vi",
    "welsh": "cy", "yiddish": "yi", "简体中文": "zh-Hans", "繁體中文": "zh-Hant", "中文": "zh",
    "日本語": "ja", "español": "es", "français": "fr", "deutsch": "de", "português": "pt", "русский": "ru",
    "한국어": "ko", "ខ្មែរ": "km", "ไทย": "th", "العربية": "ar",
}  # fmt: skip
"""Languages as people write them -> BCP 47."""

_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")
_ADDRESS = re.compile(r"(.+?)\s*<\s*([^\s<>@]+@[^\s<>@]+)\s*>")


def find_language(front: FrontMatter, rules: SourceRules) -> str:
    """A BCP 47 tag: of `lang`, `language` or `locale`, else the site's."""
    for name in ("lang", "language", "locale"):
        if found := _language(front.text(name)):
            return found
    return rules.language


def find_authors(front: FrontMatter, rules: SourceRules) -> tuple[Person, ...]:
    """The authors in order, each once; the site's where the post names none."""
    people: dict[str, Person] = {}
    for name in ("authors", "author"):
        for person in _people(front.get(name)):
            people.setdefault(person.name, person)
        if people:
            return tuple(people.values())
    return (rules.author,) if rules.author else ()


def find_tags(front: FrontMatter) -> tuple[str, ...]:
    """`tags` or `tag`; where there is neither, `keywords`."""
    return _terms(front, "tags", "tag") or _terms(front, "keywords")


def find_categories(front: FrontMatter) -> tuple[str, ...]:
    """`categories` and `category`; where there is neither, `topics`."""
    return _terms(front, "categories", "category") or _terms(front, "topics", "topic")


def _terms(front: FrontMatter, *names: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for name in names:
        value = front.get(name)
        words = _split(value, plural=name.endswith("s")) if isinstance(value, str) else scalars(value)
        found.update(dict.fromkeys(term for word in words if (term := plain(word))))
    return tuple(found)


def _split(text: str, *, plural: bool) -> list[str]:
    """Pelican parts at ";" else ","; Jekyll parts the plural keys at spaces and leaves the singular whole."""
    for sign in (";", ","):
        if sign in text:
            return text.split(sign)
    return text.split() if plural else [text]


def _people(value: Value) -> list[Person]:
    if isinstance(value, str):
        return [_person(value)] if plain(value) else []
    if isinstance(value, list):
        return [person for item in value for person in _people(item)]
    if isinstance(value, dict):
        name = plain(_first(value, "name", "display_name", "title"))
        if name:
            return [Person(name=name, email=_first(value, "email") or None, url=_web(value))]
    return []


def _person(text: str) -> Person:
    match = _ADDRESS.fullmatch(text.strip())
    return (
        Person(name=plain(match[1]), email=match[2])
        if match and plain(match[1])
        else Person(name=plain(text))
    )


def _first(value: dict[str, Value], *keys: str) -> str:
    for key in keys:
        found = value.get(key)
        if isinstance(found, str) and found.strip():
            return found.strip()
    return ""


def _web(value: dict[str, Value]) -> str | None:
    url = _first(value, "url", "uri", "homepage", "website")
    return url if url.startswith(("https://", "http://")) and " " not in url else None


def _language(text: str) -> str:
    if text.casefold() in LANGUAGES:
        return LANGUAGES[text.casefold()]
    tag = text.split(".")[0].replace("_", "-")  # locale: en_US.UTF-8
    if not _TAG.fullmatch(tag):
        return ""
    first, *rest = tag.split("-")
    return "-".join([first.lower(), *(_subtag(part) for part in rest)])


def _subtag(part: str) -> str:
    """Case by RFC 5646 2.1.1: regions in capitals, scripts with one, the rest small."""
    return (
        part.upper()
        if len(part) == 2
        else part.title()
        if len(part) == 4 and part.isalpha()
        else part.lower()
    )
