"""More deliveries in doubt than are held at a time: each is asked about, none is passed over."""

from pathlib import Path

from mailsite import MailSite, readers
from smtp_server import SmtpServer

from publisher.services.doubts import PART

MANY = 2 * PART + 300


def _in_doubt(site: MailSite) -> None:
    """A run made every intent durable, and died."""
    app = site.app()
    while batch := app.store.claim("dead", site.now, site.now):
        rows = [(row.mailing, row.n) for row in app.store.claimed(batch)]
        assert app.store.intend("dead", rows, site.now) == set(rows)
    app.close()


def test_the_outbox_is_asked_about_each(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", readers(MANY))
    _in_doubt(site)
    outbox = site.folder / "outbox"
    outbox.mkdir()
    there = [outbox / f"000001-{n:08}.eml" for n in range(1, MANY + 1, 3)]
    for file in there:
        file.write_bytes(b"as it was written")
    assert site.deliver().accepted == MANY - len(there)
    assert site.counts() == {"accepted": MANY}
    assert len(list(outbox.iterdir())) == MANY
    assert {file.read_bytes() for file in there} == {b"as it was written"}


def test_a_server_cannot_be_asked_and_nothing_is_sent_again(tmp_path: Path) -> None:
    with SmtpServer() as server:
        site = MailSite(tmp_path / "site", readers(MANY), port=server.port)
        _in_doubt(site)
        app = site.app()
        tally, unknown = app.deliver()
        app.close()
        assert (tally.total, unknown) == (0, MANY)
        assert server.accepted == []
    assert site.counts() == {"unknown": MANY}
