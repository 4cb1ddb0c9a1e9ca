"""The text part of a mail: what the post says, in the mail's language, to the byte where it is code."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from publisher.core.digests.digest import Digest, DigestLinks, DigestPost
from publisher.core.mail.message import EmailContent
from publisher.core.mail.mime import compose
from publisher.core.posts.post import MarkupLanguage
from publisher.markup import SafeMarkup
from publisher.rendering import JinjaRenderer

MakePost = Callable[..., DigestPost]
MakeDigest = Callable[..., Digest]
BASE = "https://river.example/post/"


def written(body: str, post: MakePost) -> DigestPost:
    markup = SafeMarkup()
    html = markup.html(body, MarkupLanguage.MARKDOWN, base_url=BASE, title="")
    return post(html=html, text=markup.text(html), summary="")


@pytest.mark.parametrize(
    ("language", "reference", "note", "video"),
    [
        ("en", "(note 1)", "Note 1: deep", "Watch the video: https://river.example/v.mp4"),
        ("de", "(Anmerkung 1)", "Anmerkung 1: deep", "Video ansehen: https://river.example/v.mp4"),
        ("ja", "（注1）", "注1： deep", "動画を見る: https://river.example/v.mp4"),
        ("he", "(הערה 1)", "הערה 1: deep", "לצפייה בסרטון: https://river.example/v.mp4"),
    ],
)
def test_notes_are_in_the_language_of_the_mail(
    language: str, reference: str, note: str, video: str,
    post: MakePost, digest: MakeDigest, links: DigestLinks, renderer: JinjaRenderer,
) -> None:  # fmt: skip
    shown = written('Water[^1].\n\n[^1]: deep\n\n<video src="/v.mp4"></video>\n', post)
    lines = renderer.digest(digest(shown, language=language), links).text.split("\n")
    assert f"Water {reference}." in lines
    assert note in lines
    assert video in lines


CODE = "all:\n\techo  'one two three four five six seven eight nine ten eleven twelve' \\\n\n\n\n\t\t> x   \n"


def test_code_comes_out_of_the_mail_as_it_went_in(
    post: MakePost, digest: MakeDigest, links: DigestLinks, renderer: JinjaRenderer
) -> None:
    import email

    text = renderer.digest(digest(written(f"One.\n\n```\n{CODE}```\n\nTwo.", post)), links).text
    assert f"One.\n\n{CODE}\nTwo." in text
    letter = EmailContent(sender="a@b.example", subject="s", text=text, html="<p>")
    sent = b"".join(part if isinstance(part, bytes) else b"x" for part in compose(letter))
    part = next(
        part for part in email.message_from_bytes(sent).walk() if part.get_content_type() == "text/plain"
    )
    assert part.get_param("format") is None
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    assert CODE in payload.decode().replace("\r\n", "\n")


def test_a_template_of_before_that_wraps_nothing_or_less_is_served(
    post: MakePost, digest: MakeDigest, links: DigestLinks, templates: object, tmp_path: object
) -> None:
    from pathlib import Path

    own = Path(str(tmp_path)) / "email" / "post.txt"
    own.parent.mkdir()
    own.write_text("{{ post.text }}\n\n{{ post.text|wrap(20) }}\n")
    renderer = JinjaRenderer([Path(str(tmp_path)), Path(str(templates))])
    text = renderer.digest(
        digest(written("Water[^1] runs `on and on` to sea.\n\n    x  y\n\n[^1]: n", post)), links
    ).text
    assert "Water (note 1) runs on and on to sea.\n\nx  y\n" in text
    assert "Water (note 1) runs\non and on to sea.\n\nx  y\n" in text
    assert not any("\ufdd0" <= char <= "\ufdef" for char in text)


def test_prose_of_every_language_keeps_to_its_columns_and_addresses_are_whole(
    post: MakePost, digest: MakeDigest, links: DigestLinks, renderer: JinjaRenderer
) -> None:
    url = "https://example.net/" + "a-very-long-path-with-hyphens/" * 4 + "?x=1&y=2"
    shown = written(f"{'word ' * 40}[there]({url}).\n\n> - {'said ' * 40}\n", post)
    lines = renderer.digest(digest(replace(shown, language="en")), links).text.split("\n")
    assert f"[1] {url}" in lines
    assert max(len(line) for line in lines if url not in line) <= 78
    assert sum(line.startswith((">   said", "> - said")) for line in lines) == 3
