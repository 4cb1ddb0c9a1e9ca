"""A post that its author keeps out of feeds and mails has a page; it becomes news when that ends."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from mailsite import MailSite

from publisher.core.posts.post import WaitReason

KEYS = ("disable_feed: true", "hiddenInRss: true", "rss: false", "feed: false", "rss:\n  exclude: true")


class Site(MailSite):
    """A site with pages, one reader, and a split feed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, ["ann@example.org"])
        settings = folder / "publisher.toml"
        more = '[posts]\npages = true\n[[feeds]]\nslug = "feed"\n[[feeds]]\nslug = "tags"\nsplit_by = "tag"\n'
        settings.write_text(settings.read_text("utf-8").replace("[[lists]]", f"{more}[[lists]]"), "utf-8")

    def write(self, name: str, front: str, body: str = "Rare words.") -> None:
        text = f"---\ntitle: Rare\ntags: [rare]\ndate: {self.now:%Y-%m-%d}\n{front}\n---\n{body}\n"
        (self.folder / "posts" / name).write_text(text, encoding="utf-8")

    def publish(self) -> None:
        app = self.app()
        app.publish()
        app.close()

    def day(self, days: int = 1) -> None:
        """Publishes and mails at the same hour, days later."""
        self.now += timedelta(days=days)
        self.publish()
        self.deliver()

    def speaking(self, words: str) -> list[str]:
        """The documents that hold these words, as UTF-8."""
        public = self.folder / "public"
        files = [file for file in public.rglob("*") if file.is_file() and file.suffix not in {".gz", ".br"}]
        return sorted(
            file.relative_to(public).as_posix() for file in files if words.encode() in file.read_bytes()
        )

    def mails(self) -> int:
        return sum(b"Rare words" in file.read_bytes() for file in (self.folder / "outbox").glob("*.eml"))

    def ids(self) -> list[str]:
        return [
            item["id"] for item in json.loads((self.folder / "public/feed.json").read_text("utf-8"))["items"]
        ]

    def log(self) -> list[str]:
        app = self.app()
        with app.store._db.read() as connection:  # type: ignore[attr-defined]  # what no door shows
            rows = connection.exec_driver_sql(
                "SELECT kind FROM log JOIN posts ON id = post_id WHERE path = 'r.md'"
            )
            found = [row[0] for row in rows]
        app.close()
        return found


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


@pytest.mark.parametrize("key", KEYS)
def test_a_post_kept_out_of_feeds_has_a_page_and_is_in_nothing_else(site: Site, key: str) -> None:
    site.write("r.md", key)
    site.day()
    (page,) = site.speaking("Rare words")
    assert page.startswith("posts/")
    assert page.endswith("index.html")
    assert site.speaking("rare") == [page]  # no part of the split feed either
    assert (site.mails(), site.log()) == (0, [])
    app = site.app()
    (row,) = [item for item in app.posts() if item.path == "r.md"]
    assert row.why.startswith("page only (")
    assert app.check().waiting[WaitReason.PAGE_ONLY] == 1
    app.close()


def test_it_is_news_once_its_key_is_gone(site: Site) -> None:
    site.write("r.md", "rss: false")
    site.day()
    site.write("r.md", "")
    site.day()
    assert site.log() == ["published"]
    assert site.mails() == 1
    assert "feed.json" in site.speaking("Rare words")


def test_an_old_one_is_no_news_once_its_key_is_gone(site: Site) -> None:
    site.write("r.md", "rss: false")
    site.day()
    text = (site.folder / "posts/r.md").read_text("utf-8")
    site.day(60)
    (site.folder / "posts/r.md").write_text(text.replace("rss: false", ""), "utf-8")
    site.day()
    assert site.log() == ["published"]
    assert site.mails() == 0
    assert "feed.json" in site.speaking("Rare words")


def test_a_published_post_that_gets_the_key_leaves_feeds_and_keeps_its_page(site: Site) -> None:
    site.write("r.md", "")
    site.day()
    pages = [path for path in site.speaking("Rare words") if path.startswith("posts/")]
    before = site.ids()
    file = site.folder / "posts/r.md"
    text = file.read_text("utf-8")
    file.write_text(text.replace("title:", "disable_feed: true\ntitle:"), "utf-8")
    site.day()
    assert len(site.ids()) == len(before) - 1
    assert [path for path in site.speaking("Rare words") if path.startswith("posts/")] == pages
    assert site.log() == ["published", "withdrawn"]
    app = site.app()
    moved = [move.path for move in app.store.all_redirects()]
    assert moved == ["2020/10/06/new/index.html"], "only that of the post that came before there were pages"
    app.close()
    file.write_text(text, "utf-8")
    site.day()
    assert site.log() == ["published", "withdrawn", "restored"]
    assert (site.ids(), site.mails()) == (before, 1)


def test_its_page_stays_while_its_file_cannot_be_read(site: Site) -> None:
    site.write("r.md", "rss: false")
    site.day()
    pages = site.speaking("Rare words")
    file = site.folder / "posts/r.md"
    good = file.read_bytes()
    file.write_bytes(b"---\nrss: false\n")
    site.day()
    site.day()
    assert site.speaking("Rare words") == pages
    file.write_bytes(good.replace(b"Rare words", b"Other words"))
    site.day()
    assert (site.speaking("Rare words"), site.speaking("Other words")) == ([], pages)
    file.unlink()
    site.day()
    assert site.speaking("Other words") == []
