"""No text of an author holds a newsletter: whatever posts say, it goes out, and feeds stay well-formed."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hostile import BODIES, LINES, TEMPLATES
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from mail_linter import findings
from mailed import LISTS, Paper


def read_feeds(folder: Path) -> None:
    """Fails where a feed under public/ is not well-formed."""
    for name in ("feed.atom", "feed.xml"):
        etree.fromstring((folder / "public" / name).read_bytes())
    json.loads((folder / "public" / "feed.json").read_bytes())


FIELDS = st.fixed_dictionaries(
    {"title": LINES},
    optional={
        "summary": LINES,
        "author": st.one_of(LINES, st.lists(LINES, max_size=3)),
        "tags": st.lists(LINES, max_size=4),
        "categories": st.lists(LINES, max_size=4),
        "lang": LINES,
        "image": st.one_of(LINES, st.fixed_dictionaries({"src": LINES, "alt": LINES})),
        "slug": LINES,
        "external_url": LINES,
        "aliases": st.lists(LINES, max_size=2),
        "id": LINES,
    },
)


@given(st.lists(st.tuples(FIELDS, BODIES), min_size=1, max_size=4))
@settings(max_examples=15)
def test_whatever_posts_say_every_list_is_mailed_and_feeds_are_well_formed(
    posts: list[tuple[dict[str, Any], str]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paper = Paper(Path(folder))
        for n, (front, body) in enumerate(posts):
            paper.post(n, json.dumps({**front, "date": "2026-11-02T10:00:00Z"}) + f"\n\n{body}\n")
        mailings, unsent, plan = paper.tomorrow()
        assert unsent == []
        published = [change for change in plan.changes if change.kind == "published"]
        assert len(mailings) == (len(LISTS) if published else 0)
        mails = [file.read_bytes() for file in (paper.folder / "outbox").glob("*.eml")]
        assert len(mails) == len(mailings)
        for data in mails:
            assert findings(data) == []
        read_feeds(paper.folder)


@pytest.mark.parametrize("first", range(0, len(TEMPLATES), 4))
def test_no_syntax_of_templates_in_any_field_of_a_post_holds_a_list(first: int, tmp_path: Path) -> None:
    paper = Paper(tmp_path)
    for n, words in enumerate(TEMPLATES[first : first + 4]):
        bodies = (words, f"`{words}`", f"```\n{words}\n```", f"# {words}\n\nText.", f"![{words}](a.png)")
        for m, body in enumerate(bodies):
            front = {
                "title": words,
                "summary": words,
                "author": words,
                "tags": [words],
                "categories": [words],
            }
            front |= {"image": {"src": "https://e.example/a.png", "alt": words}} if m % 2 else {}
            paper.post(n * 10 + m, json.dumps({**front, "date": "2026-11-02T10:00:00Z"}) + f"\n\n{body}\n")
    mailings, unsent, _ = paper.tomorrow(deliver=False)
    assert (len(mailings), unsent) == (len(LISTS), [])


@pytest.mark.parametrize(
    ("file", "leftover", "says"),
    [
        ("body.html", "<p>Dear {{ '{{' }} name }}</p>", "html: '{{' in "),
        ("body.html", "<p>Dear {{ '%(name)s' }}</p>", "html: '%(name)s' in "),
        ("body.html", "<a href='/about'>About</a>", "html: a relative link"),
        ("body.txt", "Dear {{ '{{' }} name }}", "text: '{{' in "),
        ("subject.txt", "{{ '{{' }} name }}", "subject: '{{' in "),
    ],
)
def test_a_leftover_of_a_template_is_found_whatever_the_posts_say(
    file: str, leftover: str, says: str, tmp_path: Path
) -> None:
    paper = Paper(tmp_path, {"own": LISTS["own"], "plain": ""})
    template = tmp_path / "templates" / "email" / "own" / file
    text = template.read_text(encoding="utf-8")
    put = text.replace("</h1>", f"</h1>{leftover}") if file == "body.html" else f"{leftover} {text}"
    template.write_text(put, encoding="utf-8")
    for n, words in enumerate(TEMPLATES[:5]):
        paper.post(n, f'---\ntitle: "About"\ndate: 2026-11-02T10:00:00Z\n---\n{words} [x](javascript:x)\n')
    mailings, unsent, _ = paper.tomorrow()
    assert len(mailings) == 1
    assert {str(error).split(says)[0] for error in unsent} == {"digest own: not sent: "}
    assert all("--force" in str(error) for error in unsent)


def test_a_subject_that_a_post_leaves_empty_is_the_usual_one(tmp_path: Path) -> None:
    subjects = ("{{ posts[0].summary }}", "{{ posts[0].categories[0] }}")
    paper = Paper(tmp_path, {f"l{n}": f"subject = '{subject}'" for n, subject in enumerate(subjects)})
    paper.post(1, "---\ntitle: Low tide\ndate: 2026-11-02T10:00:00Z\n---\n![](https://e.example/a.png)\n")
    mailings, unsent, _ = paper.tomorrow()
    assert (len(mailings), unsent) == (2, [])
    mails = [file.read_bytes() for file in (paper.folder / "outbox").glob("*.eml")]
    assert [mail.count(b"Subject: Low tide\r\n") for mail in mails] == [1, 1], mails


def test_a_subject_that_is_always_empty_is_its_templates_fault(tmp_path: Path) -> None:
    paper = Paper(tmp_path, {"subject": 'subject = "{# later #}"'})
    paper.post(1, "---\ntitle: Words\ndate: 2026-11-02T10:00:00Z\n---\nThe tide was out.\n")
    mailings, unsent, _ = paper.tomorrow()
    assert mailings == []
    assert "makes an empty subject; write one line" in str(unsent[0])


def test_a_template_of_nothing_holds_its_own_list_and_no_other(tmp_path: Path) -> None:
    paper = Paper(tmp_path, {"own": LISTS["own"], "plain": ""})
    (tmp_path / "templates" / "email" / "own" / "body.html").write_text("", encoding="utf-8")
    paper.post(1, "---\ntitle: Words\ndate: 2026-11-02T10:00:00Z\n---\nThe tide was out.\n")
    mailings, unsent, _ = paper.tomorrow()
    assert len(mailings) == 1
    assert {str(error).split(" (")[0] for error in unsent} == {
        "templates/email/own/body.html: the styles cannot be inlined"
    }


WORDS = "word " * 40_000
HUGE = {
    "body": WORDS * 4,
    "one word": "x" * 900_000,
    "table": "|a|b|\n|-|-|\n" + "|row|" + f"{'y' * 50}|\n|row|" * 3_000 + "end|",
    "title": f"title: {WORDS}",
    "summary": f"summary: {WORDS}",
    "categories": f"categories: [{', '.join(f'c{n}' for n in range(9_000))}]",
    "authors": f"authors: [{', '.join(f'a{n}' for n in range(9_000))}]",
    "alt": f"image: {{src: 'https://e.example/a.png', alt: '{WORDS}'}}",
    "picture": f"image: https://e.example/{'a' * 90_000}.png",
    "address": f"external_url: https://e.example/{'a' * 90_000}",
    "language": f"lang: {'en-' * 9_000}",
    "odd language": "lang: 'en us; \"x\"'",
    "name": 'author: "Ann, Bo\\nBcc: all@example.org\\u0000 {{x}}"',
    "sign": 'title: "\\U0001F389 \\u202E \\u0007"',
    "nested": "> " * 240 + "deep",
    "pictures": "\n".join(f"![{n}](a b{n}'é%.png)" for n in range(900)),
}


@pytest.mark.parametrize("what", HUGE)
def test_what_is_huge_or_odd_in_one_post_keeps_no_post_out_of_the_mail(what: str, tmp_path: Path) -> None:
    front, body = (HUGE[what], "Text.") if ": " in HUGE[what][:16] else ("", HUGE[what])
    paper = Paper(tmp_path)
    date = "date: 2026-11-02T10:00:00Z"
    title = "" if front.startswith("title:") else "title: Odd\n"
    paper.post(1, f"---\n{title}{front}\n{date}\n---\n{body}\n")
    paper.post(2, f"---\ntitle: Good\n{date}\n---\nGood words.\n")
    mailings, unsent, plan = paper.tomorrow()
    assert (len(mailings), unsent, plan.bad) == (len(LISTS), [], ())
    for file in (tmp_path / "outbox").glob("*.eml"):
        assert findings(file.read_bytes()) == []
    for [mail] in paper.mails():
        html = mail.get_body(("html",)).get_content()
        assert len(html.encode()) < 90_000
        assert len(mail["Subject"]) <= 300
        assert "Good" in html
        assert "more post" not in html
    read_feeds(tmp_path)
