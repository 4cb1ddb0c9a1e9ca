"""What names tell of copies, and how many posts may arrive at once."""

from hypothesis import given
from hypothesis import strategies as st

from publisher.core.publishing.new_post_guards import copy_origin, max_new_posts

WORD = st.from_regex(r"[a-z0-9][a-z0-9-]{0,12}", fullmatch=True)


def test_names_of_copies_are_told_from_those_of_posts() -> None:
    copies = {
        "copy of post.md": "post.md",
        "Copy (2) of post.md": "post.md",
        "post copy.md": "post.md",
        "post copy 3.md": "post.md",
        "post - Copy.md": "post.md",
        "post (copy).md": "post.md",
        "trip copy/index.md": "trip/index.md",
        "post (2).md": "post.md",
    }
    none = ("post.md", "copywriting.md", "photocopy.md", "of-copies.md", "2024-01-02-post.md", "post-2.md")
    for path, origin in copies.items():
        assert copy_origin(path) == origin, path
    assert [path for path in none if copy_origin(path)] == []


@given(name=WORD, folder=st.sampled_from(("", "a/", "a/b/")))
def test_each_way_to_name_a_copy_leads_back_to_the_file(name: str, folder: str) -> None:
    for made in (f"{name} copy", f"Copy of {name}", f"{name} (1)", f"{name} - Copy (2)"):
        assert copy_origin(f"{folder}{made}.md") == f"{folder}{name}.md"


def test_a_tenth_of_a_large_site_may_be_new_at_once() -> None:
    assert [max_new_posts(None, live) for live in (0, 199, 200, 209, 210, 5000)] == [20, 20, 20, 20, 21, 500]
    assert max_new_posts(3, 5000) == 3
