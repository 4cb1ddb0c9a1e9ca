"""How alike two bodies are, and what that says of a new file and a post whose file vanished."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from publisher.core.posts.post import Post, body_hash
from publisher.core.publishing.log import IdRules, PublishedPost
from publisher.core.publishing.matching import (
    RenameVerdict,
    match_posts,
    may_share_template,
    rename_candidates,
    rename_verdict,
    shingle_overlap,
    shingled_text,
)

NOON = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
NAMING = IdRules(authority="example.org,2026")


def post(name: str, body: str, instant: datetime = NOON) -> Post:
    """A post that shares neither title nor slug with one of another name."""
    url = f"https://example.org/{name}/"
    return Post(
        path=f"{name}.md",
        title=f"About {name}",
        instant=instant,
        permalink=f"/{name}/",
        url=url,
        base_url=url,
        slug=name,
        language="en",
        body_hash=body_hash(body),
    )


def said(old: str, new: str, *, later: timedelta = timedelta(0), crowded: bool = False) -> RenameVerdict:
    texts = (shingled_text(old), shingled_text(new))
    return rename_verdict(post("old", old), post("new", new, NOON + later), texts, crowded=crowded)


def prose(count: int, of: str = "word") -> str:
    return " ".join(f"{of}{n}" for n in range(count))


def test_a_body_of_forty_words_with_one_of_them_changed_is_the_same_post() -> None:
    for place in ("word0", "word7 ", "word20", "word39"):
        old = f"{prose(40)} "
        new = old.replace(place, f"{place.strip()}x ")
        assert old != new
        assert said(old, new) is RenameVerdict.RENAMED, place
    assert said(prose(40), prose(40).replace("word20 ", "")) is RenameVerdict.DOUBTFUL, "39 words are too few"
    assert said(prose(41), prose(41).replace("word20 ", "")) is RenameVerdict.RENAMED


def test_nine_tenths_of_the_shingles_are_enough_and_half_of_them_are_a_doubt() -> None:
    old = prose(204)  # 200 shingles
    four = old.replace("word20 ", "a ").replace("word60 ", "b ").replace("word100 ", "c ")
    four = four.replace("word140 ", "d ")
    assert shingle_overlap(shingled_text(old), shingled_text(four)) == 0.9
    assert said(old, four) is RenameVerdict.RENAMED
    assert said(old, four.replace("word170 ", "e ")) is RenameVerdict.DOUBTFUL
    assert said(old, f"{prose(104)} {prose(100, 'other')}") is RenameVerdict.DOUBTFUL
    assert said(old, f"{prose(80)} {prose(124, 'other')}") is RenameVerdict.OTHER


def test_a_third_post_that_is_as_like_leaves_a_doubt() -> None:
    assert said(prose(60), f"{prose(59)} end", crowded=True) is RenameVerdict.DOUBTFUL
    assert said(prose(60), prose(60), crowded=True) is RenameVerdict.DOUBTFUL


def test_equal_bodies_need_the_same_day_and_changed_ones_the_same_instant() -> None:
    old, mended = prose(60), f"{prose(59)} end"
    hour = timedelta(hours=1)
    assert said(old, old, later=hour) is RenameVerdict.RENAMED
    assert said(old, mended, later=hour) is RenameVerdict.DOUBTFUL
    assert said(old, old, later=DAY) is RenameVerdict.DOUBTFUL
    assert said(old, mended, later=DAY) is RenameVerdict.OTHER
    assert said(old, old, later=DAY, crowded=True) is RenameVerdict.OTHER


def test_scripts_without_spaces_are_compared_letter_by_letter() -> None:
    chinese = "港口在咖啡之前空无一人船只躺在沙滩上第二段有许多关于绳索和铁锈的词语还有那不愿到来的潮水"
    thai = "ท่าเรือว่างเปล่าก่อนกาแฟและเรือนอนอยู่บนทรายย่อหน้าที่สองมีคำมากมายเกี่ยวกับเชือกและสนิม"
    khmer = "កំពង់ផែទទេមុនពេលកាហ្វេហើយទូកដេកនៅលើខ្សាច់កថាខណ្ឌទីពីរមានពាក្យជាច្រើនអំពីខ្សែពួរនិងច្រែះ"
    assert said(chinese, chinese.replace("咖啡", "早茶")) is RenameVerdict.RENAMED
    assert said(thai, thai.replace("กาแฟ", "ชาชา")) is RenameVerdict.RENAMED
    assert said(khmer, khmer.replace("ទទេ", "ស្ងាត់")) is not RenameVerdict.OTHER
    assert said(chinese, "潮" * 45) is RenameVerdict.OTHER
    assert (
        said(f"{chinese} {prose(50)}", f"{chinese} {prose(50)}".replace("word7 ", "x "))
        is RenameVerdict.RENAMED
    )


def test_case_and_white_space_are_no_difference() -> None:
    assert shingled_text("One  two\nTHREE four five six") == shingled_text("one two three Four five six")


def test_only_what_vanished_on_the_same_day_or_has_the_same_body_is_compared() -> None:
    old = [
        PublishedPost(
            id=name, post=post(name, name, NOON - n * DAY), live=True, first_seq=n + 1, updated_at=NOON
        )
        for n, name in enumerate(("today", "yesterday", "equal"))
    ]
    new = post("new", "equal")
    assert [(k.id, p.path) for k, p in rename_candidates(old, [new])] == [
        ("equal", "new.md"),
        ("today", "new.md"),
    ]


_WORDS = st.lists(st.sampled_from([f"w{n}" for n in range(400)]), min_size=40, max_size=120)


@given(_WORDS, st.data())
def test_a_renamed_post_with_a_new_title_and_one_word_changed_keeps_its_id(
    words: list[str], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(words) - 1))
    changed = [*words[:place], data.draw(st.sampled_from(["mended", "two-in-one"])), *words[place + 1 :]]
    old, new = " ".join(words), " ".join(changed)
    was, now = post("old", old), post("new", new)
    log = [PublishedPost(id="id", post=was, live=True, first_seq=1, updated_at=NOON)]
    verdicts = {
        ("id", "new.md"): rename_verdict(was, now, (shingled_text(old), shingled_text(new)), crowded=False)
    }
    found = match_posts([now], [], log, frozenset(), NAMING, verdicts)
    assert {path: hit.id for path, hit in found.of.items()} == {"new.md": "id"}


@given(_WORDS, st.lists(st.sampled_from([f"v{n}" for n in range(400)]), max_size=120), st.booleans())
def test_two_posts_with_other_words_are_never_one(words: list[str], other: list[str], crowded: bool) -> None:
    old, new = " ".join(words), " ".join(other)
    for later in (timedelta(0), timedelta(hours=1), DAY):
        assert said(old, new, later=later, crowded=crowded) is RenameVerdict.OTHER


@given(_WORDS, st.integers(0, 20), st.integers(1, 400))
def test_two_posts_of_a_series_are_never_one(words: list[str], filled: int, days: int) -> None:
    """One template, other values, other days."""
    old = [f"old{n}" if n < filled else word for n, word in enumerate(words)]
    new = [f"new{n}" if n < filled else word for n, word in enumerate(words)]
    for crowded in (False, True):
        found = said(" ".join(old), " ".join(new), later=days * DAY, crowded=crowded)
        assert found is not RenameVerdict.RENAMED
        assert found is RenameVerdict.OTHER or not (filled or crowded)


@given(st.sampled_from([1, 2, 400]), st.integers(40, 60), st.data())
def test_each_word_that_may_change_in_a_rename_also_makes_a_series(
    kinds: int, count: int, data: st.DataObject
) -> None:
    """What is enough to take two bodies for one post is enough to doubt it where a third is as like."""
    words = data.draw(
        st.lists(st.sampled_from([f"w{n}" for n in range(kinds)]), min_size=count, max_size=count)
    )
    place = data.draw(st.integers(0, count - 1))
    old, new, third = (
        " ".join([*words[:place], word, *words[place + 1 :]]) for word in ("one", "two", "three")
    )
    assert said(old, new) is RenameVerdict.RENAMED
    assert may_share_template(shingled_text(new), shingled_text(third))
    assert said(old, new, crowded=True) is RenameVerdict.DOUBTFUL
    assert said(old, new, later=DAY) is RenameVerdict.OTHER


def test_a_doubt_holds_the_file_and_names_the_post() -> None:
    was, now = post("old", "a"), post("new", "b")
    log = [PublishedPost(id="id", post=was, live=True, first_seq=1, updated_at=NOON)]
    found = match_posts([now], [], log, frozenset(), NAMING, {("id", "new.md"): RenameVerdict.DOUBTFUL})
    assert (found.of, [k.id for k in found.unsure["new.md"]]) == ({}, ["id"])


def test_an_equal_body_alone_is_no_rename_where_the_bodies_say_it_is_a_series() -> None:
    was, now = post("old", "a"), replace(post("new", "a"), instant=NOON + DAY)
    log = [PublishedPost(id="id", post=was, live=True, first_seq=1, updated_at=NOON)]
    found = match_posts([now], [], log, frozenset(), NAMING, {("id", "new.md"): RenameVerdict.OTHER})
    assert (found.of, found.unsure) == ({}, {})
