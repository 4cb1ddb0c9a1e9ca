"""Each generator's conventions: how it reads a date without a time zone, where it puts a post, and how it
spells names of files and folders in URLs.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from publisher.core.caching import lazy
from publisher.sources.frontmatter.dates import DateOrder

DEFAULT_PERMALINK = ":year/:month/:day/:slug/"
"""Where a post is if the generator is not known."""

_ANY = re.compile(".*", re.DOTALL)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_TO_THE_SECOND = re.compile(r"\d{4}-\d{1,2}-\d{1,2}(?:[Tt]|\s+)\d{1,2}:\d{2}:\d{2}(?:\.\d+)?")
_ALLOWED = frozenset("./\\_#+~-@")

_LATIN = {
    **dict(zip("абвгдезийклмнопрстуфыэіўј", "abvgdeziiklmnoprstufyeiuj", strict=True)),
    **dict(zip("αβγδεζηικλμνξοπρσςτυω", "abgdezeiklmnxoprsstuo", strict=True)),
    "ё": "io", "ж": "zh", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ь": "",
    "ю": "iu", "я": "ia", "ї": "yi", "є": "ie", "ґ": "g", "љ": "lj", "њ": "nj", "ћ": "tsh", "џ": "dzh",
    "ђ": "dj", "θ": "th", "φ": "ph", "χ": "kh", "ψ": "ps",
    "ß": "ss", "æ": "ae", "ø": "o", "œ": "oe", "ð": "d", "þ": "th", "ł": "l", "đ": "d", "ħ": "h", "ı": "i",
    "ŋ": "ng",
}  # fmt: skip
"""Letters that Unicode does not decompose, as Unidecode and deunicode spell them."""

_TO_LATIN = str.maketrans(_LATIN)

_PUNCTUATION = str.maketrans(dict(zip("–—‐‑‒―−‘’‚“”„…", "-------'''\"\"\".", strict=True)))
"""Signs as Unidecode and deunicode spell them: a dash separates words, as a hyphen does."""

_SINDRESORHUS = str.maketrans({
    "ä": "ae", "ö": "oe", "ü": "ue", "ё": "yo", "щ": "sch", "ъ": "", "ь": "", "ю": "yu", "я": "ya", "є": "ye",
    "й": "y", "ω": "o", "ξ": "ks", "β": "v", "η": "i", "υ": "y", "χ": "x",
})  # fmt: skip
"""Letters that @sindresorhus/transliterate spells differently."""

_CONTRACTED = lazy(r"([a-z\d]+)'([ts])(?=\s|$)")
_NOT_SLUGS = lazy(r"[^\w\s$*_+~.()'\"!\-:@]+", re.ASCII)
_NOT_PELICAN_SLUG = lazy(r"[^\w\s-]")
_BETWEEN = lazy(r"[-\s]+")
_NOT_GITHUB_SLUG = lazy(r"[^\w\- ]+")
_FORBIDDEN = lazy(r"[<>:\"/\\|?*]")
_NOT_ZOLA_SLUG = lazy(r"[^a-z0-9]+")


def as_written(name: str) -> str:
    """Names stay as they are."""
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class HugoPaths:
    """Hugo's paths: lower case, a hyphen for white space, no other signs (paths.MakePathSanitized). `plain`
    is its setting removePathAccents, `cased` disablePathToLower.
    """

    plain: bool = False
    cased: bool = False

    def __call__(self, name: str) -> str:
        """The name of a file or folder; each space becomes a hyphen."""
        return self._made(name.replace(" ", "-"))

    def slug(self, text: str) -> str:
        """A slug, if no permalink is set."""
        return self._made(text.strip("-")).strip("/")

    def words(self, text: str) -> str:
        """A slug, or another word of a permalink, where a "+" is white space."""
        made = self._made(text)
        if made.count("#") == 1:
            made = made.removesuffix("#")  # a URL with an empty fragment
        if "+" not in made:
            return made
        lead = "-" if made.startswith("+") and not made.lstrip("+").startswith("-") else ""
        return lead + self._made(made.replace("+", " "))

    def title(self, text: str) -> str:
        """A title in a URL: it has no folders."""
        return self.words(text.replace("/", "-").replace("\\", "-"))

    def _made(self, text: str) -> str:
        found: list[str] = []
        waiting = False
        for sign in text:
            if sign in _ALLOWED or unicodedata.category(sign)[0] in "LM" or sign.isdigit():
                found += ("-", sign) if waiting and sign != "-" else (sign,)
                waiting = False
            elif found and found[-1] != "-" and sign.isspace():
                waiting = True
        made = "".join(found)
        if self.plain:
            bare = (sign for sign in unicodedata.normalize("NFD", made) if unicodedata.category(sign) != "Mn")
            made = unicodedata.normalize("NFC", "".join(bare))
        # Letter by letter, as Go does it: str.lower would make a sigma that ends a word a final sigma.
        return made if self.cased else "".join(sign.lower()[0] for sign in made)


def zola_slug(name: str) -> str:
    """Zola's slugs: ASCII where possible; names in other scripts stay."""
    return _NOT_ZOLA_SLUG.sub("-", to_ascii(name.translate(_PUNCTUATION))).strip("-") or name


def zola_safe_slug(name: str) -> str:
    """Zola's names with slugify.paths = "safe": only what Windows forbids is removed."""
    return _FORBIDDEN.sub("", name.rstrip(" .")) or name


def pelican_slug(name: str) -> str:
    """Pelican's slugs: no signs, a hyphen for white space; letters without a Latin spelling here stay."""
    letters = ((sign, to_ascii(sign)) for sign in unicodedata.normalize("NFC", name.translate(_PUNCTUATION)))
    plain = "".join(latin or (sign.lower() if sign.isalnum() else "") for sign, latin in letters)
    return _BETWEEN.sub("-", _NOT_PELICAN_SLUG.sub("", plain).strip()) or name


def to_ascii(name: str) -> str:
    """`name` in lower-case ASCII; characters without a spelling are dropped."""
    latin = unicodedata.normalize("NFKC", name.lower()).translate(_TO_LATIN)
    return unicodedata.normalize("NFKD", latin).encode("ascii", "ignore").decode()


def github_slug(name: str) -> str:
    """As github-slugger, which Astro's collections use."""
    return _NOT_GITHUB_SLUG.sub("", name.lower()).replace(" ", "-")


def slugify_filter(text: str) -> str:
    """Eleventy's `slugify`: @sindresorhus/slugify, which spells out letters of other scripts and a few
    signs.
    """
    text = unicodedata.normalize("NFC", text)
    for sign, word in (("&", " and "), ("\u2665", " love "), ("\U0001f984", " unicorn ")):
        text = text.replace(sign, word)
    plain = "".join(to_ascii(sign) or " " for sign in text.lower().translate(_SINDRESORHUS))
    return _NOT_ZOLA_SLUG.sub("-", _CONTRACTED.sub(r"\1\2", plain)).strip("-")


def slug_filter(text: str) -> str:
    """Eleventy's older `slug`: the package slugify, which keeps more signs."""
    text = unicodedata.normalize("NFC", text)
    for sign, word in (
        ("&", "and"),
        ("%", "percent"),
        ("<", "less"),
        (">", "greater"),
        ("|", "or"),
        ("\u2019", "'"),
    ):
        text = text.replace(sign, word)
    return re.sub(r"\s+", "-", _NOT_SLUGS.sub("", to_ascii(text)).strip())


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One generator's conventions.

    utc_dates         matches the dates without a zone that are UTC; all others are in the site's zone (None:
                      all are)
    utc_quoted        of those, whether only dates in quotes are UTC (True), or only unquoted ones (False)
    permalink         its default, in the words of fields/permalinks.py
    roots             folders that hold content and are not part of a URL, innermost last
    title_is_slug     whether :title is the slug (of the front matter or the file), never made from the title
    slugify_names     whether names are made URL-safe as Jekyll does
    strips_dates      whether a date is removed from a file's name
    spell             how names of files and folders are spelled in a URL
    split_tags        whether tags in one text are separated by spaces
    any_field         whether any key of the front matter may be a word of a permalink
    fallback_dates    the fields that date a post if nothing else does
    gate_fields       the fields that decide when a post is published; they precede the date in its URL
    date_order        how 05/11/2026 is read
    bare_times        whether a time without a colon counts (Ruby ignores 18.30)
    plain_titles      whether a title is shown literally, whatever HTML or Markdown is in it
    own_offset        whether the day in a URL is by the date's own offset, not the site's
    """

    name: str
    utc_dates: re.Pattern[str] | None = None
    utc_quoted: bool | None = None
    permalink: str = DEFAULT_PERMALINK
    roots: tuple[str, ...] = ("content", "posts", "_posts")
    title_is_slug: bool = False
    slugify_names: bool = False
    strips_dates: bool = True
    spell: Callable[[str], str] = as_written
    split_tags: bool = False
    any_field: bool = False
    fallback_dates: tuple[str, ...] = ()
    gate_fields: tuple[str, ...] = ()
    date_order: DateOrder = DateOrder.NONE
    bare_times: bool = True
    plain_titles: bool = False
    own_offset: bool = False


GENERIC = Profile(name="none", split_tags=True)

PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        GENERIC,
        Profile(  # "Y-m-d H:M:S" is a YAML timestamp, which is UTC; what YAML leaves as text is local
            name="jekyll",
            date_order=DateOrder.DAY_FIRST,
            bare_times=False,
            utc_dates=_TO_THE_SECOND,
            utc_quoted=False,
            permalink="/:categories/:year/:month/:day/:title.html",
            roots=("_posts", "_drafts"),
            title_is_slug=True,
            slugify_names=True,
            split_tags=True,
        ),
        Profile(
            name="hugo",
            permalink="/:sections/:slug/",
            roots=("content",),
            strips_dates=False,
            spell=HugoPaths(),
            fallback_dates=("lastmod", "modified"),
            gate_fields=("publishdate", "pubdate", "published"),
            plain_titles=True,
            own_offset=True,
        ),
        Profile(
            name="eleventy",
            utc_dates=_ANY,
            permalink="/:sections/:slug/",
            roots=("content", "src"),
            strips_dates=False,
            plain_titles=True,
        ),
        Profile(
            name="astro",
            date_order=DateOrder.MONTH_FIRST,
            utc_dates=_ANY,
            permalink="/:section/:entry/",
            roots=("src", "content", "pages", "data"),
            strips_dates=False,
            spell=github_slug,
            plain_titles=True,
        ),
        Profile(
            name="pelican",
            date_order=DateOrder.MONTH_FIRST,
            permalink="/:titleslug.html",
            roots=("content",),
            spell=pelican_slug,
            any_field=True,
            own_offset=True,
        ),
        Profile(
            name="hexo",
            date_order=DateOrder.MONTH_FIRST,
            utc_dates=_DAY,  # a text is JavaScript's to read, to which a day alone is UTC
            utc_quoted=True,
            permalink="/:year/:month/:day/:title/",
            roots=("source", "_posts", "_drafts"),
            title_is_slug=True,
            any_field=True,
        ),
        Profile(
            name="docusaurus",
            date_order=DateOrder.MONTH_FIRST,
            utc_dates=_ANY,
            permalink="/blog:dated",
            roots=("blog",),
            title_is_slug=True,
            plain_titles=True,
        ),
        Profile(
            name="zola",
            utc_dates=_ANY,
            permalink="/:sections/:slug/",
            roots=("content",),
            spell=zola_slug,
            plain_titles=True,
        ),
    )
}
"""By the names of `posts.profile`; "none" is no generator's conventions."""
