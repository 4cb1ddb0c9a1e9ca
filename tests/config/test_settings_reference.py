"""What is generated from the declared settings is up to date, and loads."""

import re
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest
from paths import ROOT

from publisher.config import check_settings, load, reference
from publisher.config.declaration import Section
from publisher.config.sections import SECTIONS, site
from publisher.config.sections.feeds import FEEDS, LISTS
from publisher.config.sections.mail import MAIL, RELAYS
from publisher.config.sections.site import POSTS, SITE
from publisher.core.delivery.relays import Relay
from publisher.core.feeds.feed import FeedSpec
from publisher.core.site import Site
from publisher.core.subscribers.cadences import CADENCES
from publisher.core.subscribers.subscription import MailingList
from publisher.rendering.post_bodies import COLUMN
from publisher.sources import SourceRules
from publisher.sources.fields.permalinks import NAMED_PERMALINKS
from publisher.sources.generators.profiles import DEFAULT_PERMALINK, PROFILES


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


@pytest.mark.parametrize(
    ("section", "target"),
    [(SITE, Site), (POSTS, SourceRules), (FEEDS, FeedSpec), (LISTS, MailingList), (RELAYS, Relay)],
)
def test_a_default_stands_once(section: Section[Any], target: Any) -> None:
    settings = {setting.field for setting in section.settings.values()}
    for field in fields(target):
        if field.name in settings:
            assert (field.default, field.default_factory) == (MISSING, MISSING), field.name


def test_a_sentence_that_names_a_default_names_the_one_that_holds() -> None:
    late = LISTS.settings["max_late"]
    for name, cadence in CADENCES.items():
        if cadence.max_late is not None:
            said = re.search(rf"(\w+) for {name}", late.help)
            assert said is not None
            assert late.type.read(said[1]) == cadence.max_late
    canary = MAIL.settings["canary"]
    assert canary.type.read(tomllib.loads(f"shown = {canary.shown}")["shown"]) == canary.unset
    assert POSTS.settings["permalink"].help.endswith(f"else {DEFAULT_PERMALINK}.")


def test_settings_name_the_generators_and_permalinks_that_sources_know() -> None:
    assert set(site.PROFILES) == {"auto", *PROFILES}
    assert set(site.JEKYLL_PERMALINKS) == NAMED_PERMALINKS.keys()
    assert site.WIDEST_LOGO == COLUMN
