"""Which requests are for an unsubscribe link of another service."""

import pytest

from publisher.core.subscribers.legacy_links import is_legacy_link, parse_legacy_link

GHOST, LISTMONK = parse_legacy_link("/unsubscribe/?uuid="), parse_legacy_link("/subscription/*")


def test_a_pattern_fits_its_links_and_no_others() -> None:
    links = [GHOST, LISTMONK, parse_legacy_link("/old/leave.php?user=&list=")]
    for path, query in (
        ("/unsubscribe/", b"uuid=1d2f&newsletter=x"),
        ("/unsubscribe", b"key=k&uuid="),
        ("/subscription/a/b", b""),
        ("/subscription/a/b/", b"x=1"),
        ("/old/leave.php", b"list=1&user=2"),
    ):
        assert is_legacy_link(links, path, query), (path, query)
    for path, query in (
        ("/unsubscribe/", b""),
        ("/unsubscribe/", b"uid=1"),
        ("/unsubscribe/AgEAAA", b""),
        ("/unsubscribe/AgEAAA", b"uuid=1"),
        ("/subscription", b""),
        ("/subscriptions/a", b""),
        ("/old/leavexphp", b"list=1&user=2"),
        ("/old/leave.php", b"list=1"),
        ("/unsubscribe/", b"&".join([b"uuid=1"] * 60)),
        ("/", b"uuid=1"),
    ):
        assert not is_legacy_link(links, path, query), (path, query)


def test_patterns_that_would_hide_something_of_ours_are_refused() -> None:
    for text in ("", "/", "/*", "*", "unsubscribe", "?uuid="):
        with pytest.raises(ValueError, match="must be a path"):
            parse_legacy_link(text)
    for text in ("/unsubscribe/*", "/unsubscribe", "/*/x", "/confirm*", "/s*", "/un*"):
        with pytest.raises(ValueError, match="own links"):
            parse_legacy_link(text)
