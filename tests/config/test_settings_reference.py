"""What is generated from the declared settings is up to date, and loads."""

import re
from datetime import UTC, datetime
from pathlib import Path

from publisher.config import check_settings, load, reference
from publisher.config.declared import SECTIONS
from publisher.config.starter import starter

ROOT = Path(__file__).parent.parent.parent


def test_the_packaged_settings_are_up_to_date() -> None:
    written = (ROOT / "config/publisher.toml").read_text(encoding="utf-8")
    assert written == reference.toml(), "run `make docs`"


def test_the_settings_page_is_up_to_date() -> None:
    written = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
    assert written == reference.markdown(), "run `make docs`"


def test_the_packaged_settings_are_the_defaults(tmp_path: Path) -> None:
    packaged, least = tmp_path / "packaged", tmp_path / "least"
    packaged.mkdir()
    least.mkdir()
    (packaged / "publisher.toml").write_text(reference.toml(), encoding="utf-8")
    (least / "publisher.toml").write_text('[site]\ntitle = "My site"\nurl = "https://example.org"\n')
    assert check_settings(packaged) == []
    given, default = load(packaged), load(least)
    assert (given.site, given.feeds, given.lists) == (default.site, default.feeds, default.lists)
    assert (given.web, given.queue, given.schedule) == (default.web, default.queue, default.schedule)


def test_every_commented_setting_loads_when_it_is_taken_in(tmp_path: Path) -> None:
    everything = re.sub(r"(?m)^#(?=\S)", "", reference.toml())
    (tmp_path / "publisher.toml").write_text(everything, encoding="utf-8")
    assert check_settings(tmp_path) == []
    for setting in (setting for section in SECTIONS for setting in section.settings):
        assert re.search(rf"(?m)^{setting.key} = ", everything)


def test_a_new_site_loads_whatever_its_title(tmp_path: Path) -> None:
    for number, title in enumerate(["Low Water", 'He said "no" \\ {url}', "潮汐", "<b>"]):
        files = starter(
            ROOT / "config/init",
            title=title,
            url="https://low.example/",
            now=datetime(2026, 10, 5, tzinfo=UTC),
        )
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "publisher.toml").write_bytes(files["publisher.toml"])
        settings = load(folder)
        assert settings.site.title == title
        assert settings.site.id_authority == "low.example,2026"
        assert settings.lists[0].sender.endswith("news@low.example" + (">" if number in {0, 2} else ""))


def test_a_new_site_has_two_posts_that_are_public_at_once() -> None:
    files = starter(
        ROOT / "config/init",
        title="Low Water",
        url="http://127.0.0.1:8000/",
        timezone="Asia/Phnom_Penh",
        now=datetime(2026, 10, 5, 8, 30, tzinfo=UTC),
    )
    assert sorted(files) == [".gitignore", "posts/hello.md", "posts/writing-a-post.md", "publisher.toml"]
    assert b"\ndate: 2026-10-04 15:30:00+07:00\n" in files["posts/hello.md"]
    assert b"\ndate: 2026-10-05 15:30:00+07:00\n" in files["posts/writing-a-post.md"]
    assert b"<news@example.org>" in files["publisher.toml"]
