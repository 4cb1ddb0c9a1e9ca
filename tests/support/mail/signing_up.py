"""A visitor of a site's forms, and what comes of them: used by the tests of the web server."""

import email
import email.policy
import re
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

from publisher.core.subscribers.subscription import SubscriptionState
from publisher.core.tokens import Claim, Purpose, sign


class Form(HTMLParser):
    """The one form of a page, as a browser sees it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.action, self.method = "", ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action, self.method = given["action"], given["method"]
        if tag == "input" and given.get("type") != "checkbox":
            self.fields[given["name"]] = given.get("value", "")


def sign_up(site: Any, address: str, *, wait: float = 3, **changes: str) -> Any:
    form = Form(site.http.get("/subscribe/daily").text)
    site.clock.move(seconds=wait)
    return site.http.post(form.action, data={**form.fields, "address": address, **changes})


def mails(site: Any) -> list[EmailMessage]:
    """What is in the outbox after everything due was delivered, oldest first."""
    site.app.deliver()
    found = [
        email.message_from_bytes(file.read_bytes(), policy=email.policy.SMTP)
        for file in sorted(site.app.outbox.glob("*.eml"))
    ]
    assert all(isinstance(mail, EmailMessage) for mail in found)
    return found  # type: ignore[return-value]  # the policy's message class, asserted above


def text(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def confirm_path(mail: EmailMessage) -> str:
    found = re.search(r"https://readers\.example(/confirm/[\w-]+)", text(mail))
    assert found is not None
    return found[1]


def state(site: Any, address: str = "bo@example.org") -> SubscriptionState | None:
    rows = {s.address: s.state for s in site.app.store.subscriptions("daily", None)}
    return rows.get(address)


def token(site: Any, purpose: Purpose, *, generation: int | None = None, **changes: Any) -> str:
    [found] = site.app.store.subscriptions("daily", None)
    claim = Claim(
        purpose=purpose,
        subscription=changes.get("subscription", found.id),
        generation=found.generation if generation is None else generation,
        expires=changes.get("expires"),
    )
    return sign(claim, changes.get("ring", site.app.ring))


def reader(site: Any, address: str = "bo@example.org") -> str:
    """Signs up and confirms; returns the confirmation link's path."""
    sign_up(site, address)
    path = confirm_path(mails(site)[-1])
    assert site.http.post(path).status_code == 200
    return path


def digest_for_reader(site: Any) -> EmailMessage:
    file = site.app.settings.folder / "posts" / "low-tide.md"
    file.write_text(f"---\ntitle: Low tide\ndate: {site.clock.now.isoformat()}\n---\n\nWords.\n")
    site.clock.move(days=1)
    site.app.publish()
    return mails(site)[-1]


def one_click(mail: EmailMessage) -> str:
    found = re.search(r"<https://readers\.example(/unsubscribe/[\w-]+)>", mail["List-Unsubscribe"])
    assert found is not None
    return found[1]
