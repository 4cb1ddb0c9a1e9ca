"""Containers: where front matter ends, and that its scalars mean what was written."""

import time

import pytest
from declared import source_rules

from publisher.core.posts.post import BadPost, ParsedPost
from publisher.sources.parse_post import read_post

RULES = source_rules(site_url="https://blog.example/")


def parsed(text: str | bytes, path: str = "2024-01-02-a-name.md") -> ParsedPost:
    result = read_post(path, text.encode() if isinstance(text, str) else text, RULES)
    assert isinstance(result, ParsedPost), str(result)
    return result


def bad(text: str | bytes) -> BadPost:
    result = read_post("bad.md", text.encode() if isinstance(text, str) else text, RULES)
    assert isinstance(result, BadPost)
    return result


@pytest.mark.parametrize(
    "text",
    [
        "---\ntitle: Hello\n---\nBody\n",
        "---\ntitle: Hello\n...\nBody\n",
        "+++\ntitle = 'Hello'\n+++\nBody\n",
        '{\n "title": "Hello"\n}\nBody\n',
        "\ufeff---\ntitle: Hello\n---\nBody\n",
        "\n\n  \n---\ntitle: Hello\n---\nBody\n",
        "---\r\ntitle: Hello\r\n---\r\nBody\r\n",
        "---\rtitle: Hello\r---\rBody\r",
        "--- \ntitle: Hello\n---\t\nBody\n",
        "---\nTITLE: Hello\n---\nBody\n",
        '---json\n{"title": "Hello"}\n---\nBody\n',
        "---toml\ntitle = 'Hello'\n---\nBody\n",
        "---yaml \ntitle: Hello\n---\nBody\n",
    ],
)
def test_front_matter_of_every_container_is_read_and_leaves_the_body(text: str) -> None:
    post = parsed(text)
    assert (post.post.title, post.body) == ("Hello", "Body\n")


def test_an_indented_first_block_keeps_its_indent_and_blank_lines() -> None:
    assert parsed("---\ntitle: A\n---\n\n    code\n").body == "\n    code\n"


@pytest.mark.parametrize(
    ("line", "title"),
    [("title: no", "no"), ("title: 2026", "2026"), ("title: 012", "012"), ("title: 1e3", "1e3")],
)
def test_scalars_stay_what_was_written(line: str, title: str) -> None:
    assert parsed(f"---\n{line}\n---\n").post.title == title


def test_slugs_and_tags_that_look_like_numbers_stay_text() -> None:
    post = parsed("---\nslug: 300\ntags: [no, 012]\n---\n").post
    assert (post.slug, post.tags) == ("300", ("no", "012"))


def test_a_repeated_key_warns_with_its_line_and_the_last_one_counts() -> None:
    post = parsed("---\ntitle: One\ndate: 2024-01-02\nTitle: Two\n---\n").post
    assert post.title == "Two"
    assert post.warnings == ("line 4: 'Title' is repeated; the last one counts",)


def test_merge_keys_and_aliases_are_followed() -> None:
    post = parsed("---\nbase: &b {category: News}\n<<: *b\ntitle: A\n---\n").post
    assert post.categories == ("News",)


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("---\n\ntitle: a: b\n---\n", 3, 'broken YAML: a second ":" on one line; put the value in quotes'),
        ("\n\n---\ntitle: [\n---\n", 5, "broken YAML"),
        ("---\ntitle: A\n", 1, "front matter opens with --- and never closes; add a line with ---"),
        ("---\n---\nBody", 1, "front matter is empty; write at least a title"),
        ("---\njust words\n---\n", 2, 'front matter is not "key: value" lines; write it like that'),
        ("---\na: 1\ntitle: [x, y]\n---\n", 3, "title is a list; write text"),
        ("---\ndate: {a: b}\n---\n", 2, "date is a map; write one date"),
        ("+++\na = 1\ntitle = Hello\n+++\n", 3, "broken TOML: Invalid value; fix the line"),
        ("+++\ndate = 2024-13-45\n+++\n", 2, "broken TOML"),
        ('{"a": 1,\n "b": }\nBody', 2, "broken JSON: Expecting value; fix the line"),
        ('---json\n{"a": 1,\n "b": }\n---\n', 3, "broken JSON: Expecting value; fix the line"),
        ('{"a": 1', 1, "front matter opens with { and never closes; add the missing }"),
        (b"---\ntitle: caf\xe9\n---\n", 2, "byte 14 (0xe9) is not UTF-8; save the file as UTF-8"),
        (b"---\ntitle: a\n---\n" + b"\0" * 8, 4, "a NUL at byte 17; save the file as UTF-8 text"),
    ],
)
def test_what_cannot_be_read_names_line_reason_and_what_to_do(
    text: str | bytes, line: int, reason: str
) -> None:
    found = bad(text)
    assert found.line == line
    assert found.reason.startswith(reason)


def test_a_stray_nul_goes() -> None:
    found = read_post("2024-01-02-a.md", b"---\ntitle: L\0ow\n---\nwa\0ter\n", RULES)
    assert isinstance(found, ParsedPost)
    assert (found.post.title, found.body) == ("Low", "water\n")


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "front",
    [BOMB, "[" * 100_000, "- " * 100_000, "? " * 100_000, "{a: " * 50_000, "a: &x [*x]", "x: y\n" * 60_000],
    ids=["aliases", "brackets", "dashes", "questions", "maps", "recursion", "size"],
)
def test_a_yaml_bomb_is_a_bad_post_after_a_seconds_work(front: str) -> None:
    started = time.process_time()  # a busy machine takes longer, but no more work
    bad(f"---\n{front}\n---\n")
    assert time.process_time() - started < 1


def test_lone_surrogates_of_json_do_not_reach_a_post() -> None:
    post = parsed('{"title": "a\\ud800b", "slug": "\\udfffx"}\n').post
    assert (post.title, post.slug) == ("ab", "x")


def test_zola_taxonomies_and_extra_are_fields_of_the_post() -> None:
    post = parsed("+++\ntitle = 'A'\n[taxonomies]\ntags = ['x']\n[extra]\nauthor = 'Ann'\n+++\n").post
    assert (post.tags, post.authors[0].name) == (("x",), "Ann")


def test_a_body_that_only_looks_like_json_is_a_body() -> None:
    text = "{% include a.html %}\n{: .x}\n"
    assert parsed(text).body == text
