"""Hubs told, and how it is said."""

from typing import Any

from publisher.app import App
from publisher.cli.common import count, say


def say_pinged(app: App) -> list[dict[str, Any]]:
    """Tells the hubs whose time has come; a line for each hub on stderr, and the same as data."""
    pinged = app.ping()
    for hub in dict.fromkeys(ping.hub for ping in pinged.told):
        number = sum(ping.hub == hub for ping in pinged.told)
        say(f"told {hub} of {count(number, 'feed')}")
    for hub, reply in dict.fromkeys((ping.hub, ping.reply) for ping in pinged.failed):
        say(f"hub {hub} was not told ({reply}); it is asked again later, by `run`, `publish` or `feeds ping`")
    rows = [{"hub": ping.hub, "topic": ping.topic, "told": True, "reply": ""} for ping in pinged.told]
    return rows + [{"hub": p.hub, "topic": p.topic, "told": False, "reply": p.reply} for p in pinged.failed]
