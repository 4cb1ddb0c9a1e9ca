"""Addresses in a mail: which lead somewhere from a mailbox, and why others do not."""

from ipaddress import ip_address
from urllib.parse import urlsplit

FOLLOWED = frozenset({"https", "http", "mailto", "tel", "sms", "geo", "xmpp", "irc", "magnet"})
"""Schemes of links that mailboxes follow."""

PICTURES = ("https://", "http://", "cid:", "data:image/")
"""How the address of a picture begins."""


def unusable(target: str) -> str:
    """Why a link leads nowhere, wherever it is read; "" where it does."""
    try:
        parts = urlsplit(target)
        host = parts.hostname or ""
    except ValueError:
        return "no address"
    if not parts.scheme:
        return "a relative address leads nowhere from a mail"
    if parts.scheme not in FOLLOWED:
        return f"mailboxes do not follow {parts.scheme}:"
    if parts.scheme in {"http", "https"} and not host:
        return "no host of the internet"
    return ""


def unreachable(target: str) -> str:
    """Why only the machine or network of whoever wrote a link can follow it; "" where everybody can."""
    try:
        parts = urlsplit(target)
        host = parts.hostname or ""
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"}:
        return ""
    if "." not in host and ":" not in host and host != "localhost":
        return "no host of the internet"
    return "only this machine or network knows that host" if _at_home(host) else ""


def _at_home(host: str) -> bool:
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal", ".lan")):
        return True
    try:
        return not ip_address(host).is_global
    except ValueError:
        return False
