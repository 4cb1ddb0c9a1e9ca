"""The churn guard through the real command line: stopped, said, and answered."""

from typing import Any

import pytest

AT, LATER = "2024-10-20T03:00:00Z", "2024-10-21T03:00:00Z"
PERMALINK = ("[[lists]]", '[posts]\npermalink = "/notes/:slug/"\n\n[[lists]]')
"""A setting that gives every post another address."""


@pytest.fixture
def seven(site: Any) -> Any:
    for n in range(7):
        site.post(f"p{n}.md", f"---\ntitle: Post {n}\ndate: 2024-10-0{n + 1}\n---\nWords {n}.\n")
    site.publish(AT)
    return site


def change(site: Any, old: str, new: str) -> None:
    text = (site.folder / "publisher.toml").read_text()
    assert old in text
    site.settings(text.replace(old, new))


def test_a_site_that_is_replaced_says_so_and_goes_on_when_it_is_meant(site: Any) -> None:
    for name in ("one", "two"):
        site.post(f"{name}.md", f"---\ntitle: {name}\ndate: 2024-10-01\n---\n{name}.\n")
    site.publish(AT)
    for file in site.posts.iterdir():
        file.unlink()
    site.post("three.md", "---\ntitle: three\ndate: 2024-10-02\n---\nthree.\n")
    before = site.documents()
    assert site.publish(LATER, code=1) == (
        "publisher: posts: 2 of 2 published posts are missing at once; is the folder complete? "
        "(such as one.md, two.md); nothing was changed; fix the folder, or "
        "`publisher publish --force missing` withdraws them\n"
    )
    assert site.documents() == before
    site.publish(LATER, "--force", "missing")
    assert [item["title"] for item in site.feed()["items"]] == ["three"]


def test_a_stopped_plan_begins_with_why_and_names_ten_posts_of_each_kind(site: Any) -> None:
    for n in range(14):
        site.post(f"p{n}.md", f"---\ntitle: Post {n}\ndate: 2024-10-01\n---\nWords {n}.\n")
    site.publish(AT)
    for file in site.posts.iterdir():
        file.unlink()
    lines = site.run("plan", "--at", LATER, code=1).stdout.splitlines()
    assert lines[0].startswith("stop       14 of 14 published posts are missing at once")
    held = [line for line in lines if line.startswith("held ")]
    assert len(held) == 11
    assert held[-1] == "held       4 more posts; --json lists them all"


def test_a_new_domain_updates_no_post_and_keeps_every_id(seven: Any) -> None:
    before = seven.feed()["items"]
    change(seven, 'url = "https://harbour.example/"', 'url = "https://quay.example/"')
    seven.publish(LATER)
    after = seven.feed()["items"]
    for old, new in zip(before, after, strict=True):
        assert new["url"] == old["url"].replace("harbour.example", "quay.example")
        assert (new["id"], new.get("date_modified")) == (old["id"], old.get("date_modified"))
    assert seven.publish(LATER) == "nothing new\n"


def test_other_permalinks_stop_until_accepted_and_keep_every_id(seven: Any) -> None:
    ids = [item["id"] for item in seven.feed()["items"]]
    change(seven, *PERMALINK)
    said = seven.publish(LATER, code=1)
    assert "7 of 7 published posts would become updates at once" in said
    assert "`publisher publish --accept-new` if that is meant" in said
    plan = seven.json("plan", "--at", LATER, code=1)
    assert [stop["guard"] for stop in plan["stops"]] == ["churn"]
    assert "stop       7 of 7" in seven.run("plan", "--at", LATER, code=1).stdout
    seven.publish(LATER, "--accept-new")
    assert [item["id"] for item in seven.feed()["items"]] == ids
    assert seven.feed()["items"][0]["url"] == "https://harbour.example/notes/p6/"
    assert seven.publish(LATER) == "nothing new\n"


def test_a_plan_is_shown_and_carried_out_with_the_same_answer(seven: Any) -> None:
    change(seven, *PERMALINK)
    plan = seven.json("plan", "--at", LATER, "--accept-new")
    seven.publish(LATER, "--plan", plan["hash"], "--accept-new")
    assert seven.feed()["items"][0]["url"] == "https://harbour.example/notes/p6/"


def test_an_authority_that_changed_is_said_once_and_accepted_for_good(seven: Any) -> None:
    change(seven, "harbour.example,2024", "quay.example,2026")
    assert 'write id_authority = "harbour.example,2024" into publisher.toml' in seven.publish(LATER, code=1)
    ids = [item["id"] for item in seven.feed()["items"]]
    seven.publish(LATER, "--accept-new")
    assert [item["id"] for item in seven.feed()["items"]] == ids
    seven.publish(LATER)


def test_a_running_service_shows_why_it_stopped(seven: Any, running: Any, wait_for: Any) -> None:
    before = seven.documents()
    change(seven, *PERMALINK)
    running()
    wait_for(lambda: seven.json("status")["problems"])
    (problem,) = seven.json("status")["problems"]
    assert "7 of 7 published posts would become updates at once" in problem["text"]
    assert "`publisher publish --accept-new`" in problem["text"]
    assert seven.documents() == before
