"""How each generator spells the names of files and folders in addresses."""

import re
import unicodedata
from dataclasses import dataclass

from publisher.core.patterns import lazy

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
"""Letters that Unicode does not take apart, as Unidecode and deunicode spell them."""

_TO_LATIN = str.maketrans(_LATIN)
_PUNCTUATION = str.maketrans(dict(zip("–—‐‑‒―−‘’‚“”„…", "-------'''\"\"\".", strict=True)))
"""Signs as Unidecode and deunicode spell them: a dash parts words, as a hyphen does."""

_SINDRESORHUS = str.maketrans({
    "ä": "ae", "ö": "oe", "ü": "ue", "ё": "yo", "щ": "sch", "ъ": "", "ь": "", "ю": "yu", "я": "ya", "є": "ye",
    "й": "y", "ω": "o", "ξ": "ks", "β": "v", "η": "i", "υ": "y", "χ": "x",
})  # fmt: skip
"""What @sindresorhus/transliterate spells otherwise than above."""

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
    """Hugo's paths: small letters, a hyphen for blank space, no other signs (paths.MakePathSanitized), unless
    its configuration has removePathAccents or disablePathToLower.
    """

    plain: bool = False
    cased: bool = False

    def __call__(self, name: str) -> str:
        """A name of a file or folder, in which each space is a hyphen."""
        return self._made(name.replace(" ", "-"))

    def slug(self, text: str) -> str:
        """A slug where no permalink is set."""
        return self._made(text.strip("-")).strip("/")

    def words(self, text: str) -> str:
        """A slug, or what else stands for a word of a permalink: a "+" is blank space there."""
        made = self._made(text)
        if made.count("#") == 1:
            made = made.removesuffix("#")  # an address with an empty fragment
        if "+" not in made:
            return made
        lead = "-" if made.startswith("+") and not made.lstrip("+").startswith("-") else ""
        return lead + self._made(made.replace("+", " "))

    def title(self, text: str) -> str:
        """A title in an address: it has no folders."""
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
        # Go lowers each letter by itself: a sigma at the end of a word is one like any other.
        return made if self.cased else "".join(sign.lower()[0] for sign in made)


def zola_slug(name: str) -> str:
    """Zola's slugs: ASCII where it can be; names of other scripts stay."""
    return _NOT_ZOLA_SLUG.sub("-", to_ascii(name.translate(_PUNCTUATION))).strip("-") or name


def zola_safe_slug(name: str) -> str:
    """Zola's names with slugify.paths = "safe": only what Windows forbids goes."""
    return _FORBIDDEN.sub("", name.rstrip(" .")) or name


def pelican_slug(name: str) -> str:
    """Pelican's slugs: signs go, blank space is a hyphen; letters without a Latin spelling here stay."""
    letters = ((sign, to_ascii(sign)) for sign in unicodedata.normalize("NFC", name.translate(_PUNCTUATION)))
    plain = "".join(latin or (sign.lower() if sign.isalnum() else "") for sign, latin in letters)
    return _BETWEEN.sub("-", _NOT_PELICAN_SLUG.sub("", plain).strip()) or name


def to_ascii(name: str) -> str:
    """`name` in small ASCII letters; signs without any are dropped."""
    latin = unicodedata.normalize("NFKC", name.lower()).translate(_TO_LATIN)
    return unicodedata.normalize("NFKD", latin).encode("ascii", "ignore").decode()


def github_slug(name: str) -> str:
    """github-slugger's, which Astro's collections use."""
    return _NOT_GITHUB_SLUG.sub("", name.lower()).replace(" ", "-")


def slugify_filter(text: str) -> str:
    """Eleventy's `slugify`: @sindresorhus/slugify, which spells letters of other scripts and a few signs."""
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
