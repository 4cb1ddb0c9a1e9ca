"""A site with lists, one reader on each, and a clock that a test moves by days."""

import email
import email.policy
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from publisher.app import App, fixed
from publisher.config import load
from publisher.services.subscribers.import_csv import import_readers

START = datetime(2026, 11, 2, 9, tzinfo=UTC)
LISTS = {
    "plain": "",
    "subject": """subject = "{{ posts[0].title }} and {{ posts|length }} more {{ posts[0].summary }}" """,
    "summary": 'content = "summary"',
    "titles": 'content = "titles"',
    "own": 'template = "own"',
}
"""Lists by slug, each with more settings."""

BODY = """<!DOCTYPE html>
<html lang="{{ language }}" dir="ltr"><head><title>{{ subject }}</title></head>
<body><div role="article" lang="{{ language }}"><h1>{{ list.title }}</h1>
{% for post in posts %}<h2><a href="{{ post.url }}">{{ post.title }}</a></h2>
{% for who in post.authors %}<p>{{ who.name }}</p>{% endfor %}
{% if post.image %}<p><img src="{{ post.image.url }}" alt="{{ post.image.alt }}"></p>{% endif %}
{{ post.html|safe }}<p>{{ post.summary }} {{ post.categories|join(", ") }}</p>{% endfor %}
<p><a href="{{ links.unsubscribe }}">Unsubscribe</a></p></div></body></html>
"""
OWN = {
    "subject.txt": "{{ posts[-1].title }}\n",
    "body.txt": "{% for post in posts %}{{ post.title }} {{ post.url }} {{ post.text }} {% endfor %}"
    "{{ links.unsubscribe }}",
    "body.html": BODY,
}
"""A mail that an author made: it escapes nothing twice, wraps nothing, and asks no filter of ours."""


class Paper:
    """A site with a reader on each list, and a clock that a test moves."""

    def __init__(self, folder: Path, lists: Mapping[str, str] = LISTS) -> None:
        self.folder, self.now = folder, START
        (folder / "posts").mkdir()
        for name, text in OWN.items():
            file = folder / "templates" / "email" / "own" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        site = '[site]\ntitle = "{{ Mustache }} weekly"\nurl = "https://paper.example/"\n'
        site += 'postal_address = "1 Quay"\nid_authority = "paper.example,2026"\n[posts]\npages = true\n'
        for slug, more in lists.items():
            site += (
                f'[[lists]]\nslug = "{slug}"\ntitle = "{slug} %(x)s"\nfrom = "P <p@paper.example>"\n{more}\n'
            )
        (folder / "publisher.toml").write_text(site, encoding="utf-8")
        app = self.app()
        app.publish()
        for spec in app.settings.lists:
            list(import_readers(app.deps, spec, [(1, "ann@example.net")], self.now, confirmed=True))
        app.close()

    def app(self) -> App:
        return App(load(self.folder), clock=fixed(self.now), environ={})

    def post(self, n: int, text: str) -> None:
        file = self.folder / "posts" / f"p{n:03}.md"
        file.write_text(text, encoding="utf-8", errors="surrogatepass")

    def tomorrow(self, *, deliver: bool = True) -> Any:
        """Publishes what was written, then the digest a day later; the reports of both."""
        self.now += timedelta(days=1)
        app = self.app()
        first = app.publish()
        app.close()
        self.now += timedelta(days=1)
        app = self.app()
        report = app.publish()
        if deliver:
            app.deliver()
        app.close()
        return [*first.mailings, *report.mailings], [*first.unsent, *report.unsent], first.published.plan

    def days(self, number: int) -> None:
        self.now += timedelta(days=number)

    def mails(self) -> list[list[Any]]:
        """What went out, list by list."""
        files = sorted((self.folder / "outbox").glob("*.eml"))
        mails = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
        slugs = [spec.slug for spec in load(self.folder).lists]
        return [[mail for mail in mails if f"<{slug}." in str(mail["List-Id"])] for slug in slugs]
