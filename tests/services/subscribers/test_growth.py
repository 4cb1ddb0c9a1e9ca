"""Growth by day equals what happened, as the store and the journal tell it, over random histories."""

import tempfile
from collections import Counter
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.app import App
from publisher.config import load
from publisher.core.errors import Refused
from publisher.core.subscribers.subscription import ALL_LISTS, SignupResult
from publisher.services.subscribers import departures, subscribe
from publisher.services.subscribers.growth import EPOCH, DepartureCounts, growth

TOML = """
[site]
title = "The Harbour"
url = "https://harbour.example/"
id_authority = "harbour.example,2024"

[[lists]]
slug = "daily"
title = "Daily"
from = "The Harbour <news@harbour.example>"

[[lists]]
slug = "weekly"
title = "Weekly"
from = "The Harbour <news@harbour.example>"
"""

STEP = st.tuples(
    st.sampled_from(["add", "leave", "leave-all", "suppress", "bounce", "erase"]),
    st.integers(0, 3),
    st.sampled_from(["daily", "weekly"]),
    st.integers(0, 40),
)


@settings(max_examples=12, deadline=None)
@given(st.lists(STEP, max_size=25))
def test_growth_equals_the_journal_over_random_histories(steps: list[tuple[str, int, str, int]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "publisher.toml").write_text(TOML, "utf-8")
        (folder / "posts").mkdir()
        now = datetime(2026, 5, 1, 12, tzinfo=UTC)
        with closing(App(load(folder), clock=lambda: now, environ={})) as app:
            app.publish()
            deps, counts = app.deps, DepartureCounts(app.deps.adapters.journal)
            left: Counter[tuple[str, int]] = Counter()
            bounced: Counter[int] = Counter()
            joined: dict[tuple[str, str], int] = {}
            for what, who, slug, hours in steps:
                now += timedelta(hours=hours)
                address, day = f"reader{who}@example.org", (now.date() - EPOCH).days
                spec = deps.rules.list(slug)
                assert spec is not None
                if what == "add":
                    before = {
                        one.list for one in app.store.subscriptions_of(departures.key_of(app.ring, address))
                    }
                    with suppress(Refused):  # who left comes back in person only
                        if subscribe.add(deps, spec, address, now, confirmed=True) is SignupResult.ADDED:
                            assert slug not in before
                            joined[slug, address] = day
                elif what in ("leave", "leave-all"):
                    chosen = spec if what == "leave" else None
                    left.update((one.list, day) for one in departures.unsubscribe(deps, address, chosen, now))
                elif what == "suppress":
                    departures.suppress(deps, address, spec, now)
                elif what == "bounce":
                    key = departures.key_of(app.ring, address)
                    departures.suppress_keys(deps, [(key, ALL_LISTS)], "bounce", now)
                    bounced[day] += 1
                else:
                    departures.erase(deps, address, now)
                    joined = {key: at for key, at in joined.items() if key[1] != address}
                counts.current()  # reading on in pieces is the same as reading at once
            for slug in ("", "daily", "weekly"):
                days = growth(app.store, counts.current, slug, now, 60)
                again = DepartureCounts(deps.adapters.journal)
                assert days == growth(app.store, again.current, slug, now, 60)
                for one in days:
                    day = (one.day - EPOCH).days
                    fits = [key for key in joined if joined[key] == day and slug in ("", key[0])]
                    assert (one.joined, one.confirmed) == (len(fits), len(fits))
                    assert one.left == sum(
                        n for (name, at), n in left.items() if at == day and slug in ("", name)
                    )
                    assert one.bounced == bounced[day]
