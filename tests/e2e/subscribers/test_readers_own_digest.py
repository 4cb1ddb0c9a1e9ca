"""A reader whose digest is not the one of the archive has a page of their own, behind a token."""

import re
from typing import Any

URL = "https://harbour.example"


def test_a_readers_own_digest_is_a_page_without_their_data(site: Any, running: Any, mail_part: Any) -> None:
    site.publish("2024-10-20T03:00:00Z")
    for name in ("ann", "cy"):
        site.reader(f"{name}@example.org", "2024-10-20T04:00:00Z")
    site.post("one.md", "---\ntitle: Only before\ndate: 2024-10-20\n---\nOne.\n")
    site.publish("2024-10-20T05:00:00Z", "--no-mail")
    site.reader("bo@example.org", "2024-10-20T06:00:00Z")
    site.post("two.md", "---\ntitle: For all\ndate: 2024-10-20\n---\nTwo.\n")
    site.publish("2024-10-20T09:00:00Z")
    texts = {name: mail_part(site.mails_to(f"{name}@example.org")[0], "plain") for name in ("ann", "bo")}
    assert f"{URL}/digests/daily/1/" in texts["ann"]
    assert "/view/" not in texts["ann"]
    [token] = re.findall(rf"{URL}/view/(\S+)", texts["bo"])
    server = running("--web-only")
    page = server.http.get(f"/view/{token}")
    assert page.status_code == 200
    assert "For all" in page.text
    assert "Only before" not in page.text
    assert not re.search("unsubscribe/|preferences/|bo@example", page.text)
    assert page.headers["X-Robots-Tag"] == "noindex"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    [leaving] = re.findall(rf"{URL}/unsubscribe/(\S+)", texts["bo"])
    for wrong in (leaving, token[:-9] + ("B" if token[-9] == "A" else "A") + token[-8:], "x"):
        assert server.http.get(f"/view/{wrong}").status_code == 404
    assert server.http.get(f"/unsubscribe/{token}").status_code == 404
    assert server.http.post(f"/view/{token}").status_code == 405
