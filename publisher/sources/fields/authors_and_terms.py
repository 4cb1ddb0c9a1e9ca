"""Who wrote a post, in which language, and under which words it is filed."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from publisher.core.patterns import lazy
from publisher.core.site import Person
from publisher.sources.fields.plain_text import plain_line, split_terms
from publisher.sources.frontmatter.values import FrontMatter, Value, fold, folded_map, scalars, word_set
from publisher.sources.rules import DEFAULT_LANGUAGE, SourceRules

if TYPE_CHECKING:
    from publisher.sources.generators.hugo import HugoLanguages

LANGUAGE_NAMES = {
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

_NOTHING = FrontMatter(values={}, lines={}, line=1)
NO_LABELS: Mapping[str, str] = {}

_TAG = lazy(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")
_ADDRESS = lazy(r"(.+?)\s*<\s*([^\s<>@]+@[^\s<>@]+)\s*>")
_OF_RSS = lazy(r"([^\s<>@()]+@[^\s<>@()]+)\s*\(([^()]+)\)")  # RSS 2.0: jo@x.example (Jo)


_OFTEN_WORDS = word_set("am ar as be cs do et he hi id is it ml my ne no or pl si so ta te to")
_ROOTS = frozenset({"content", "i18n", "_i18n", "locales", "translations", "lang"})
_HOMES = _ROOTS | {"blog", "posts", "_posts", "post", "pages", "news", "articles", "docs"}
_CODES = frozenset(LANGUAGE_NAMES.values()) | word_set(
    "af az be bs cy eo eu fy gl hy is ka kk kn lb mk ml mn mr nb ne nn pa si sq te tl uz zu"
)
_IN_NAME = lazy(r"\.([a-z]{2}(?:[-_][A-Za-z]{2,4})?)$")


def language_suffix(stem: str) -> str:
    """The ".de" of "index.de" or "post.pt-br"; "" where a name ends in no language."""
    match = _IN_NAME.search(stem)
    return match[0] if match and match[1][:2] in _CODES else ""


def find_language(front: FrontMatter, path: str, rules: SourceRules) -> tuple[str, str]:
    """A BCP 47 tag and where it stands: `lang`, `language` or `locale`; the file's name (index.de.md);
    a folder (/de/...); else the settings' or the blog's own.
    """
    for name in ("lang", "language", "locale"):
        text = front.text(name)
        if text and (found := parse_language(text)):
            return found, name
    folders, _, name = path.rpartition("/")
    if rules.languages and (found := _of_tongues(rules.languages, rules.in_blog(path))):
        return parse_language(found), "file name" if name.count(".") > 1 else "folder"
    if (
        rules.languages and rules.languages.codes
    ):  # Hugo knows no others, whatever a file or a folder is called
        return rules.language or DEFAULT_LANGUAGE, rules.origins.get("language", "settings")
    if name.count(".") > 1 and (suffix := language_suffix(name.rpartition(".")[0])):
        return parse_language(suffix[1:]), "file name"
    if found := _of_folders(rules.in_blog(folders) if folders else "/".join(rules.above)):
        return found, "folder"
    return rules.language or DEFAULT_LANGUAGE, rules.origins.get("language", "settings")


def language_of_path(path: str, rules: SourceRules) -> str:
    """The BCP 47 tag that the path of a post gives to it, else the blog's."""
    return find_language(_NOTHING, path, rules)[0]


def _of_tongues(tongues: "HugoLanguages", path: str) -> str:
    """The language that Hugo gives to a file: by its folder, else by its name; "" for neither."""
    if found := tongues.of_folder(path)[1]:
        return found
    suffix = path.rpartition("/")[2].rpartition(".")[0].rpartition(".")[2].casefold()
    return suffix if len(tongues.codes) > 1 and suffix in map(str.casefold, tongues.codes) else ""


@lru_cache(maxsize=4096)
def _of_folders(folders: str) -> str:
    parts = folders.split("/")
    for above, folder in zip(("content", *parts), parts, strict=False):
        if _is_language(folder, above):
            return parse_language(folder)
    return ""


def _is_language(folder: str, above: str) -> bool:
    """A code such as "de" counts where languages are kept apart: elsewhere "ml" or "it" is a topic."""
    code, _, rest = folder.replace("_", "-").partition("-")
    if code not in _CODES or (rest and not (len(rest) in (2, 4) and rest.isalpha())):
        return False
    return bool(rest) or above in (_ROOTS if code in _OFTEN_WORDS else _HOMES)


def find_authors(front: FrontMatter, rules: SourceRules) -> tuple[tuple[Person, ...], str]:
    """The authors in order, each once, those named by a key as the blog's data files describe them; the
    site's where the post names none.
    """
    for name in ("authors", "author"):
        people: dict[str, Person] = {}
        for person in _people(_apart(name, front.get(name))):
            known = rules.author_profiles.get(fold(person.name)) if rules.author_profiles else None
            person = replace(known, key=person.name) if known else person
            people.setdefault(person.name, person)
        if people:
            return tuple(people.values()), name
    return ((rules.author,) if rules.author else ()), "settings"


def _apart(name: str, value: Value) -> Value:
    """Several authors in one text: apart by ";", and under `authors` by "," too."""
    if not isinstance(value, str):
        return value
    for sign in (";", ",") if name == "authors" else (";",):
        if len(parts := split_terms(value, sign)) > 1:
            return [*parts]
    return value


def find_tags(
    front: FrontMatter, *, words: bool = True, labels: Mapping[str, str] = NO_LABELS
) -> tuple[tuple[str, ...], str]:
    """`tags` or `tag`; `keywords` are for search engines. `words`: a text is parted at spaces. `labels` are
    what the blog's own file of tags calls them, by values.fold of their keys.
    """
    found, where = _terms(front, (("tags", "tag"),), words=words)
    return (tuple(dict.fromkeys(labels.get(fold(tag), tag) for tag in found)) if labels else found), where


def find_categories(
    front: FrontMatter, *, words: bool = True, single: bool = False
) -> tuple[tuple[str, ...], str]:
    """`categories` and `category`; where there is neither, `topics`. `words` as for tags. `single`: what
    `category` says is one, whatever signs are in it.
    """
    if single and (text := plain_line(front.text("category"))):
        return (text,), "category"
    return _terms(front, (("categories", "category"), ("topics", "topic")), words=words)


def parse_person(value: Value, key: str) -> Person | None:
    """An author of a data file, or None where it holds no name: a map, or the name alone."""
    if isinstance(value, str):
        return Person(name=plain_line(value), key=key) if plain_line(value) else None
    entry = folded_map(value)
    name = _first(entry, "name", "displayname", "fullname", "title") or " ".join(
        filter(None, (_first(entry, "firstname"), _first(entry, "lastname")))
    )
    if not plain_line(name):
        return None
    url = _first(entry, "url", "uri", "homepage", "website", "web", "link")
    return Person(
        name=plain_line(name),
        email=_first(entry, "email") or None,
        url=(url if url.startswith(("https://", "http://")) and " " not in url else None),
        key=key,
    )


def _terms(
    front: FrontMatter, choices: tuple[tuple[str, ...], ...], *, words: bool
) -> tuple[tuple[str, ...], str]:
    """The words of the first choice that has any. A list is kept as written. Jekyll, which parts texts at
    spaces, takes the words of both keys, each once, those of the singular first; others take one key's.
    """
    for keys in choices:
        found: list[str] = []
        where = ""
        for name in keys[::-1] if words else keys:
            if found and not words:
                break
            value = front.get(name)
            if value is None:
                continue
            apart = words and name.endswith("s")
            given = _split(value, plural=apart) if isinstance(value, str) else _listed(value)
            terms = [term for word in given if (term := plain_line(word))]
            found += [term for term in terms if term not in found] if found else terms
            where = where or (name if terms else "")
        if found:
            return tuple(found), where
    return (), ""


def _listed(value: Value) -> list[str]:
    """The words of a list or map; of a map with a label (Docusaurus: {label, permalink}) that alone."""
    if isinstance(value, list):
        return [word for item in value for word in _listed(item)]
    label = folded_map(value).get("label")
    return scalars(label) or scalars(value)


def _split(text: str, *, plural: bool) -> list[str]:
    """Pelican parts at ";" else ","; Jekyll parts the plural keys at spaces and leaves the singular whole."""
    for sign in (";", ","):
        if len(parts := split_terms(text, sign)) > 1:
            return parts
    return text.split() if plural else [text]


def _people(value: Value) -> list[Person]:
    if isinstance(value, str):
        return [_person(value)] if plain_line(value) else []
    if isinstance(value, list):
        return [person for item in value for person in _people(item)]
    person = parse_person(value, "") if isinstance(value, dict) else None
    if person is None and isinstance(value, dict) and (key := plain_line(_first(value, "key", "id"))):
        person = Person(name=key)  # Docusaurus: {key: jo, title: Editor}
    return [person] if person else []


def _person(text: str) -> Person:
    if match := _OF_RSS.fullmatch(text.strip()):
        text = f"{match[2]} <{match[1]}>"
    match = _ADDRESS.fullmatch(text.strip())
    return (
        Person(name=plain_line(match[1]), email=match[2])
        if match and plain_line(match[1])
        else Person(name=plain_line(text))
    )


def _first(value: dict[str, Value], *keys: str) -> str:
    for key in keys:
        found = value.get(key)
        if isinstance(found, str) and found.strip():
            return found.strip()
    return ""


def parse_language(text: str) -> str:
    """What people write for a language as a BCP 47 tag; "" where it is none."""
    if text.casefold() in LANGUAGE_NAMES:
        return LANGUAGE_NAMES[text.casefold()]
    tag = text.split(".")[0].replace("_", "-")  # locale: en_US.UTF-8
    if not _TAG.fullmatch(tag):
        return ""
    first, *rest = tag.split("-")
    return "-".join(
        [
            first.lower(),
            *(
                (
                    part.upper()
                    if len(part) == 2
                    else part.title()
                    if len(part) == 4 and part.isalpha()
                    else part.lower()
                )
                for part in rest
            ),
        ]
    )
