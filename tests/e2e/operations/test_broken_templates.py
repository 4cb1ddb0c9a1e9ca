"""Broken templates of a site, through the real commands: what is broken is named, and the rest goes on."""

import json
import signal
from typing import Any

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
