"""A post's authors, language, tags and categories."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from publisher.core.caching import lazy
from publisher.core.site import DEFAULT_LANGUAGE, Person
from publisher.sources.fields.titles_and_summaries import literal_line, plain_line, split_terms
from publisher.sources.frontmatter.values import FrontMatter, Value, fold, folded_map, scalars, word_set
from publisher.sources.source_rules import SourceRules

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

_NO_FRONT_MATTER = FrontMatter(values={}, lines={}, line=1)
NO_LABELS: Mapping[str, str] = {}

_TAG = lazy(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")
_ADDRESS = lazy(r"(.+?)\s*<\s*([^\s<>@]+@[^\s<>@]+)\s*>")
_RSS_AUTHOR = lazy(r"([^\s<>@()]+@[^\s<>@()]+)\s*\(([^()]+)\)")  # RSS 2.0: jo@x.example (Jo)


_CODES_THAT_ARE_WORDS = word_set("am ar as be cs do et he hi id is it ml my ne no or pl si so ta te to")
_LANGUAGE_PARENTS = frozenset({"content", "i18n", "_i18n", "locales", "translations", "lang"})
_POST_FOLDERS = _LANGUAGE_PARENTS | {"blog", "posts", "_posts", "post", "pages", "news", "articles", "docs"}
_CODES = frozenset(LANGUAGE_NAMES.values()) | word_set(
    "af az be bs cy eo eu fy gl hy is ka kk kn lb mk ml mn mr nb ne nn pa si sq te tl uz zu"
)
_IN_NAME = lazy(r"\.([a-z]{2}(?:[-_][A-Za-z]{2,4})?)$")


def language_suffix(stem: str) -> str:
    """The ".de" of "index.de" or "post.pt-br"; "" if a name does not end in a language."""
    match = _IN_NAME.search(stem)
    return match[0] if match and match[1][:2] in _CODES else ""


def find_language(front: FrontMatter, path: str, rules: SourceRules) -> tuple[str, str]:
    """A BCP 47 tag and where it is from: `lang`, `language` or `locale`; the file's name (index.de.md); a
    folder (/de/...); else the settings or the blog's own.
    """
    for name in ("lang", "language", "locale"):
        text = front.text(name)
        if text and (found := parse_language(text)):
            return found, name
    folders, _, name = path.rpartition("/")
    if rules.languages:
        found = rules.languages.of_folder(rules.in_blog(path))[1]
        codes = rules.languages.codes
        if not found and len(codes) > 1:
            suffix = name.rpartition(".")[0].rpartition(".")[2].casefold()
            found = suffix if suffix in map(str.casefold, codes) else ""
        if found:
            return parse_language(found), "file name" if name.count(".") > 1 else "folder"
        if codes:  # Hugo knows no others, whatever a file or a folder is called
            return rules.language or DEFAULT_LANGUAGE, rules.origins.get("language", "settings")
    if name.count(".") > 1 and (suffix := language_suffix(name.rpartition(".")[0])):
        return parse_language(suffix[1:]), "file name"
    if found := language_of_folders(rules.in_blog(folders) if folders else "/".join(rules.above)):
        return found, "folder"
    return rules.language or DEFAULT_LANGUAGE, rules.origins.get("language", "settings")


def language_of_path(path: str, rules: SourceRules) -> str:
    """The BCP 47 tag in the path of a post, else the blog's."""
    return find_language(_NO_FRONT_MATTER, path, rules)[0]


@lru_cache(maxsize=4096)
def language_of_folders(folders: str) -> str:
    """The BCP 47 tag of the first folder named after a language; "" if there is none. Codes that are words,
    such as "it" or "ml", count only in folders for languages: elsewhere they are topics.
    """
    parts = folders.split("/")
    for above, folder in zip(("content", *parts), parts, strict=False):
        code, _, region = folder.replace("_", "-").partition("-")
        if code not in _CODES or (region and not (len(region) in (2, 4) and region.isalpha())):
            continue
        if region or above in (_LANGUAGE_PARENTS if code in _CODES_THAT_ARE_WORDS else _POST_FOLDERS):
            return parse_language(folder)
    return ""


def find_authors(front: FrontMatter, rules: SourceRules) -> tuple[tuple[Person, ...], str]:
    """The authors in order, each once; those named by a key are as the blog's data files describe them. If
    the post names none, the site's author.
    """
    for name in ("authors", "author"):
        people: dict[str, Person] = {}
        value: Value = front.get(name)
        if isinstance(value, str):  # several in one text: "Ann; Bob", and under `authors` "Ann, Bob" too
            for sign in (";", ",") if name == "authors" else (";",):
                if len(parts := split_terms(value, sign)) > 1:
                    value = [*parts]
                    break
        for person in read_people(value):
            known = rules.author_profiles.get(fold(person.name)) if rules.author_profiles else None
            person = replace(known, key=person.name) if known else person
            people.setdefault(person.name, person)
        if people:
            return tuple(people.values()), name
    return ((rules.author,) if rules.author else ()), "settings"


def find_tags(
    front: FrontMatter, *, words: bool = True, labels: Mapping[str, str] = NO_LABELS
) -> tuple[tuple[str, ...], str]:
    """`tags` or `tag`, as written; not `keywords`, which are for search engines. `words`: a text is split at
    spaces, and the singular key comes first. `labels` are the names in the blog's own file of tags.
    """
    for name in ("tag", "tags") if words else ("tags", "tag"):
        if found := read_terms(front, name, words=words):
            return tuple(dict.fromkeys(labels.get(tag, tag) for tag in found)), name
    return (), ""


def find_categories(
    front: FrontMatter, *, words: bool = True, single: bool = False, topics: bool = True
) -> tuple[tuple[str, ...], str]:
    """`categories` and `category`, or else `topics` if those are read. `words` as for tags: Jekyll takes the
    words of both keys. `single`: `category` is one category, whatever characters are in it.
    """
    if single and (text := plain_line(front.text("category"))):
        return (text,), "category"
    names = ("categories", "category", *(("topics", "topic") if topics else ()))
    found = {name: terms for name in names if (terms := read_terms(front, name, words=words))}
    where = next(iter(found), "")
    both = ("categories", "category") if words and where in ("categories", "category") else (where,)
    return tuple(dict.fromkeys(term for name in both for term in found.get(name, ()))), where


def add_collected_tags(front: FrontMatter, collected: Value) -> FrontMatter:
    """Front matter with the tags of Eleventy's data files before its own, as Eleventy merges them."""
    own = front.get("tags")
    if not collected or own == collected:
        return front
    given = own.split(",") if isinstance(own, str) else list_terms(own)
    return replace(front, values={**front.values, "tags": [*list_terms(collected), *given]})


def parse_person(value: Value, key: str) -> Person | None:
    """An author in a data file: a map, or the name alone. None if there is no name."""
    if isinstance(value, str):
        return Person(name=plain_line(value), key=key) if plain_line(value) else None
    entry = folded_map(value)
    name = first_text(entry, "name", "displayname", "fullname", "title") or " ".join(
        filter(None, (first_text(entry, "firstname"), first_text(entry, "lastname")))
    )
    if not plain_line(name):
        return None
    url = first_text(entry, "url", "uri", "homepage", "website", "web", "link")
    return Person(
        name=plain_line(name),
        email=first_text(entry, "email") or None,
        url=(url if url.startswith(("https://", "http://")) and " " not in url else None),
        key=key,
    )


def read_terms(front: FrontMatter, name: str, *, words: bool) -> tuple[str, ...]:
    """The terms under a key, each once. A list is kept as it is written; a text with semicolons or commas is
    several, as Pelican has it; else Jekyll parts the text of a plural key at spaces.
    """
    value = front.get(name)
    if value is None:
        return ()
    if not isinstance(value, str):
        given = list_terms(value)
    elif len(parts := split_terms(value, ";")) > 1 or len(parts := split_terms(value, ",")) > 1:
        given = parts
    else:
        given = value.split() if words and name.endswith("s") else [value]
    return tuple(dict.fromkeys(term for word in given if (term := literal_line(word))))


def list_terms(value: Value) -> list[str]:
    """The words of a list or map; of a map with a label (Docusaurus: {label, permalink}) that alone."""
    if isinstance(value, str):
        return scalars(value)
    if isinstance(value, list):
        return [word for item in value for word in list_terms(item)]
    label = folded_map(value).get("label")
    return scalars(label) or scalars(value)


def read_people(value: Value) -> list[Person]:
    """The authors that a value of front matter names: texts, maps, and lists of them."""
    if isinstance(value, str):
        if not plain_line(value):
            return []
        text = value.strip()
        if match := _RSS_AUTHOR.fullmatch(text):
            text = f"{match[2]} <{match[1]}>"
        match = _ADDRESS.fullmatch(text)
        if match and plain_line(match[1]):
            return [Person(name=plain_line(match[1]), email=match[2])]
        return [Person(name=plain_line(text))]
    if isinstance(value, list):
        return [person for item in value for person in read_people(item)]
    if not isinstance(value, dict):
        return []
    key = plain_line(first_text(value, "key", "id"))
    if key and not first_text(value, "name"):  # Docusaurus: {key: jo, title: Editor}
        return [Person(name=key)]
    person = parse_person(value, "")
    return [person] if person else []


def first_text(value: dict[str, Value], *keys: str) -> str:
    """The first of `keys` that holds a text, trimmed; "" for none."""
    for key in keys:
        found = value.get(key)
        if isinstance(found, str) and found.strip():
            return found.strip()
    return ""


def parse_language(text: str) -> str:
    """A language as people write it, as a BCP 47 tag; "" if it is none."""
    if text.casefold() in LANGUAGE_NAMES:
        return LANGUAGE_NAMES[text.casefold()]
    tag = text.split(".")[0].replace("_", "-")  # locale: en_US.UTF-8
    if not _TAG.fullmatch(tag):
        return ""
    first, *rest = tag.split("-")
    subtags = [first.lower()]
    for part in rest:  # RFC 5646 2.1.1: regions in capitals, scripts with one, the rest in small letters
        if len(part) == 2:
            subtags.append(part.upper())
        else:
            subtags.append(part.title() if len(part) == 4 and part.isalpha() else part.lower())
    return "-".join(subtags)
