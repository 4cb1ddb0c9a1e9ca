"""publisher.toml < environment < flags, and what is said when one of them is wrong."""

from datetime import time, timedelta
from pathlib import Path

import pytest
from declared import feed_spec, relay

from publisher.config import check_settings, load
from publisher.config.types import quoted_choices
from publisher.core.delivery.relays import DomainLimit, ImapAccount, Security
from publisher.core.errors import SettingsError
from publisher.core.posts.filters import PostFilter, TermKind
from publisher.core.site import Person
from publisher.formats import FORMATS

LEAST = '[site]\ntitle = "Low Water"\nurl = "https://Low.Example/blog"\n'


def site(tmp_path: Path, text: str = LEAST) -> Path:
    (tmp_path / "publisher.toml").write_text(text, encoding="utf-8")
    return tmp_path


def refusal(folder: Path, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load(folder, environ)
    return str(caught.value).removeprefix(str(folder) + "/")


def test_title_and_url_are_enough(tmp_path: Path) -> None:
    settings = load(site(tmp_path))
    assert settings.site.title == "Low Water"
    assert settings.site.url == settings.site.public_url == "https://low.example/blog/"
    assert settings.site.id_authority == "low.example,2026"
    assert (settings.site.language, settings.site.timezone, settings.site.author) == ("en", "UTC", None)
    assert settings.posts.dir == tmp_path / "posts"
    assert settings.posts.include == ("**/*.md", "**/*.markdown", "**/*.mdx", "**/*.html")
    assert settings.posts.link_fields == ("canonical_url", "origin_url")
    assert settings.posts.max_age == timedelta(days=30)
    assert settings.feeds == (feed_spec(slug="feed", title="Low Water"),)
    assert settings.lists == ()
    assert settings.secret_file == tmp_path / ".publisher/secret"
    assert settings.store.url == f"sqlite:///{tmp_path}/.publisher/publisher.db"
    assert (settings.web.host, settings.web.port) == ("127.0.0.1", 8000)
    assert (settings.mail.transport, settings.queue.batch) == ("outbox", 500)
    assert settings.mail.retention == timedelta(days=400)
    assert (settings.schedule.publish_every, settings.schedule.watch) == (timedelta(minutes=1), True)


@pytest.mark.parametrize(("given", "kept"), [("7d", timedelta(days=7)), ("forever", None)])
def test_retention_is_a_week_at_least_or_for_ever(tmp_path: Path, given: str, kept: timedelta | None) -> None:
    assert load(site(tmp_path, f'{LEAST}[mail]\nretention = "{given}"\n')).mail.retention == kept


@pytest.mark.parametrize("given", ["6d", "99999d", "always"])
def test_another_retention_is_refused(tmp_path: Path, given: str) -> None:
    said = refusal(site(tmp_path, f'{LEAST}[mail]\nretention = "{given}"\n'))
    assert said == (
        f'publisher.toml:5: mail.retention is "{given}"; '
        'expected a duration of at least "7d", such as "400d", or "forever"'
    )


def test_a_list_takes_zone_and_title_from_the_site(tmp_path: Path) -> None:
    text = LEAST + 'timezone = "Asia/Phnom_Penh"\n[[lists]]\nslug = "daily"\nfrom = "Ann <a@low.example>"\n'
    (spec,) = load(site(tmp_path, text)).lists
    assert (spec.title, spec.timezone, spec.sender) == ("Low Water", "Asia/Phnom_Penh", "Ann <a@low.example>")
    assert (spec.at, spec.max_posts, spec.max_late) == (time(8), 20, None)


def test_every_setting_of_a_list_and_a_feed_is_read(tmp_path: Path) -> None:
    text = LEAST + (
        'author = {name = "Ann", email = "ann@low.example"}\n'
        '[[feeds]]\nslug = "short"\ntitle = "Short"\nformats = ["json"]\nlimit = 3\ncontent = "summary"\n'
        '[[lists]]\nslug = "d"\ntitle = "D"\ndescription = "x"\nfrom = "a@b.example"\n'
        'reply_to = "r@b.example"\n'
        'cadence = "daily"\nat = 16:00:00\ntimezone = "Europe/Berlin"\nmax_posts = 5\nmax_late = "90m"\n'
        'subject = "{{ list.title }}"\n'
    )
    settings = load(site(tmp_path, text))
    assert settings.site.author == Person(name="Ann", email="ann@low.example")
    assert settings.feeds == (
        feed_spec(slug="short", title="Short", formats=("json",), limit=3, content="summary"),
    )
    (spec,) = settings.lists
    assert (spec.at, spec.timezone, spec.reply_to) == (time(16), "Europe/Berlin", "r@b.example")
    assert (spec.max_posts, spec.max_late, spec.subject) == (5, timedelta(minutes=90), "{{ list.title }}")


def test_the_environment_wins_over_the_file_and_flags_over_both(tmp_path: Path) -> None:
    folder = site(tmp_path, LEAST + '[web]\nlisten = "127.0.0.1:1"\n')
    environ = {"PUBLISHER_WEB__LISTEN": "0.0.0.0:2", "PUBLISHER_SITE": "elsewhere", "HOME": "/"}
    assert load(folder).web.port == 1
    assert load(folder, environ).web.port == 2
    assert load(folder, environ, {"web.listen": "[::1]:3"}).web.port == 3


def test_lists_tables_and_numbers_stand_in_the_environment_as_in_toml(tmp_path: Path) -> None:
    text = LEAST + '[[lists]]\nslug = "daily"\nfrom = "a@b.example"\n'
    settings = load(
        site(tmp_path, text),
        {
            "PUBLISHER_POSTS__EXCLUDE": '["notes/**"]',
            "PUBLISHER_SITE__AUTHOR": '{name = "Ann"}',
            "PUBLISHER_QUEUE__BATCH": "50",
            "PUBLISHER_SITE__TITLE": "Low = Water",
            "PUBLISHER_LISTS__0__AT": "16:00",
            "PUBLISHER_LISTS__1__SLUG": "second",
            "PUBLISHER_LISTS__1__FROM": "c@d.example",
            "PUBLISHER_FEEDS__0__LIMIT": "7",
        },
    )
    assert settings.posts.exclude == ("notes/**",)
    assert settings.site.author == Person(name="Ann")
    assert settings.queue.batch == 50
    assert settings.site.title == "Low = Water"
    assert [(s.slug, s.at) for s in settings.lists] == [("daily", time(16)), ("second", time(8))]
    assert [(f.slug, f.limit) for f in settings.feeds] == [("feed", 7)]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("https://example.org", "https://example.org/"),
        ("HTTP://Example.org:8080/a/", "http://example.org:8080/a/"),
        ("https://bücher.example/straße", "https://xn--bcher-kva.example/stra%C3%9Fe/"),
        ("http://[::1]:8000/", "http://[::1]:8000/"),
    ],
)
def test_urls_are_kept_in_one_spelling(tmp_path: Path, given: str, meant: str) -> None:
    assert load(site(tmp_path), {"PUBLISHER_SITE__URL": given}).site.url == meant


def test_paths_may_be_absolute(tmp_path: Path) -> None:
    environ = {"PUBLISHER_POSTS__DIR": "/srv/posts", "PUBLISHER_STORE__URL": "sqlite:////srv/p.db"}
    settings = load(site(tmp_path), environ)
    assert settings.posts.dir == Path("/srv/posts")
    assert settings.store.url == "sqlite:////srv/p.db"


def test_a_folder_without_settings_says_how_to_get_them(tmp_path: Path) -> None:
    said = f"{tmp_path}: no publisher.toml here; run `publisher init` or give --site DIR"
    assert refusal(tmp_path) == said
    assert check_settings(tmp_path) == [said]
    assert refusal(tmp_path / "nowhere").endswith(
        "nowhere: no publisher.toml here; run `publisher init` or give --site DIR"
    )


def cases(name: str) -> list[tuple[str, str]]:
    """What is written, and what is said of it, from a file of both: an empty line parts the cases."""
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    return [
        (given, said) for given, _, said in (case.rpartition("\n") for case in text.strip().split("\n\n"))
    ]


@pytest.mark.parametrize(("text", "said"), cases("wrong_files.txt"))
def test_a_wrong_file_names_line_key_value_and_what_is_expected(tmp_path: Path, text: str, said: str) -> None:
    assert refusal(site(tmp_path, text.replace("[least]\n", LEAST))) == said


@pytest.mark.parametrize(("variable", "said"), cases("wrong_variables.txt"))
def test_a_wrong_variable_is_named(tmp_path: Path, variable: str, said: str) -> None:
    name, _, value = variable.partition("=")
    said = said.replace("{formats}", quoted_choices(list(FORMATS)))
    assert refusal(site(tmp_path), {name: value}) == f"{name}: {said}"


def test_a_wrong_flag_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(site(tmp_path), {}, {"web.listen": "here"})
    assert str(caught.value).startswith('command line: web.listen is "here"; expected')


def test_all_findings_are_told_at_once(tmp_path: Path) -> None:
    text = '[site]\ntitle = ""\n[posts]\nmax_age = 3\n[[lists]]\nslug = "a"\n[[lists]]\nslug = "a"\n'
    said = [line.removeprefix(f"{tmp_path}/publisher.toml") for line in check_settings(site(tmp_path, text))]
    assert [line.partition(" is ")[0] for line in said] == [
        ":2: site.title",
        ": site.url",
        ":4: posts.max_age",
        ": lists[0].from",
        ": lists[1].from",
        ":8: lists[1].slug",
    ]


def test_a_good_file_has_no_findings(tmp_path: Path) -> None:
    assert check_settings(site(tmp_path, "\ufeff" + LEAST.replace("\n", "\r\n"))) == []


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "publisher.toml").write_bytes(b"[site]\ntitle = '\xff'\n")
    assert refusal(tmp_path) == "publisher.toml: not UTF-8 at byte 16; save it as UTF-8"


def test_profile_and_defaults_of_posts(tmp_path: Path) -> None:
    given = 'profile = "hugo"\ndefaults = {draft = false, tags = ["a", 3], author = {name = "Jo"}}'
    posts = load(site(tmp_path, f"{LEAST}[posts]\n{given}\n")).posts
    assert posts.profile == "hugo"
    assert posts.defaults == {"draft": "false", "tags": ["a", "3"], "author": {"name": "Jo"}}
    assert (posts.timezone, posts.permalink) == (None, None)


def test_hubs_and_the_kind_of_ids_are_read(tmp_path: Path) -> None:
    settings = load(site(tmp_path))
    assert (settings.websub.hubs, settings.posts.ids) == ((), "tag")
    text = (
        LEAST + '[posts]\nids = "permalink"\n[websub]\nhubs = ["https://hub.example/?key=1", "http://h/"]\n'
    )
    settings = load(site(tmp_path, text))
    assert settings.websub.hubs == ("https://hub.example/?key=1", "http://h/")
    assert settings.posts.ids == "permalink"
    bad = 'publisher.toml:5: websub.hubs is ["ftp://h/"]; '
    assert refusal(site(tmp_path, LEAST + '[websub]\nhubs = ["ftp://h/"]\n')).startswith(bad)


MAIL = """
[mail]
transport = "smtp"
[[mail.relays]]
host = "Smtp.Example.org"
weight = 3
security = "tls"
username = "ann"
password_file = "secrets/relay"
connections = 12
rate = 2.5
per_domain = {"GMail.com" = {connections = 2, rate = 1}, "bücher.example" = {rate = 0.5}}
timeout = "30s"
[[mail.relays]]
host = "::1"
security = "none"
username = "bo"
password = "s3cret"
[mail.dkim]
domain = "low.example"
keys = [{selector = "p1", file = ".publisher/dkim/p1.pem"}]
[mail.bounces]
address = "bounces@low.example"
"""


def test_every_setting_of_mail_is_read(tmp_path: Path) -> None:
    mail = load(site(tmp_path, LEAST + MAIL)).mail
    first, second = mail.relays
    assert first.password_file == tmp_path / "secrets/relay"
    assert first.relay() == relay(
        host="smtp.example.org",
        port=465,
        weight=3,
        security=Security.TLS,
        username="ann",
        connections=12,
        rate=2.5,
        per_domain={
            "gmail.com": DomainLimit(connections=2, rate=1.0),
            "xn--bcher-kva.example": DomainLimit(rate=0.5),
        },
        timeout=timedelta(seconds=30),
    )
    assert second.relay() == relay(
        host="::1", port=25, security=Security.NONE, username="bo", password="s3cret", connections=4
    )
    assert second.relay().name == "[::1]:25"
    assert "s3cret" not in repr(mail)
    assert mail.dkim.keys == (("p1", tmp_path / ".publisher/dkim/p1.pem"),)
    assert (mail.dkim.domain, mail.bounces.address) == ("low.example", "bounces@low.example")


def test_sections_within_a_section_stand_in_the_environment_too(tmp_path: Path) -> None:
    environ = {
        "PUBLISHER_MAIL__TRANSPORT": "smtp",
        "PUBLISHER_MAIL__RELAYS__0__HOST": "localhost",
        "PUBLISHER_MAIL__RELAYS__0__PASSWORD": "from the environment",
        "PUBLISHER_MAIL__DKIM__DOMAIN": "low.example",
    }
    mail = load(site(tmp_path), environ).mail
    assert (mail.transport, mail.dkim.domain) == ("smtp", "low.example")
    (only,) = mail.relays
    assert (only.host, only.relay().port, only.password) == (
        "localhost",
        587,
        "from the environment",
    )


def test_a_feed_may_be_filtered_split_and_stand_elsewhere(tmp_path: Path) -> None:
    text = (
        LEAST + '[[feeds]]\narchive = false\nwhere = {category = "News", language = ["en", "fr"]}\n'
        'paths = {atom = "feed.xml"}\nformats = ["atom"]\n'
        '[[feeds]]\nslug = "tags"\nsplit_by = "tag"\npaths = {rss = "t/:value/index.xml"}\n'
    )
    whole, tags = load(site(tmp_path, text)).feeds
    assert whole.where == PostFilter(category=("News",), language=("en", "fr"))
    assert (whole.archive, whole.paths, whole.split_by) == (False, {"atom": "feed.xml"}, None)
    assert (tags.split_by, tags.paths) == (TermKind.TAG, {"rss": "t/:value/index.xml"})


@pytest.mark.parametrize(
    ("feed", "said"),
    [
        ('where = {tags = "x"}', '"tags" is none of category, tag, author, language'),
        ("where = {tag = []}", "expected which posts, as in {category"),
        ('split_by = "year"', 'expected "category", "tag", "author" or "language"'),
        ('paths = {atom = "../feed.xml"}', "expected files by format"),
        ('paths = {atom = "archive/feed.xml"}', "expected files by format"),
        ('paths = {atom = "feed"}', "expected files by format"),
        ('paths = {atom = ":value.xml"}', "expected a path that has no :value in it"),
        ('split_by = "tag"\npaths = {atom = "x.xml"}', "expected a path that has :value in it"),
        ('formats = ["rss"]\npaths = {atom = "x.xml"}', "the feed is not written in that format"),
        ('paths = {atom = "x.xml", rss = "x.xml"}', "another feed is there; choose another path"),
        ('slug = "posts"\nsplit_by = "tag"', "that folder is taken; choose another"),
        ('slug = "index"', "that name is taken by index.html; choose another"),
    ],
)
def test_what_a_feed_cannot_be_is_refused(tmp_path: Path, feed: str, said: str) -> None:
    assert said in refusal(site(tmp_path, f"{LEAST}[[feeds]]\n{feed}\n"))


def test_mail_comes_back_to_a_maildir_or_to_a_mailbox_over_tls_with_a_password_in_a_file(
    tmp_path: Path,
) -> None:
    file = 'password_file = "secret"\n'
    for text, rest, source in (
        ("none", "", None),
        ("maildir:back", "", tmp_path / "back"),
        ("maildir:/var/mail/back", "", Path("/var/mail/back")),
        (
            "imaps://back%40example.org@imap.example.org",
            file,
            ImapAccount(host="imap.example.org", port=993, username="back@example.org", folder="INBOX"),
        ),
        (
            "imaps://back@[::1]:9930/News/back%20here",
            file,
            ImapAccount(host="::1", port=9930, username="back", folder="News/back here"),
        ),
    ):
        (tmp_path / "publisher.toml").write_text(f'{LEAST}[mail.bounces]\nsource = "{text}"\n{rest}')
        assert load(tmp_path, {}).mail.bounces.source == source
    for text, rest, words in (
        ("imap://back@imap.example.org", file, "imaps://"),
        ("imaps://imap.example.org", file, "imaps://"),
        ("imaps://back@imap.example.org:99999", file, "imaps://"),
        ("imaps://back:secret@imap.example.org", file, "expected no password in it"),
        ("imaps://back@imap.example.org", "", "there is no password for it; add password_file"),
        ("maildir:", "", "maildir:"),
    ):
        (tmp_path / "publisher.toml").write_text(f'{LEAST}[mail.bounces]\nsource = "{text}"\n{rest}')
        assert words in refusal(tmp_path), text
