"""What is generated from the declared settings is up to date, and loads."""

import re
from pathlib import Path

from paths import ROOT

from publisher.config import check_settings, load, reference
from publisher.config.sections import SECTIONS


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
    for setting in (setting for section in SECTIONS for setting in section.settings.values()):
        assert re.search(rf"(?m)^{setting.key} = ", everything)
