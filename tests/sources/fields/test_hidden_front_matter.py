"""Front matter that hides a post, or keeps it out of feeds and mails, judged by its value."""

import json
from pathlib import Path

import pytest
from declared import source_rules
from folders import read
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.posts.post import ParsedPost, Post
from publisher.sources.frontmatter.values import is_false, is_true
from publisher.sources.parse_post import read_post

RULES = source_rules(site_url="https://blog.example/")
HIDING = ("password", "encrypted", "encrypt", "hidden", "private", "visibility", "isDraft")
PAGE_ONLY = ("disable_feed", "hiddenInRss", "rss.exclude", "feed.exclude")
SPELLINGS = {"isDraft": ("isDraft", "isdraft", "is_draft"), "hiddenInRss": ("hiddenInRss", "hidden_in_rss")}
NOTHING = ("false", "False", "no", "off", "", "''", '""', "null", "~", "[]", "{}", '"false"')
NOTHING += ("public", "Public", "published", "listed", '"public"', "[public]")
YES = ("true", "yes", "on", "1", "True")


def post(front: str, path: str = "2024-01-02-a.md", fence: str = "---") -> Post:
    result = read_post(path, f"{fence}\n{front}\n{fence}\nBody\n".encode(), RULES)
    assert isinstance(result, ParsedPost), str(result)
    return result.post


def spelled(*keys: str) -> st.SearchStrategy[str]:
    return st.sampled_from([name for key in keys for name in SPELLINGS.get(key, (key, key.upper()))])


@given(spelled(*HIDING, *PAGE_ONLY, "status", "rss", "feed", "publish"), st.sampled_from(NOTHING))
def test_a_key_that_says_false_nothing_or_public_hides_nothing(key: str, value: str) -> None:
    no = value.strip("\"'").casefold() in ("false", "no", "off")
    if no and key.casefold() in ("rss", "feed", "publish"):
        return  # "no feed" is what they are for
    found = post(f"{key}: {value}")
    assert (found.hidden, found.page_only) == (None, "")


@given(spelled(*HIDING), st.sampled_from([word for word in YES if word]))
def test_a_key_that_says_yes_hides_the_post(key: str, value: str) -> None:
    if key.casefold() == "visibility":
        value = "private"
    assert post(f"{key}: {value}").hidden is not None


@given(
    spelled("password", "encrypt", "encrypted", "private", "hidden", "visibility"),
    st.text("abcdefghijklmnopqrstuvwxyz0123456789-!? ", min_size=3, max_size=40).filter(str.strip),
)
def test_a_value_that_nobody_can_judge_hides_the_post(key: str, value: str) -> None:
    harmless = {"public", "published", "listed", "visible", "null"}
    if value.strip() in harmless or is_true(value) or is_false(value):
        return
    assert post(f"{key}: {json.dumps(value)}").hidden is not None
    assert post(f"{key}: [{json.dumps(value)}]").hidden is not None
    assert post(f"{key} = {json.dumps(value)}", fence="+++").hidden is not None


@pytest.mark.parametrize("value", ['"0"', '"no"', "hunter2", "1234", "[a, b]"])
def test_a_password_is_never_told(value: str) -> None:
    assert post(f"password: {value}").hidden == "password is set"


@pytest.mark.parametrize(
    ("front", "reason"),
    [
        ("status: trash", "status: trash"),
        ("status: Pending", "status: pending"),
        ("status: private", "status: private"),
        ("publish: false", "publish: false"),
        ("isDraft: true", "isDraft: true"),
        ("visibility: members", "visibility: members"),
        ("visibility: true", None),
        ("visibility: visible", None),
        ("status: evergreen", None),
        ("publish: 2020-01-01", None),
        ("hidden_gem: true\nprivate_notes: x\npasswords: many\nencryption: a topic", None),
        ("title: private\ntags: [password, hidden]", None),
    ],
)
def test_what_hides_says_so_and_nothing_else_does(front: str, reason: str | None) -> None:
    assert post(front).hidden == reason


@pytest.mark.parametrize(
    ("front", "reason"),
    [
        ("disable_feed: true", "disable_feed: true"),
        ("hiddenInRss: true", "hiddenInRss: true"),
        ("rss: false", "rss: false"),
        ("feed: no", "feed: false"),
        ("rss:\n  exclude: true", "rss.exclude: true"),
        ("rss.exclude: true", "rss.exclude: true"),
        ("rss:\n  exclude: false", ""),
        ("rss: true", ""),
        ("feed: https://other.example/feed.xml", ""),
        ("rss:\n  title: Exclude me", ""),
    ],
)
def test_a_key_of_feeds_leaves_the_page(front: str, reason: str) -> None:
    found = post(front)
    assert (found.hidden, found.page_only) == (None, reason)


def test_toml_nests_what_keeps_a_post_out_of_feeds() -> None:
    assert post("[rss]\nexclude = true", fence="+++").page_only == "rss.exclude: true"


def test_what_stands_between_hiding_tags_is_in_no_part_of_a_post() -> None:
    body = "{% secret %}\n# hush\n\nhush ![](hush.png) {{ page.hush }}\n{% endsecret %}\n\n# Open\n\nWords.\n"
    data = f'---\ndate: 2024-01-02\nhush: x\nsummary: "a {{% secret %}}hush{{% endsecret %}} b"\n---\n{body}'
    found = read_post("a.md", data.encode(), RULES)
    assert isinstance(found, ParsedPost)
    assert "hush" not in found.body
    assert (found.post.title, found.post.summary, found.post.values) == ("Open", "a b", ())
    assert found.post.warnings == ()


def test_a_passage_that_nothing_closes_is_told_by_the_line_of_the_file() -> None:
    found = read_post("a.md", b"---\ndate: 2024-01-02\n---\nOpen.\n\n{{< secret >}}\nhush\n", RULES)
    assert isinstance(found, ParsedPost)
    assert found.body.strip() == "Open."
    assert found.post.warnings == (
        "line 6: {{< secret >}} is never closed, so the rest of the post is hidden; close it",
    )


def test_posts_with_a_tag_that_hexo_encrypts_are_hidden(tmp_path: Path) -> None:
    config = (
        "title: x\nencrypt:\n  abstract: Here's something encrypted\n  tags:\n"
        "  - {name: Diary, password: hunter2}\n  - name: 秘密\n    password: hunter3\n"
    )
    files = {"_config.yml": config, "package.json": '{"dependencies": {"hexo": "^7.0.0"}}'}
    tags = {
        "a": "[Diary]", "b": "diary", "c": "\n  - Sea\n  - 秘密", "d": "[Diaries]",
        "e": "[Diary]\npassword: ''",
    }  # fmt: skip
    posts = {
        f"source/_posts/{name}.md": f"---\ntitle: T\ndate: 2024-01-02\ntags: {said}\n---\nhush\n"
        for name, said in tags.items()
    }
    found = read(tmp_path, {**files, **posts})
    assert {path.rpartition("/")[2][0]: post.hidden for path, post in found.items()} == {
        "a": "encrypt.tags: Diary",
        "b": "encrypt.tags: diary",
        "c": "encrypt.tags: 秘密",
        "d": None,
        "e": None,
    }
