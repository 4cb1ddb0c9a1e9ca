"""One reader whose stored address is none keeps nobody else from their mail."""

from pathlib import Path

import pytest
from mailsite import MailSite, readers, settled


@pytest.mark.parametrize("address", ["not an address", "ann@", "ann@example.org\r\nBcc: bo@example.org"])
def test_an_address_that_is_none_is_refused_and_all_others_are_mailed(address: str, tmp_path: Path) -> None:
    site = MailSite(tmp_path, readers(5))
    app = site.app()
    with app.store._db.write() as connection:  # type: ignore[attr-defined]  # what no door does
        connection.exec_driver_sql("UPDATE subscribers SET address = ? WHERE id = 2", (address,))
    app.close()
    site.deliver()
    assert site.counts() == {"accepted": 4, "rejected": 1}
    assert settled(site.mailing())
    mails = [file.read_bytes() for file in (tmp_path / "outbox").glob("*.eml")]
    assert len(mails) == 4
    assert not any(b"Bcc" in mail for mail in mails)
