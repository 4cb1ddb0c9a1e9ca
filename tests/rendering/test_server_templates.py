"""Configuration of web servers from templates: each value is one word of its server's syntax. What the
servers make of it is tried in tests/e2e/feeds/test_web_servers.py.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.errors import TemplateError
from publisher.rendering import JinjaRenderer
from publisher.rendering.renderer import apache_target, caddy_regex, quoted_word
from publisher.services.feeds.server_snippets import SERVERS, TABLES, ServedMove, ServedSite

HOSTILE = """a"b 'c' $1 ${HOME} {host} `t` ;} & \\ 100% $"""


def site(**changes: Any) -> ServedSite:
    given: dict[str, Any] = {"folder": "/srv/site", "base": "/", "host": "x", "listen": "127.0.0.1:1"}
    return ServedSite(**{**given, "feeds": (), "moves": (), **changes})


def moved(path: str, target: str) -> ServedMove:
    return ServedMove(path=path, status=301, target=target, addresses=f"^/{re.escape(path)}$")


def unquoted(word: str) -> str:
    """What nginx and Apache read in a quoted word: up to the next such mark without a backslash before it."""
    found = re.fullmatch(r"(['\"])((?:\\.|(?!\1)[^\\])*)\1", word, re.DOTALL)
    assert found, word
    return re.sub(r"\\(.)", r"\1", found[2], flags=re.DOTALL)


@given(st.text(st.sampled_from("ab\"'\\$ {}")))
def test_a_quoted_word_is_read_as_it_was(text: str) -> None:
    assert unquoted(quoted_word(text)) == text


def test_an_address_in_an_apache_redirect_is_encoded_by_apache_alone() -> None:
    assert apache_target("https://e.org/a%20b/?q=%26") == '"https://e.org/a b/?q=%26"'
    assert apache_target("https://e.org/$1/") == r'"https://e.org/\\$1/"'
    assert apache_target("https://e.org/why%3F/") == ""  # Apache would take its end for a query
    assert apache_target("https://e.org/%23c/") == ""


def test_a_regular_expression_for_caddy_holds_no_backtick() -> None:
    pattern = caddy_regex(re.escape("`t`"))[1:-1]
    assert "`" not in pattern
    assert re.fullmatch(pattern, "`t`")


@pytest.mark.parametrize("server", SERVERS)
def test_a_hostile_address_adds_nothing_but_itself(server: str, templates: Path) -> None:
    def lines(path: str) -> list[str]:
        values = {"site": site(moves=[moved(path, "https://e.org/new/")]), **TABLES}
        return JinjaRenderer([templates]).server_config(SERVERS[server], values).splitlines()

    usual, hostile = lines("old"), lines(HOSTILE)
    assert len(usual) == len(hostile)
    assert sum(a != b for a, b in zip(usual, hostile, strict=True)) == (server != "headers")


def test_a_post_that_apache_cannot_redirect_to_is_left_to_its_page(templates: Path) -> None:
    values = {"site": site(moves=[moved("old", "https://e.org/why%3F/")]), **TABLES}
    said = JinjaRenderer([templates]).server_config("apache.conf", values)
    assert "\n# Not redirected" in said
    assert "RedirectMatch 301" not in said


@pytest.mark.parametrize(
    ("server", "folder"),
    [("nginx.conf", "/srv/$1"), ("apache.conf", "/srv/${HOME}"), ("Caddyfile", "/srv/{x}")],
)
def test_what_a_web_server_cannot_write_is_named(templates: Path, server: str, folder: str) -> None:
    with pytest.raises(
        TemplateError, match=rf"^templates/servers/{server}:\d+: \w+ has no way to write .* in '/srv/"
    ):
        JinjaRenderer([templates]).server_config(server, {"site": site(folder=folder), **TABLES})


def test_configuration_of_a_web_server_is_the_packaged_one(tmp_path: Path, templates: Path) -> None:
    """A folder of templates may well hold somebody's own servers/nginx.conf, which is no template of ours."""
    (tmp_path / "servers").mkdir()
    (tmp_path / "servers/_headers").write_text("{{ broken", encoding="utf-8")
    said = JinjaRenderer([tmp_path, templates]).server_config("_headers", {"site": site(), **TABLES})
    assert said == "/assets/*\n  Cache-Control: public, max-age=31536000, immutable\n"
