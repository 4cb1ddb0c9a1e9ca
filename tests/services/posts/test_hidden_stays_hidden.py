"""What its author hides leaves everything that readers can fetch, and is in no mail made afterwards.

Histories of a site with pages, a split feed, archives and mails: whatever happens in whichever order, and
wherever a publish is cut short, the words and files of a post that is hidden stand nowhere under public/ once
a publish has ended.
"""

import gzip
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import brotli
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from properties import examples

from publisher.app import App
from publisher.config import load
from publisher.core.delivery.holds import MailingCommand
from publisher.core.errors import Refused
from publisher.core.tokens import Claim, Purpose, sign
from publisher.services.digests.archive_pages import PASSAGES
from publisher.services.digests.compose import reader_page
from publisher.services.operations.mailings import apply_command
from publisher.services.subscribers import subscribe

START = datetime(2026, 10, 5, 9, tzinfo=UTC)
TOML = """
[site]
title = "The Harbour"
url = "https://harbour.example/"
id_authority = "harbour.example,2026"
postal_address = "1 Quay"
[posts]
pages = true
[[feeds]]
slug = "feed"
limit = 2
archive = true
[[feeds]]
slug = "tags"
split_by = "tag"
[[lists]]
slug = "daily"
from = "The Harbour <news@harbour.example>"
at = "08:00"
[[lists]]
slug = "brief"
from = "The Harbour <news@harbour.example>"
at = "08:00"
content = "summary"
"""
HIDE = (
    "draft: true",
    "hidden: true",
    "password: x",
    "status: trash",
    "visibility: private",
    "publish: false",
)
PAGE_ONLY = ("rss: false", "disable_feed: true")
GONE = "This post is no longer available"


class Cut(BaseException):
    """The power goes."""


@dataclass
class File:
    """A post as its author has it: the versions there were, each with words of its own, and what it says."""

    name: str
    versions: int = 1
    front: str = ""
    passage: bool = False

    def text(self) -> str:
        n, version = self.name, self.versions
        inside = "{% private %}secret" + n + "{% endprivate %}" if self.passage else ""
        return (
            f"---\ntitle: Title{n}v{version}\ndate: {START:%Y-%m-%d}\ntags: [one, two]\n{self.front}\n---\n"
            f"Lead{n}v{version}.\n\n![](pic{n}.png)\n\n{inside}\n\nBody{n}v{version}.\n"
        )

    def words(self) -> list[str]:
        """What only this post says, in all its versions, and the name of its picture's bytes."""
        marks = [
            f"{word}{self.name}v{v}"
            for word in ("Title", "Lead", "Body")
            for v in range(1, self.versions + 1)
        ]
        return [*marks, f"secret{self.name}", f"PICTURE-{self.name}-"]

    @property
    def hidden(self) -> bool:
        return self.front in HIDE

    @property
    def page_only(self) -> bool:
        return self.front in PAGE_ONLY


@dataclass
class Site:
    """A site in a folder, with one reader of each list."""

    folder: Path
    now: datetime = START
    files: dict[str, File] = field(default_factory=dict[str, File])
    told: set[str] = field(default_factory=set[str])
    """Mails that were there before the last publish."""

    def __post_init__(self) -> None:
        (self.folder / "posts").mkdir(parents=True)
        (self.folder / "publisher.toml").write_text(TOML, encoding="utf-8")
        self.day()
        app = self.app()
        for spec in app.deps.rules.lists:
            subscribe.add(app.deps, spec, f"{spec.slug}@example.org", self.now, confirmed=True)
        app.close()

    def app(self) -> App:
        return App(load(self.folder), clock=lambda: self.now, environ={})

    def write(self, file: File) -> None:
        self.files[file.name] = file
        (self.folder / "posts" / f"{file.name}.md").write_text(file.text(), encoding="utf-8")
        picture = self.folder / "posts" / f"pic{file.name}.png"
        picture.write_bytes(b"\x89PNG\r\n\x1a\nPICTURE-" + file.name.encode() + b"-")

    def day(self, cut: str = "") -> None:
        """Publishes and mails a day later; with `cut` the power goes at that step, and it is done again."""
        self.now += timedelta(days=1)
        self.told = {path.name for path in self.mails()}
        if cut:
            app = self.app()
            app.failpoint = _cutting(cut)
            with suppress(Cut):
                app.publish()
            app.close()
        app = self.app()
        app.publish()
        app.deliver()
        app.close()

    def mails(self) -> list[Path]:
        return sorted((self.folder / "outbox").glob("*.eml"))

    def documents(self) -> Iterator[tuple[str, bytes]]:
        for path in sorted((self.folder / "public").rglob("*")):
            if path.is_file():
                data, name = path.read_bytes(), path.relative_to(self.folder / "public").as_posix()
                data = gzip.decompress(data) if name.endswith(".gz") else data
                yield name, brotli.decompress(data) if name.endswith(".br") else data

    def speaking(self, *words: str) -> list[str]:
        return [name for name, data in self.documents() if any(word.encode() in data for word in words)]

    def new_mails(self) -> str:
        return "\n".join(
            path.read_text("utf-8").replace("=\n", "") for path in self.mails() if path.name not in self.told
        )

    def views(self) -> Iterator[str]:
        """Each mailing as its reader may see it on the web."""
        app = self.app()
        for mailing in app.store.mailings():
            for n in (1, 2):
                if app.store.posts_mailed_to(mailing.id, n) is not None:
                    claim = Claim(purpose=Purpose.VIEW, subscription=n, generation=mailing.id)
                    yield reader_page(app.deps, sign(claim, app.ring), self.now)
        app.close()

    def check(self) -> None:
        for file in self.files.values():
            words = file.words() if file.hidden else [f"secret{file.name}"]
            assert self.speaking(*words) == []
            assert not any(word in self.new_mails() for word in words)
            if file.page_only:
                places = [name for name in self.speaking(*file.words()) if not name.startswith("assets/")]
                assert all(name.startswith("posts/") for name in places)
                assert not any(word in self.new_mails() for word in file.words())


def _cutting(step: str) -> Callable[[str], None]:
    def reach(name: str) -> None:
        if name == step:
            raise Cut

    return reach


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


@pytest.mark.parametrize("front", HIDE[:2])
def test_a_post_that_is_hidden_later_leaves_all_that_was_written_of_it(site: Site, front: str) -> None:
    for name in "abcd":
        site.write(File(name))
    site.day()
    site.write(File("b", front=front))
    assert "digests/daily/1/index.html" in site.speaking("Bodybv1")
    assert "digests/daily/index.html" not in site.speaking("Titlebv1")  # the first post gives a mail its name
    site.day()
    site.check()
    for page in ("digests/daily/1/index.html", "digests/brief/2/index.html"):
        assert {page, f"{page}.gz", f"{page}.br"} <= {*site.speaking(GONE)}
        assert page in site.speaking("Titleav1")
    assert all("bv1" not in page and GONE in page for page in site.views())
    assert len([*site.views()]) == 2


def test_an_archive_names_no_mail_by_a_post_that_is_hidden(site: Site) -> None:
    site.write(File("a"))
    site.day()
    assert "digests/daily/index.html" in site.speaking("Titleav1")
    site.write(File("a", front="hidden: true"))
    site.day()
    site.check()
    assert "digests/daily/index.html" in site.speaking(GONE)


def test_a_post_that_comes_back_is_shown_as_it_came_back(site: Site) -> None:
    for name in "ab":
        site.write(File(name))
    site.day()
    site.write(File("b", front="hidden: true"))
    site.day()
    site.write(File("b", versions=2))
    site.day()
    assert "digests/daily/1/index.html" in site.speaking("Bodybv2")
    assert site.speaking("Bodybv1", GONE) == []
    assert any("Bodybv2" in page for page in site.views())


def test_what_is_written_of_a_post_while_it_is_hidden_waits_until_it_is_shown(site: Site) -> None:
    site.write(File("a"))
    site.write(File("b"))
    site.day()
    site.write(File("b", versions=2, front="hidden: true"))
    site.day()
    site.check()
    site.write(File("b"))
    site.day()
    assert "digests/daily/1/index.html" in site.speaking("Bodybv1")
    assert "digests/daily/1/index.html" in site.speaking("Titlebv1")
    assert site.speaking("Titlebv2", "Bodybv2", GONE) == []


def test_a_list_that_settings_no_longer_have_keeps_no_page_of_a_hidden_post(site: Site) -> None:
    site.write(File("a"))
    site.day()
    (site.folder / "publisher.toml").write_text(TOML.partition('[[lists]]\nslug = "brief"')[0], "utf-8")
    site.day()
    assert any(name.startswith("digests/brief/") for name in site.speaking("Titleav1"))
    site.write(File("a", front="draft: true"))
    site.day()
    site.check()


@pytest.mark.parametrize(
    "step",
    ["publish:planned", "publish:applied", "publish:remembered", "documents:removed", "documents:staged",
     "documents:saved", "documents:placed", "shelf:bare", "shelf:encoding"],
)  # fmt: skip
def test_the_next_publish_ends_what_a_power_cut_left(site: Site, step: str) -> None:
    for name in "abc":
        site.write(File(name))
    site.day()
    site.write(File("a", front="hidden: true"))
    site.write(File("c", front="password: x"))
    site.day(cut=step)
    site.check()
    assert "digests/daily/1/index.html" in site.speaking(GONE)


STEPS = ("", "", "", "publish:applied", "documents:removed", "documents:saved", "shelf:bare")
DEEDS = ("write", "edit", "hide", "show", "page only", "passage", "day")


@settings(max_examples=examples(8), suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(0, 4), st.integers(0, 6)), min_size=4, max_size=14)
)
def test_nothing_of_a_hidden_post_is_public_whatever_happened(history: list[tuple[str, int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder) / "site")
        for deed, n, choice in [*history, ("day", 0, 0)]:
            name = "abcde"[n]
            file = site.files.get(name) or File(name)
            match deed:
                case "day":
                    site.day(cut=STEPS[choice])
                    site.check()
                    continue
                case "edit":
                    file.versions += 1
                case "hide":
                    file.front = HIDE[choice % len(HIDE)]
                case "show":
                    file.front = ""
                case "page only":
                    file.front = PAGE_ONLY[choice % 2]
                case "passage":
                    file.passage = not file.passage
                case _:
                    pass
            site.write(file)


def waiting(site: Site, *names: str) -> None:
    """A site whose digest of these posts waits for a word."""
    settings = site.folder / "publisher.toml"
    settings.write_text(
        settings.read_text("utf-8").replace('at = "08:00"', 'at = "08:00"\napprove = true'), "utf-8"
    )
    for name in names:
        site.write(File(name))
    site.day()
    assert site.mails() == []


def approve(site: Site) -> list[str]:
    app = site.app()
    for mailing in app.store.mailings():
        app.store.apply_command(mailing.id, MailingCommand.APPROVE, site.now)
    app.deliver()
    found = [mailing.state.value for mailing in app.store.mailings()]
    app.close()
    return found


def test_a_mail_that_waits_for_approval_is_made_again_without_a_post_that_was_hidden(site: Site) -> None:
    waiting(site, "a", "b")
    site.write(File("a", front="hidden: true"))
    site.day()
    assert approve(site) == ["done", "done"]
    mails = [path.read_text("utf-8") for path in site.mails()]
    assert len(mails) == 2
    assert all("av1" not in mail and GONE not in mail and "Titlebv1" in mail for mail in mails)
    app = site.app()
    assert {mailing.subject for mailing in app.store.mailings()} == {"Titlebv1"}
    app.close()


def test_one_that_shows_nothing_else_is_cancelled(site: Site) -> None:
    waiting(site, "a")
    site.write(File("a", front="hidden: true"))
    site.day()
    assert approve(site) == ["cancelled", "cancelled"]
    assert site.mails() == []
    assert site.speaking("Titleav1") == []


@pytest.mark.parametrize("resumed", [False, True])
def test_a_run_that_is_sending_a_mail_stops_before_a_post_that_is_hidden_meanwhile(
    site: Site, *, resumed: bool
) -> None:
    """What is left goes out by the next run, or by this one where an operator continues it."""
    for name in "ab":
        site.write(File(name))
    site.now += timedelta(days=1)
    refused = 0

    def reach(step: str) -> None:
        nonlocal refused
        other = site.app()
        if step == "deliver:claimed" and not site.files["a"].front:
            site.write(File("a", front="hidden: true"))
            assert "stopped because a.md was withdrawn" in " ".join(other.publish().reworded)
            with pytest.raises(Refused, match="try again in a moment"):
                apply_command(other.deps, 1, MailingCommand.RESUME, site.now)
            refused += 1
        elif step == "deliver:settled" and resumed:
            with suppress(Refused):  # the run has not let go yet, or it is done
                apply_command(other.deps, 1, MailingCommand.RESUME, site.now)
        other.close()

    app = site.app()
    app.failpoint = reach
    app.publish()
    app.deliver()
    app.close()
    assert refused == 1
    app = site.app()
    app.deliver()
    app.close()
    mails = [path.read_text("utf-8") for path in site.mails()]
    assert len(mails) == 2
    assert all("av1" not in mail and "Titlebv1" in mail for mail in mails)


def test_a_page_that_an_older_version_made_with_a_passage_is_made_again(site: Site) -> None:
    site.write(File("a"))
    site.write(File("b"))
    site.day()
    page = site.folder / "public/digests/daily/1/index.html"
    stat = page.stat()
    leak = page.read_bytes().replace(b"Bodyav1.", b"secreta.")
    page.write_bytes(leak)
    os.utime(page, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    app = site.app()
    with app.store._db.write() as connection:  # type: ignore[attr-defined]  # what no door shows
        body = b"{% private %}secreta{% endprivate %}\n"
        connection.exec_driver_sql(
            "UPDATE bodies SET source = ? WHERE CAST(source AS TEXT) LIKE '%Bodyav1%'", (body,)
        )
        row = (hashlib.sha256(leak).hexdigest(), "digests/daily/1/index.html")
        connection.exec_driver_sql("UPDATE documents SET hash = ? WHERE path = ?", row)
    app.store.set_meta(PASSAGES, "")
    app.close()
    other = (site.folder / "public/digests/daily/index.html").read_bytes()
    site.day()
    assert site.speaking("secreta") == []
    assert "digests/daily/1/index.html" in site.speaking("Bodybv1")
    assert (site.folder / "public/digests/daily/index.html").read_bytes() == other
