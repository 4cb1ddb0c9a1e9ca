"""A renamed post through the command line: no second mail, and what is in doubt waits for its author."""

from typing import Any

LONG = " ".join(f"The {n}th boat lay on the sand and waited." for n in range(12))


def write(site: Any, name: str, title: str, body: str, date: str = "2024-10-21T01:00:00Z") -> Any:
    return site.post(name, f"---\ntitle: {title}\ndate: {date}\n---\n\n{body}\n")


def sent_once(site: Any, name: str = "low-tide.md", body: str = LONG) -> Any:
    """A post that a reader has had."""
    site.publish("2024-10-20T03:00:00Z")
    site.reader("ann@example.org", "2024-10-20T10:00:00Z")
    file = write(site, name, "Low tide", body)
    site.publish("2024-10-21T09:00:00Z")
    assert len(site.mails()) == 1
    return file


def test_a_rename_with_a_new_title_and_a_mended_word_keeps_the_id_and_mails_nobody(site: Any) -> None:
    sent_once(site).unlink()
    [id] = [item["id"] for item in site.feed()["items"]]
    write(site, "ebb.md", "Ebb", LONG.replace("5th boat", "5th ship"))
    planned = site.run("plan", "--at", "2024-10-22T09:00:00Z").stdout
    assert "renamed    low-tide.md -> ebb.md" in planned
    site.publish("2024-10-22T09:00:00Z")
    assert [(item["id"], item["title"]) for item in site.feed()["items"]] == [(id, "Ebb")]
    assert len(site.mails()) == 1


def test_a_file_that_comes_a_scan_after_the_old_one_went_is_still_a_rename(site: Any) -> None:
    sent_once(site).unlink()
    site.publish("2024-10-22T08:00:00Z")
    site.publish("2024-10-22T09:00:00Z")
    assert site.feed()["items"] == []
    write(site, "ebb.md", "Ebb", LONG.replace("5th boat", "5th ship"))
    site.publish("2024-10-22T10:00:00Z")
    assert len(site.feed()["items"]) == 1
    assert len(site.mails()) == 1


def test_a_post_of_a_series_is_new_though_the_one_before_is_taken_away(site: Any) -> None:
    sent_once(site, "week-41.md").unlink()
    write(site, "week-42.md", "Week 42", LONG.replace("5th", "6th"), "2024-10-22T01:00:00Z")
    site.publish("2024-10-22T09:00:00Z")
    assert len(site.mails()) == 2


def test_a_refrain_with_another_word_is_held_where_a_third_post_sings_it_too(site: Any) -> None:
    """All its runs of five words are one, so one word changes most of them."""
    first, second, third = (f"{'la ' * 20}{word}{' la' * 20}" for word in ("one", "two", "three"))
    write(site, "first.md", "First", first, "2024-10-19T01:00:00Z")
    sent_once(site, "second.md", second).unlink()
    write(site, "third.md", "Third", third)
    assert "held: third.md: may be second.md" in site.publish("2024-10-22T09:00:00Z")
    assert len(site.mails()) == 1


def test_what_is_in_doubt_is_held_and_named_until_its_author_says_what_it_is(site: Any) -> None:
    sent_once(site, body="Nine words about boats that lie on sand.").unlink()
    write(site, "ebb.md", "Ebb", "Nine words about boats that lie on mud.")
    said = site.publish("2024-10-22T09:00:00Z")
    assert "held: ebb.md: may be low-tide.md under another name" in said
    assert "--as-rename low-tide.md ebb.md" in said
    assert "--as-new ebb.md" in said
    assert [hold["may_be"] for hold in site.json("plan", "--at", "2024-10-22T09:00:00Z")["held"]] == [
        ["low-tide.md"]
    ]
    assert "may be low-tide.md" in site.run("status").stdout
    site.publish("2024-10-23T09:00:00Z")
    assert [item["title"] for item in site.feed()["items"]] == ["Low tide"], "what is held is not missing"
    assert len(site.mails()) == 1


def test_a_held_file_may_be_said_to_be_the_old_post(site: Any) -> None:
    sent_once(site, body="Nine words about boats that lie on sand.").unlink()
    [id] = [item["id"] for item in site.feed()["items"]]
    write(site, "ebb.md", "Ebb", "Nine words about boats that lie on mud.")
    site.publish("2024-10-22T09:00:00Z", "--as-rename", "posts/low-tide.md", "posts/ebb.md")
    assert [(item["id"], item["title"]) for item in site.feed()["items"]] == [(id, "Ebb")]
    site.publish("2024-10-23T09:00:00Z")
    assert len(site.mails()) == 1
    assert "may be" not in site.run("status").stdout


def test_a_held_file_may_be_said_to_be_a_new_post(site: Any) -> None:
    sent_once(site, body="Nine words about boats that lie on sand.").unlink()
    write(site, "ebb.md", "Ebb", "Nine words about boats that lie on mud.")
    site.publish("2024-10-22T09:00:00Z", "--as-new", str(site.posts / "ebb.md"))
    assert len(site.mails()) == 2
    site.publish("2024-10-22T10:00:00Z")
    assert [item["title"] for item in site.feed()["items"]] == ["Ebb"]


def test_an_answer_about_another_file_is_wrong_usage_and_changes_nothing(site: Any) -> None:
    sent_once(site)
    at = "2024-10-22T09:00:00Z"
    assert "low-tide.md is not a new post" in site.publish(at, "--as-new", "low-tide.md", code=2)
    said = site.publish(at, "--as-rename", "gone.md", "low-tide.md", code=2)
    assert "gone.md is not a published post whose file is gone" in said
