"""Properties: whatever a file holds, reading it gives a post or a bad post."""

from datetime import UTC

from declared import source_rules
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.posts.post import BadPost, ParsedPost
from publisher.sources.frontmatter.dates import parse_date
from publisher.sources.generators.profiles import PROFILES
from publisher.sources.parse_post import read_post

RULES = source_rules(site_url="https://blog.example/", timezone="America/New_York")

SCRAPS = st.sampled_from(
    ["---\n", "+++\n", "...\n", "{", "}", '"', "title: ", "date: ", "[", "]", "&a ", "*a", "\n", "- ", "a = ",
     "'", "slug: ", "permalink: /", "2024-01-02", "image: ", ": ", "\t", "#", "|\n", "%", "http://[",
     "tags: ", "\ufeff", "!!x ", "<<: ", "? ", "authors: ", "{name: ", "\x85", "\u2028", "\\ud800"]
)  # fmt: skip


def check(data: bytes, path: str = "2024-01-02-a.md") -> None:
    found = read_post(path, data, RULES)
    assert isinstance(found, (ParsedPost, BadPost))
    if isinstance(found, ParsedPost):
        post = found.post
        assert post.permalink.startswith("/")
        assert post.permalink.isascii()
        assert "/../" not in post.permalink + "/"
        assert post.url.startswith(("https://", "http://"))
        assert (post.instant is None) <= (post.hidden is not None)
        assert len(post.revision) == 32
        repr(post).encode()
        (post.title + post.summary + post.slug + "".join(post.tags)).encode()


@given(st.binary(max_size=400))
def test_any_bytes_are_a_post_or_a_bad_post(data: bytes) -> None:
    check(data)


@given(st.lists(st.one_of(SCRAPS, st.text(max_size=6)), max_size=30).map("".join))
def test_scraps_of_front_matter_are_a_post_or_a_bad_post(text: str) -> None:
    check(text.encode("utf-8", "surrogatepass"))
    check(f"---\n{text}\n---\n".encode("utf-8", "surrogatepass"))


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=20))
def test_any_text_as_a_value_is_a_post_or_a_bad_post(title: str, link: str, name: str) -> None:
    front = f"title: {title!r}\npermalink: {link}\nslug: {name}\ncanonical_url: {link}\nimage: //{name}"
    check(f"---\n{front}\n---\n".encode("utf-8", "surrogatepass"))


@given(st.text(max_size=40))
def test_any_text_as_a_date_is_an_instant_or_none(text: str) -> None:
    found = parse_date(text, UTC)
    assert found is None or found.utcoffset() is not None


HEADERS = st.sampled_from(
    ["Title: ", "Date: ", "title: ", "\n", "\n\n", "---\n", ";;;\n", "Tags: ", "a", "b c", "    ",
     "2024-99-01", "publishDate: ", "<!-- more -->", "```\n", "excerpt_separator: ", "lang: ", "de",
     "save_as: ", "authors: "]
)  # fmt: skip
PATHS = st.sampled_from(
    [
        "2024-01-02-a.md",
        "_posts/a.de.md",
        "content/de/x/index.md",
        "x.html",
        "a..md",
        ".md",
        "%2e.md",
        "b/..md",
    ]
)


@given(st.lists(st.one_of(SCRAPS, HEADERS), max_size=25).map("".join), PATHS, st.sampled_from([*PROFILES]))
def test_every_generators_habits_hold_for_any_text(text: str, path: str, profile: str) -> None:
    rules = source_rules(site_url="https://blog.example/", profile=profile, has_site_root=True)
    found = read_post(path, text.encode("utf-8", "surrogatepass"), rules)
    assert isinstance(found, (ParsedPost, BadPost))
    if isinstance(found, ParsedPost):
        assert found.post.permalink.startswith("/")
        assert found.post.permalink.isascii()
        assert "/../" not in found.post.permalink + "/"
        assert found.post.lead <= len(found.body)
