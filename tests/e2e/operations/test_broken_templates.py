"""Broken templates of a site, through the real commands: what is broken is named, and the rest goes on."""

import json
import re
import shutil
import signal
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from broken import BROKEN, Broken, write
from click.testing import CliRunner
from paths import ROOT

from publisher.cli import publisher

TWO_LISTS = """
[[lists]]
slug = "notes"
title = "Notes"
from = "The Harbour <news@harbour.example>"
cadence = "daily"
at = "16:00"
template = "notes"
"""
POST = "---\ntitle: {0}\ndate: 2024-10-0{1}\n---\n{0} body.\n"
ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"


def own(site: Any, name: str, text: str) -> None:
    file = site.folder / "templates" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def test_a_broken_template_stops_only_what_it_makes(site: Any) -> None:
    site.settings((site.folder / "publisher.toml").read_text() + TWO_LISTS)
    own(site, "email/notes/subject.txt", '{% include "packaged/email/digest/subject.txt" %}')
    own(site, "email/notes/body.txt", '{% include "packaged/email/digest/body.txt" %}')
    own(site, "email/notes/body.html", '{% extends "packaged/email/digest/body.html" %}')
    site.post("one.md", POST.format("One", 1))
    assert "templates" not in site.run("check", code=None).stdout
    site.publish("2024-10-01T00:00:00Z")
    for name in ("daily", "notes"):
        added = ("subscribers", "add", f"{name}@example.org", "--list", name, "--confirmed")
        site.run(*added, "--at", "2024-10-01T00:00:00Z")
    home = (site.public / "index.html").read_text()

    own(site, "email/notes/body.html", '{% extends "email/layout.html" %}\n{% block contnet %}{% endblock %}')
    own(site, "web/index.html", ENDLESS)
    own(site, "web/styles.css", "p { margin: 0 }\n}")
    site.post("two.md", POST.format("Two", 2))
    said = (
        "templates/email/notes/body.html:2: email/layout.html has no block `contnet`",
        "templates/web/index.html:1: does more than 1,000,000 steps",
        "templates/web/styles.css:2: there is a } too many",
    )
    checked = site.run("check", code=1).stdout
    done = site.run("publish", "--at", "2024-10-02T09:00:00Z", code=1)
    for line in said:
        assert checked.count(line) == 1, checked
        assert done.stderr.count(line) == 1, done.stderr
    assert [item["title"] for item in site.feed()["items"]] == ["Two", "One"]
    assert (site.public / "index.html").read_text() == home
    assert [mail["To"] for mail in site.mails()] == ["daily@example.org"]
    problems = json.dumps(site.json("status"))
    assert all(json.dumps(line)[1:-1] in problems for line in said), problems

    for name in ("email/notes/body.html", "web/index.html", "web/styles.css"):
        (site.folder / "templates" / name).unlink()
    own(site, "email/notes/body.html", '{% extends "packaged/email/digest/body.html" %}')
    site.run("publish", "--at", "2024-10-02T09:10:00Z")
    assert "Two" in (site.public / "index.html").read_text()
    assert sorted(mail["To"] for mail in site.mails()) == ["daily@example.org", "notes@example.org"]


def test_a_run_with_templates_that_never_end_serves_and_stops(site: Any, running: Any, wait_for: Any) -> None:
    own(site, "web/layout.html", ENDLESS + "{% block main %}{% endblock %}")
    own(site, "email/digest/body.html", ENDLESS)
    site.post("one.md", POST.format("One", 1))
    server = running()
    wait_for(lambda: "One" in server.http.get("/feed.atom").text)
    assert "<main" in server.http.get("/subscribe/daily").text
    server.process.send_signal(signal.SIGTERM)
    server.process.communicate(timeout=30)
    assert server.process.returncode == 0


def test_a_publish_beside_a_run_goes_by_the_same_templates_while_others_are_broken(
    site: Any, running: Any, wait_for: Any
) -> None:
    own(site, "web/index.html", '{% extends "packaged/web/index.html" %}{% block main %}Ours.{% endblock %}')
    site.post("one.md", POST.format("One", 1))
    server = running()
    wait_for(lambda: "Ours." in server.http.get("/").text)
    own(site, "web/index.html", '{% extends "packaged/web/index.html" %}{% block mian %}{% endblock %}')
    site.post("two.md", POST.format("Two", 2))
    done = site.run("publish")
    assert "index.html:1: packaged/web/index.html has no block `mian`" in done.stderr
    assert "using the last good templates" in done.stderr
    assert [item["title"] for item in site.feed()["items"]] == ["Two", "One"]
    assert "Ours." in server.http.get("/").text


def told(*args: str) -> str:
    """What one of our commands says when it finds something, in this process."""
    done = CliRunner().invoke(publisher, list(args), env={"PUBLISHER_SITE": None})
    assert done.exit_code == 1, done.output
    return f"{done.output}{done.exception}"


def try_each(site: Any, table: tuple[Broken, ...]) -> None:
    """Breaks one template after another, with a new post each day: each is named, feeds and pages go on, and
    in the end every reader has got every post once.
    """
    site.settings((site.folder / "publisher.toml").read_text() + TWO_LISTS)
    own, kept = site.folder / "templates", site.folder / "kept"
    for part in ("subject.txt", "body.txt", "body.html"):
        (kept / "email/notes").mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "templates/email/digest" / part, kept / "email/notes" / part)
    shutil.copytree(kept, own)
    now, where = datetime(2024, 10, 1, 10, tzinfo=UTC), ("--site", str(site.folder))
    site.publish(f"{now:%FT%TZ}")
    for name in ("daily", "notes"):
        added = ("subscribers", "add", f"{name}@example.org", "--list", name, "--confirmed")
        site.run(*added, "--at", f"{now:%FT%TZ}")
    wrong: list[str] = []
    for number, broken in enumerate(table):
        now += timedelta(days=1)
        write(own, ROOT / "templates", broken)
        shutil.copytree(kept, own, dirs_exist_ok=True)
        title = f"Post{number}x"
        site.post(f"p{number}.md", f"---\ntitle: {title}\ndate: {now:%F}\n---\n{title} body.\n")
        before = len(list(site.outbox.glob("*.eml")))
        for command in (("check",), ("publish", "--at", f"{now:%FT%TZ}")):
            said = told(*command, *where)
            if said.count(broken.said) != 1 or "Traceback" in said:
                wrong.append(f"{broken}: {command[0]}: {said}")
        if title not in [item["title"] for item in site.feed()["items"]]:
            wrong.append(f"{broken}: the feed has no {title}")
        pages = ("index.html", "feed.html")
        wrong += [f"{broken}: {page}" for page in pages if b"</main>" not in site.read(page)]
        mails = sorted(site.outbox.glob("*.eml"))[before:]
        wrong += [f"{broken}: {mail}" for mail in mails if f"{title} body".encode() not in mail.read_bytes()]
    assert wrong == [], "\n".join(wrong)
    shutil.rmtree(own)
    shutil.copytree(kept, own)
    site.publish(f"{now + timedelta(days=1):%FT%TZ}")
    for name in ("daily", "notes"):
        got = [title for mail in site.mails_to(f"{name}@example.org") for title in titles(mail)]
        assert sorted(got) == sorted(f"Post{number}x" for number in range(len(table)))


def titles(mail: Any) -> set[str]:
    return set(re.findall(r"(Post\d+x) body", mail.get_body(("plain",)).get_content()))


def test_whatever_template_is_broken_the_rest_goes_on(site: Any) -> None:
    try_each(site, BROKEN[::9])


@pytest.mark.soak
def test_whichever_template_of_the_table_is_broken_the_rest_goes_on(site: Any) -> None:
    assert len(BROKEN) >= 40
    try_each(site, BROKEN)


AT_ONCE = TWO_LISTS.replace('"daily"\nat = "16:00"\ntemplate = "notes"', '"immediate"\nmin_gap = "0s"')
PARTS = 4
"""Of the table, for a machine that stops a test after five minutes."""


def begin(site: Any) -> datetime:
    """A site that mails each post at once to the reader of either list; now."""
    settings = (site.folder / "publisher.toml").read_text()
    settings = settings.replace('cadence = "daily"\nat = "16:00"', 'cadence = "immediate"\nmin_gap = "0s"')
    site.settings(settings + AT_ONCE)
    now = datetime.now(UTC).replace(microsecond=0)
    site.publish(f"{now:%FT%TZ}")
    for name in ("daily", "notes"):
        added = ("subscribers", "add", f"{name}@example.org", "--list", name, "--confirmed")
        site.run(*added, "--at", f"{now:%FT%TZ}")
    return now


def faults_of_pages(server: Any) -> list[str]:
    pages = ("/", "/feed.html", "/subscribe/daily", "/view/none")
    return [page for page in pages if server.http.get(page).text.count("</main>") != 1]


def each_got_once(site: Any, count: int) -> bool:
    """Whether both readers have every post; fails if one has a post twice, or a mail shows none."""
    got: dict[str, list[str]] = {"daily@example.org": [], "notes@example.org": []}
    for mail in site.mails():
        assert titles(mail), mail
        got[mail["To"]] += titles(mail)
    wanted = sorted(f"Post{number}x" for number in range(count))
    assert all(len(set(found)) == len(found) for found in got.values()), got
    return all(sorted(found) == wanted for found in got.values())


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS))
def test_a_run_goes_on_with_the_last_good_templates_whichever_is_broken(
    site: Any, running: Any, wait_for: Any, part: int
) -> None:
    begin(site)
    server, table = running(), BROKEN[part::PARTS]
    for number, broken in enumerate(table):
        write(site.folder / "templates", ROOT / "templates", broken)
        wait_for(lambda said=broken.said: site.run("status").stdout.count(said) == 1)
        title = f"Post{number}x"
        site.post(
            f"p{number}.md", f"---\ntitle: {title}\ndate: {datetime.now(UTC):%FT%TZ}\n---\n{title} body.\n"
        )
        wait_for(lambda title=title: title in server.http.get("/feed.atom").text)
        wait_for(lambda count=number + 1: each_got_once(site, count))
        assert faults_of_pages(server) == [], broken
    shutil.rmtree(site.folder / "templates")
    wait_for(lambda: "\nproblem" not in site.run("status").stdout)
    assert server.stop() == 0


@pytest.mark.soak
@pytest.mark.parametrize("part", range(PARTS))
def test_a_run_that_starts_with_a_broken_template_mails_and_serves_nothing_of_it(
    site: Any, running: Any, wait_for: Any, part: int
) -> None:
    begin(site)
    table = BROKEN[part::PARTS]
    for number, broken in enumerate(table):
        write(site.folder / "templates", ROOT / "templates", broken)
        server, title = running(), f"Post{number}x"
        site.post(
            f"p{number}.md", f"---\ntitle: {title}\ndate: {datetime.now(UTC):%FT%TZ}\n---\n{title} body.\n"
        )
        wait_for(lambda title=title, server=server: title in server.http.get("/feed.atom").text)
        assert faults_of_pages(server) == [], broken
        assert server.stop() == 0
        assert broken.said in "".join(server.said), server.said
        each_got_once(site, number + 1)
    shutil.rmtree(site.folder / "templates")
    server = running()
    wait_for(lambda: each_got_once(site, len(table)))
    assert server.stop() == 0


def test_a_run_serves_its_pages_whatever_template_is_broken(site: Any, running: Any) -> None:
    site.post("one.md", POST.format("One", 1))
    site.publish("2024-10-01T00:00:00Z")
    server = running("--web-only")
    wrong: list[str] = []
    for broken in BROKEN:
        write(site.folder / "templates", ROOT / "templates", broken)
        for page in ("/subscribe/daily", "/view/none", "/index.html", "/feed.atom"):
            answer = server.http.get(page)
            whole = "</feed>" if page.endswith("atom") else "</main>"
            if answer.status_code != (404 if "none" in page else 200) or answer.text.count(whole) != 1:
                wrong.append(f"{broken}: {page}: {answer.status_code}")
    assert wrong == [], "\n".join(wrong)


def test_a_page_that_fails_on_real_values_only_is_made_by_the_packaged_template(
    site: Any, running: Any
) -> None:
    text, start = (ROOT / "templates/web/subscribe.html").read_text(), "{% block main %}"
    fails = "{% if token|length > 10 %}{{ 1 / 0 }}{% endif %}"
    own(site, "web/subscribe.html", text.replace(start, f"{start}Ahoy{fails}"))
    assert "subscribe.html" not in site.run("check", code=None).stdout
    answer = running("--web-only").http.get("/subscribe/daily")
    assert (answer.status_code, answer.text.count("</main>"), "Ahoy" in answer.text) == (200, 1, False)
