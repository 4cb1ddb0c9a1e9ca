"""What is asked often does not read the whole ledger: the database's own plans are looked at."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mailsite import MailSite, readers
from sqlalchemy import event

NOW = datetime(2020, 10, 6, 9, tzinfo=UTC)


def _plans(site: MailSite, ask: Any) -> list[str]:
    """How SQLite goes about each statement that a question makes."""
    app = site.app()
    engine, asked = app.store._db._engine, []  # type: ignore[attr-defined]  # no door shows statements

    @event.listens_for(engine, "before_cursor_execute")
    def note(_c: Any, _k: Any, statement: str, values: Any, *_: Any) -> None:
        asked.append((statement, values))

    ask(app)
    event.remove(engine, "before_cursor_execute", note)
    with app.store._db.read() as connection:  # type: ignore[attr-defined]  # the same
        selects = [(text, values) for text, values in asked if text.lstrip().startswith("SELECT")]
        steps = [
            row[3]
            for text, values in selects
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)
        ]
    app.close()
    assert steps
    return steps


def test_status_and_lists_of_mailings_never_scan_the_ledger(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", readers(5))
    site.deliver()
    for ask in (
        lambda app: app.status(),
        lambda app: app.store.mailings(),
        lambda app: app.store.mailing(1),
        lambda app: app.store.unknown_deliveries(1),
        lambda app: app.store.count_unknown(),
        lambda app: app.store.next_mailing_with_unknown(0),
        lambda app: app.store.running_canaries(),
        lambda app: app.store.archive_deliveries(NOW, limit=100),
    ):
        scans = [step for step in _plans(site, ask) if step.startswith("SCAN") and "deliveries" in step]
        assert [step for step in scans if "ix_deliveries_in_doubt" not in step] == []


def test_readers_are_never_sorted_all_at_once_to_be_counted(tmp_path: Path) -> None:
    """SQLite would hold a million of them in memory for it."""
    site = MailSite(tmp_path / "site", readers(5))
    steps = _plans(site, lambda app: app.store.subscriber_counts())
    assert [step for step in steps if step.startswith("SCAN subscriptions")] == []


def test_what_changed_since_is_asked_of_what_changed_and_not_of_every_post(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", readers(1))
    for ask, index in (
        (lambda app: app.store.recently_withdrawn(7, 50), "ix_posts_withdrawn"),
        (lambda app: app.store.recently_changed_of((), 7, 50), "ix_posts_changed_seq"),
    ):
        first = next(step for step in _plans(site, ask) if "posts" in step)
        assert first.startswith("SEARCH posts USING INDEX " + index)


def test_counting_rows_by_hand_would_be_seen(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", readers(5))

    def count(app: Any) -> None:
        with app.store._db.read() as connection:
            connection.exec_driver_sql("SELECT state, count(*) FROM deliveries GROUP BY state").all()

    assert any(step.startswith("SCAN deliveries") for step in _plans(site, count))
