"""The secret behind links in mails: made once for a new site, never again in silence, rotated on request."""

import base64
import re
from pathlib import Path
from typing import Any

import pytest

DUE = "2024-10-21T09:00:00Z"
LINK = re.compile(r"https?://\S+/(unsubscribe/[\w-]{46})")
CONFIRM = re.compile(r"https?://\S+/(confirm/[\w-]{46})")


@pytest.fixture
def mailed(site: Any) -> Any:
    """A site with a reader who has had a digest, and another post to mail."""
    site.publish("2024-10-20T03:00:00Z")
    site.reader("ann@example.org", "2024-10-20T04:00:00Z")
    site.post("one.md", "---\ntitle: One\ndate: 2024-10-21T01:00:00Z\n---\nOne.\n")
    site.publish(DUE)
    site.secret = site.folder / ".publisher/secret"
    site.post("two.md", "---\ntitle: Two\ndate: 2024-10-22T01:00:00Z\n---\nTwo.\n")
    return site


def links(site: Any) -> list[str]:
    return [LINK.findall(mail["List-Unsubscribe"])[0] for mail in site.mails()]


def test_a_site_with_readers_gets_no_second_secret_in_silence(mailed: Any) -> None:
    kept = mailed.secret.read_bytes()
    mailed.secret.unlink()
    said = mailed.publish("2024-10-22T09:00:00Z", "--send", "daily", code=1)
    assert f"{mailed.secret}: the secret is missing" in said
    assert "restore it from a backup" in said
    assert "publisher keys secret --new" in said
    assert [item["title"] for item in mailed.feed()["items"]][:1] == ["Two"], "feeds need no secret"
    assert not mailed.secret.exists()
    for command in (["subscribers", "add", "bob@example.org", "--list", "daily"], ["keys", "secret"]):
        assert "the secret is missing" in mailed.run(*command, code=1).stderr
    assert "the secret is missing" in mailed.run("check", code=1).stdout
    assert len(mailed.mails()) == 1
    mailed.secret.write_bytes(kept)
    mailed.publish("2024-10-22T09:10:00Z")
    assert [mail["Subject"] for mail in mailed.mails()][1:], "readers stayed due"


def test_another_sites_secret_is_not_taken_for_ours(mailed: Any) -> None:
    mailed.secret.write_text(f"1 {'ab' * 32}\n")
    said = mailed.publish("2024-10-22T09:00:00Z", code=1)
    assert "not the secret of this site" in said
    assert len(mailed.mails()) == 1


def test_a_new_key_signs_and_the_old_one_verifies_in_a_service_that_runs(
    mailed: Any, running: Any, wait_for: Any, mail_part: Any
) -> None:
    [old] = links(mailed)
    server = running()
    assert server.http.get(f"/{old}").status_code == 200
    assert "key 2 signs, 2 keys verify" in mailed.run("keys", "secret", "--new").stdout
    assert mailed.json("keys", "secret")["keys"] == [1, 2]
    mailed.run("subscribers", "add", "bob@example.org", "--list", "daily")
    wait_for(lambda: mailed.mails_to("bob@example.org"))
    [mail] = mailed.mails_to("bob@example.org")
    new = CONFIRM.findall(mail_part(mail, "plain"))[0]
    assert base64.urlsafe_b64decode(new.rpartition("/")[2] + "==")[1] == 2, "the token names its key"
    for link in (new, old):
        wait_for(lambda link=link: server.http.get(f"/{link}").status_code == 200)
    assert server.http.post(f"/{old}", data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert server.stop() == 0


def test_a_service_goes_on_with_the_keys_it_has_and_names_what_is_missing(
    mailed: Any, running: Any, wait_for: Any
) -> None:
    mailed.settings(f'{(mailed.folder / "publisher.toml").read_text()}\n[schedule]\npublish_every = "1s"\n')
    server = running()
    [old] = links(mailed)
    assert server.http.get(f"/{old}").status_code == 200
    moved = mailed.secret.rename(mailed.folder / "kept")

    def problems() -> list[str]:
        return [one["area"] for one in mailed.json("status")["problems"]]

    wait_for(lambda: "secret" in problems())
    assert server.http.get(f"/{old}").status_code == 200
    assert not mailed.secret.exists()
    moved.rename(mailed.secret)
    wait_for(lambda: "secret" not in problems())
    assert server.stop() == 0
    assert sum("secret_wrong" in line for line in "".join(server.said).splitlines()) == 1


def test_a_service_without_the_secret_says_later_and_not_that_a_link_is_wrong(
    mailed: Any, running: Any
) -> None:
    [old] = links(mailed)
    kept = mailed.secret.read_bytes()
    mailed.secret.unlink()
    server = running()
    answer = server.http.post(f"/{old}", data={"List-Unsubscribe": "One-Click"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "300")
    mailed.secret.write_bytes(kept)
    assert server.http.post(f"/{old}", data={"List-Unsubscribe": "One-Click"}).status_code == 200
    assert server.stop() == 0


def test_a_secret_that_is_lost_is_begun_anew_only_when_that_is_said(mailed: Any) -> None:
    mailed.run("subscribers", "suppress", "ann@example.org", "--list", "daily")
    mailed.secret.unlink()
    refused = mailed.run("keys", "secret", "--new", code=2)
    assert "links in mails that were sent will stop working" in refused.stderr
    assert not mailed.secret.exists()
    done = mailed.run("keys", "secret", "--new", "--yes")
    assert "links in mails sent so far no longer work" in done.stderr
    mailed.publish("2024-10-22T09:00:00Z")
    assert len(mailed.mails()) == 1, "who is suppressed stays so, under the address's new key"
    shown = mailed.run("subscribers", "show", "ann@example.org").stdout
    assert "operator since" in shown


def test_a_site_that_only_withdrew_a_post_still_gets_its_first_secret(site: Any) -> None:
    site.post("old.md", "---\ntitle: Old\ndate: 2024-10-01\n---\nOld.\n")
    site.publish("2024-10-20T03:00:00Z")
    site.post("old.md", "---\ntitle: Old\ndate: 2024-10-01\ndraft: true\n---\nOld.\n")
    site.publish("2024-10-20T03:10:00Z")
    file: Path = site.folder / ".publisher/secret"
    file.unlink(missing_ok=True)
    site.reader("ann@example.org", "2024-10-20T04:00:00Z")
    assert file.exists()
