"""`updated` in feeds: of an entry, the last change that a reader could notice; of a feed, also which posts it
shows. Never the time of a build, and never back.
"""

from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from lxml import etree

ATOM = "{http://www.w3.org/2005/Atom}"


def post(title: str, date: str, body: str = "Words.\n", *more: str) -> str:
    return "\n".join(["---", f"title: {title}", f"date: {date}", *more, "---", body])


def day(number: int) -> str:
    return f"2024-10-{number:02}T03:00:00Z"


def instant(text: str | None) -> datetime:
    return datetime.fromisoformat(text or "")


class Times:
    """What the feeds under public/ say."""

    def __init__(self, site: Any, name: str = "feed") -> None:
        atom = etree.fromstring(site.read(f"{name}.atom"))
        self.feed = instant(atom.findtext(f"{ATOM}updated"))
        self.entries = {
            entry.findtext(f"{ATOM}title"): instant(entry.findtext(f"{ATOM}updated"))
            for entry in atom.iter(f"{ATOM}entry")
        }
        rss = etree.fromstring(site.read(f"{name}.xml"))
        built = parsedate_to_datetime(rss.findtext("channel/lastBuildDate"))
        assert built == self.feed.replace(microsecond=0)
        assert self.feed >= max(self.entries.values(), default=self.feed)


def test_a_post_that_comes_out_later_than_its_date_moves_itself_and_the_feed(site: Any) -> None:
    site.post("old.md", post("Old", "2024-10-05"))
    site.publish(day(10))
    before = Times(site)
    assert before.feed < instant("2024-10-06T00:00:00Z")  # the first run is not when it was published
    site.post("late.md", post("Late", "2024-09-20", "Words.\n", "publishDate: 2024-10-12"))
    site.publish(day(11))
    assert Times(site).feed == before.feed  # of no post that is still ahead
    site.publish(day(12))
    after = Times(site)
    assert after.entries["Old"] == before.entries["Old"]
    assert after.entries["Late"] == after.feed == instant(day(12))
    assert (
        b">updated" not in site.read("posts/2024/09/20/late/index.html")
        if (site.public / "posts").is_dir()
        else True
    )


def test_a_feed_never_goes_back(site: Any) -> None:
    old, at = "2024-10-01", "permalink: /two/"
    steps = [
        lambda: site.post("one.md", post("One", old)),
        lambda: site.post("one.md", post("One, edited", old)),
        lambda: site.post("two.md", post("Two", "2024-08-01", "Words.\n", at)),  # so late that it is no news
        lambda: site.post("one.md", post("One, edited", old, "Words.\n", "draft: true")),
        lambda: site.post("one.md", post("One, edited", old)),
        lambda: site.post("two.md", post("Two", "2024-10-04", "Words.\n", at)),
        lambda: site.post("two.md", post("Two", "2024-08-01", "Words.\n", at)),
        lambda: site.post("two.md", post("Two", "2024-08-01", "Words.\n", at, "draft: true")),
        lambda: site.post("one.md", post("One, edited", old, "Words.\n", "draft: true")),
    ]
    site.post("base.md", post("Base", "2024-09-01"))
    site.publish(day(10))
    last = Times(site).feed
    for number, step in enumerate(steps, start=11):
        step()
        site.publish(day(number))
        now = Times(site).feed
        assert last <= now <= instant(day(number)), number
        news = number not in {16, 17}  # another date is no row of the log
        assert (now == instant(day(number))) is news, number
        last = now
    site.publish(day(25))
    assert Times(site).feed == last


def test_only_feeds_that_showed_a_post_move_when_it_goes(site: Any) -> None:
    feeds = "".join(f'[[feeds]]\nslug = "{tag}"\nwhere = {{tag = ["{tag}"]}}\n' for tag in ("sea", "land"))
    site.settings((site.folder / "publisher.toml").read_text() + feeds)
    for tag in ("sea", "land"):
        for number in (1, 2):
            site.post(
                f"{tag}{number}.md", post(f"{tag} {number}", f"2024-10-0{number}", "W.\n", f"tags: [{tag}]")
            )
    site.publish(day(10))
    sea, land = Times(site, "sea").feed, Times(site, "land").feed
    site.post("sea1.md", post("sea 1", "2024-10-01", "W.\n", "tags: [sea]", "draft: true"))
    site.publish(day(11))
    assert Times(site, "sea").feed == instant(day(11)) > sea
    assert Times(site, "land").feed == land


def test_a_post_that_gets_or_loses_a_tag_moves_the_feeds_it_joins_or_leaves_and_no_other(site: Any) -> None:
    feeds = "".join(
        f'[[feeds]]\nslug = "{tag}"\nwhere = {{tag = ["{tag}"]}}\n' for tag in ("sea", "land", "air")
    )
    both = '[[feeds]]\nslug = "both"\nwhere = {tag = ["sea"], author = ["Ann"]}\n'
    split = '[[feeds]]\nslug = "feed"\n[[feeds]]\nslug = "tags"\nsplit_by = "tag"\n'
    site.settings((site.folder / "publisher.toml").read_text() + feeds + both + split)
    names = ("feed", "sea", "land", "air", "both", "tags/sea", "tags/land", "tags/air")

    def write(tags: str, title: str = "One", *more: str) -> None:
        site.post("one.md", post(title, "2024-10-01", "W.\n", f"tags: [{tags}]", *more))

    def moved(number: int) -> set[str]:
        before = {name: Times(site, name).feed for name in names}
        site.publish(day(number))
        after = {name: Times(site, name).feed for name in names}
        assert all(after[name] in (before[name], instant(day(number))) for name in names)
        return {name for name in names if after[name] != before[name]}

    for number, tag in enumerate(("sea", "land", "air"), start=2):
        site.post(f"{tag}.md", post(tag, f"2024-09-0{number}", "W.\n", f"tags: [{tag}]", "author: Ann"))
    write("sea, air")
    site.publish(day(10))
    write("land, air")
    assert moved(11) == {"sea", "tags/sea", "land", "tags/land"}
    assert Times(site).entries["One"] < instant(day(10))  # tags are no edit of the post
    assert moved(12) == set()
    write("air", "One, edited")
    assert moved(13) == {"feed", "land", "tags/land", "air", "tags/air"}
    write("sea", "One, edited", "author: Ann")
    assert moved(14) == {"sea", "tags/sea", "both", "air", "tags/air"}
    write("sea", "One, edited", "author: Bo")
    assert moved(15) == {"both"}
    site.settings((site.folder / "publisher.toml").read_text() + '\n[posts.defaults]\ntags = ["x"]\n')
    assert moved(16) == set()  # other settings are no edit either


def test_what_an_author_dates_ahead_is_no_update_in_the_future(site: Any) -> None:
    ahead = [f"{word}: 2031-01-01" for word in ("updated", "modified", "lastmod", "last_modified_at")]
    for number, line in enumerate(ahead, start=1):
        site.post(f"old{number}.md", post(f"Old {number}", f"2024-09-0{number}", "W.\n", line))
    site.publish(day(10))
    first = Times(site)
    assert first.feed < instant(day(11)), "the first run is no later than itself"
    site.post("new.md", post("New", day(11), "W.\n", ahead[0]))
    site.publish(day(11))
    assert Times(site).feed == Times(site).entries["New"] == instant(day(11))
    site.post("new.md", post("New", day(11), "Other words.\n", ahead[1]))
    site.publish(day(12))
    assert Times(site).feed == Times(site).entries["New"] == instant(day(12))
    assert b"2031" not in site.read("feed.atom") + site.read("feed.xml") + site.read("feed.json")


@pytest.mark.parametrize("ends", ["Words.", "Words.\n\n\n", "Words. \t\n \n", "Words.\r\n"])
def test_nothing_moves_for_what_no_reader_sees(site: Any, ends: str) -> None:
    file = site.post("one.md", post("One", "2024-10-01"))
    site.publish(day(10))
    before, documents = Times(site), site.documents()
    file.write_bytes(post("One", "2024-10-01", ends).replace("\n", "\r\n" if "\r" in ends else "\n").encode())
    assert "updated" not in site.publish(day(11))
    assert (Times(site).entries, Times(site).feed) == (before.entries, before.feed)
    assert site.documents() == documents


def test_a_move_to_another_domain_is_no_edit(site: Any) -> None:
    image = "image: /pictures/one.png"
    site.post("2024-10-01-one.md", post("One", "2024-10-01", "See [two](2024-10-02-two.md).\n", image))
    site.post("2024-10-02-two.md", post("Two", "2024-10-02", "Words.\n", "image: two.png"))
    site.publish(day(10))
    before = Times(site)
    toml = (site.folder / "publisher.toml").read_text()
    site.settings(toml.replace('url = "https://harbour.example/"', 'url = "https://haven.example/"'))
    site.publish(day(11))
    assert b"https://haven.example/" in site.read("feed.atom")
    assert b"https://harbour.example/" not in site.read("feed.atom")
    assert (Times(site).entries, Times(site).feed) == (before.entries, before.feed)
