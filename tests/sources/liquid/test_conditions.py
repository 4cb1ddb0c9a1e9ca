"""Conditions in bodies show one branch: the one that front matter and configuration decide, or the else."""

from pathlib import Path

import pytest
from declared import source_rules
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.posts.post import ParsedPost
from publisher.sources import FolderSource, SourceRules
from publisher.sources.parse_post import read_post

SITE = {
    "title": "Site",
    "analytics": "true",
    "off": "false",
    "plain": "",
    "year": "2024",
    "feature_flags": {"beta": "true", "Old": "false"},
    "authors": ["ann", "bo"],
    "posts_per_page": None,
}
FRONT = """\
title: A post
preview: true
draft_note: false
Show_Toc: yes
layout: post
count: 7
empty: ""
nothing:
quoted: "false"
series: {name: One, parts: [a, b]}
tags: ruby liquid
authors: [ann, bo]
when: 2024-05-01
"""
RULES = source_rules(site_url="https://blog.example/", profile="jekyll", site_config=SITE)


def read(body: str, rules: SourceRules = RULES, front: str = FRONT) -> ParsedPost:
    found = read_post("2024-01-02-a.md", f"---\n{front}---\n{body}".encode(), rules)
    assert isinstance(found, ParsedPost), str(found)
    return found


HOLD = [
    "page.preview",
    "page.preview == true",
    "page.title",
    'page.title == "A post"',
    "page.title == 'A post' and page.preview",
    "page.absent or page.preview",
    "page.absent == nil",
    "page.absent != true",
    "page.nothing == nil",
    "page.nothing == blank",
    "page.empty",  # only nil and false are false
    "page.empty == empty",
    "page.empty == ''",
    "page.quoted",
    'page.quoted == "false"',
    "page.Show_Toc",
    "page.count > 6",
    "page.count == 7",
    "page.count <= 7.0",
    "page.count != 8",
    "page.series",
    'page.series.name == "One"',
    'page["series"]["name"] == "One"',
    'page.series.parts contains "b"',
    "page.series.parts.size == 2",
    'page.tags contains "liquid"',
    'page.authors contains "ann"',
    'page.title contains "post"',
    "page.url",
    "page.when",
    'page.collection == "posts"',
    "site.analytics",
    'site.title == "Site"',
    "site.feature_flags.beta",
    'site.authors contains "bo"',
    "site.plain == ''",
    "site.year == 2024",
    'jekyll.environment == "production"',
    'jekyll.environment != "development"',
    "true",
    "page.preview and page.absent or page.preview",  # Liquid begins at the right
]
FAIL = [
    "page.absent",
    "page.show_toc",  # written Show_Toc
    "page.Preview",
    "page.draft_note",
    "page.preview == false",
    "page.preview and page.absent",
    "page.absent == true",
    "page.absent > 1",
    'page.absent contains "x"',
    'page.tags contains "rub"',
    'page.authors contains "cy"',
    "page.series.absent",
    "page.count > 7",
    'page.count == "7"',
    "site.off",
    "site.absent",
    "site.feature_flags.old",
    "site.feature_flags.Old",
    "site.posts_per_page",
    'jekyll.environment == "development"',
    "false",
    "nil",
    "undefined_here",
    "include.x",
    "paginator",
    "page.absent and page.preview or page.preview and page.draft_note",
]
UNKNOWN = [
    "site.posts.size > 3",
    "site.data.people",
    "site.github.public",
    "site.future",
    "page.next",
    "page.url == '/x'",
    "page.when == '2024-05-01'",
    "jekyll.version",
    "page.title | size > 3",
    "page.preview && page.title",
    "(page.preview)",
    "page.preview and site.data.x",
    "page.absent or page.previous",
    "page.title > 3",
]


@pytest.mark.parametrize("condition", HOLD)
def test_what_holds_shows_its_branch(condition: str) -> None:
    found = read(f"{{% if {condition} %}}yes{{% else %}}no{{% endif %}}\n")
    assert (found.body, found.post.warnings) == ("yes\n", ())
    assert read(f"{{%- unless {condition} -%}}yes{{%- else -%}}no{{%- endunless -%}}\n").body == "no\n"


@pytest.mark.parametrize("condition", FAIL)
def test_what_does_not_hold_shows_the_other(condition: str) -> None:
    found = read(f"{{% if {condition} %}}yes{{% else %}}no{{% endif %}}\n")
    assert (found.body, found.post.warnings) == ("no\n", ())
    assert read(f"{{% if {condition} %}}yes{{% endif %}}\n").body == "\n"
    assert read(f"{{% unless {condition} %}}yes{{% endunless %}}\n").body == "yes\n"


@pytest.mark.parametrize("condition", UNKNOWN)
@pytest.mark.parametrize("kind", ["if", "unless"])
def test_what_cannot_be_known_shows_the_else_branch_and_says_so(condition: str, kind: str) -> None:
    tag = f"{{% {kind} {condition} %}}"
    found = read(f"Words.\n\n{tag}yes{{% else %}}no{{% end{kind} %}}\n")
    assert found.body == "Words.\n\nno\n"
    line = FRONT.count("\n") + 5
    said = f"line {line}: only the generator knows whether {tag} holds; the else branch is shown"
    assert found.post.warnings == (said,)


def test_what_is_decided_already_asks_nothing() -> None:
    assert read("{% if page.absent and site.data.x %}a{% else %}b{% endif %}").post.warnings == ()
    assert read("{% if page.preview or site.data.x %}a{% else %}b{% endif %}").body == "a"
    hidden = "{% if page.absent %}{% if site.data.x %}a{% else %}b{% endif %}{% endif %}c"
    assert (read(hidden).body, read(hidden).post.warnings) == ("c", ())


def test_branches_are_tried_in_order() -> None:
    chain = "{% if page.absent %}a{% elsif page.preview %}b{% elsif page.title %}c{% else %}d{% endif %}"
    assert read(chain).body == "b"
    assert read(chain, front="title: T\n").body == "c"
    case = (
        '{% case page.layout %} x {% when "note" %}a{% when "page", "post" or "x" %}b{% else %}c{% endcase %}'
    )
    assert read(case).body == "b"
    assert read(case, front="title: T\nlayout: other\n").body == "c"
    unknown = read('{% case site.data.x %}{% when "a" %}a{% else %}c{% endcase %}')
    assert unknown.body == "c"
    assert len(unknown.post.warnings) == 1


def test_variables_of_the_body_are_known_where_they_are_constants() -> None:
    assert read('{% assign a = "x" %}{% if a == "x" %}yes{% else %}no{% endif %}').body.endswith("yes")
    assert read("{% assign a = page.preview %}{% if a %}yes{% else %}no{% endif %}").body.endswith("yes")
    filtered = read('{% assign a = page.title | split: " " %}{% if a %}yes{% else %}no{% endif %}')
    assert filtered.body.endswith("no")
    assert "only the generator knows" in filtered.post.warnings[0]
    looped = read("{% for p in site.posts %}{% if p.title %}yes{% else %}no{% endif %}{% endfor %}")
    assert "yes" not in looped.body


def test_code_and_what_is_shown_raw_stay_as_they_are() -> None:
    for body in (
        "```liquid\n{% if page.absent %}a{% else %}b{% endif %}\n```\n",
        "`{% if page.absent %}a{% else %}b{% endif %}`\n",
        "{% raw %}{% if page.absent %}a{% else %}b{% endif %}{% endraw %}\n",
        "{% highlight liquid %}\n{% if page.absent %}a{% endif %}\n{% endhighlight %}\n",
    ):
        assert read(body).body == body


def test_one_that_is_never_closed_hides_what_would_be_hidden() -> None:
    assert read("a {% if page.absent %}b\n\nc\n").body.split() == ["a"]
    assert read("a {% if page.preview %}b\n\nc\n").body.split() == ["a", "b", "c"]


def test_a_generator_that_runs_no_tags_shows_them_as_text() -> None:
    body = "{% if page.absent %}a{% else %}b{% endif %}\n"
    for profile in ("hugo", "zola", "docusaurus"):
        assert read(body, source_rules(site_url="https://blog.example/", profile=profile)).body == body
    assert read(body, front="title: A\nrender_with_liquid: false\n").body == body


def test_eleventy_knows_front_matter_by_its_bare_names() -> None:
    rules = source_rules(site_url="https://blog.example/", profile="eleventy")
    assert read("{% if preview %}yes{% else %}no{% endif %}", rules).body == "yes"
    assert read("{% if not preview %}yes{% else %}no{% endif %}", rules).body == "no"
    assert read("{% if page.preview %}yes{% else %}no{% endif %}", rules).body == "no"
    assert read("{% if page.fileSlug == 'a' %}yes{% else %}no{% endif %}", rules).body == "yes"
    found = read("{% if of_a_data_file %}yes{% else %}no{% endif %}", rules)
    assert (found.body, len(found.post.warnings)) == ("no", 1)


def test_hexos_posts_know_no_page() -> None:
    rules = source_rules(site_url="https://blog.example/", profile="hexo")
    assert (
        read("{% if page.preview %}yes{% else %}no{% endif %}", rules, front="preview: true\n").body == "no"
    )
    assert read("{% if preview %}yes{% else %}no{% endif %}", rules, front="preview: true\n").body == "yes"


def test_comments_of_nunjucks_go_where_it_is_run() -> None:
    body = "a{# one\ntwo #}b `{# c #}` {% raw %}{# d #}{% endraw %} {#e}\n"
    for profile in ("hexo", "eleventy"):
        rules = source_rules(site_url="https://blog.example/", profile=profile)
        assert read(body, rules).body == "a\nb `{# c #}` {% raw %}{# d #}{% endraw %} {#e}\n"
        assert read(body, rules, front="title: A\ndisableNunjucks: true\n").body == body
    assert read(body, source_rules(site_url="https://blog.example/", profile="jekyll")).body == body


def test_title_and_summary_are_of_what_is_shown() -> None:
    body = "{% if page.absent %}\n# Secret\n\nhush\n{% else %}\n# Open\n\nWords.\n{% endif %}\n"
    found = read(body, front="date: 2024-01-01\n")
    assert found.post.title == "Open"
    assert "hush" not in found.body
    assert found.body.count("\n") == body.count("\n")


def test_the_configuration_decides_by_its_keys_as_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "_posts").mkdir()
    config = "title: Site\nshow_ads: true\nShowMaps: true\ncollections:\n  recipes:\n    output: true\n"
    (tmp_path / "_config.yml").write_text(config, encoding="utf-8")
    body = "".join(
        f"{{% if site.{name} %}}{name} {{% endif %}}"
        for name in ("title", "show_ads", "showads", "ShowMaps", "show_maps", "recipes", "absent")
    )
    file = tmp_path / "_posts/2024-01-02-a.md"
    file.write_text(f"---\ntitle: A\n---\n{body}\n", encoding="utf-8")
    (found,) = FolderSource(tmp_path / "_posts", source_rules(site_url="https://blog.example/")).scan()
    assert isinstance(found, ParsedPost)
    assert found.body.split() == ["title", "show_ads", "ShowMaps"]
    assert [warning[:27] for warning in found.post.warnings] == ["line 4: only the generator "]


CONDITIONS = st.sampled_from(
    ["page.preview", "page.absent", "site.data.x", "site.off", "true", "page.count == 7"]
)


@given(st.data())
def test_never_two_branches_of_one_condition(data: st.DataObject) -> None:
    marks: list[tuple[str, ...]] = []

    def made(depth: int) -> str:
        kind = data.draw(st.sampled_from(["if", "unless"]))
        branches = [f"{{% {kind} {data.draw(CONDITIONS)} %}}"]
        branches += [f"{{% elsif {data.draw(CONDITIONS)} %}}" for _ in range(data.draw(st.integers(0, 2)))]
        branches += ["{% else %}"] * data.draw(st.integers(0, 1))
        own = tuple(f"<{len(marks)}.{n}>" for n in range(len(branches)))
        marks.append(own)
        inner = [made(depth - 1) if depth and data.draw(st.booleans()) else "" for _ in branches]
        return (
            "\n".join(f"{tag}{mark}{more}" for tag, mark, more in zip(branches, own, inner, strict=True))
            + f"{{% end{kind} %}}"
        )

    source = made(2) + "\nend\n"
    found = read(source)
    assert found.body.endswith("end\n")
    assert found.body.count("\n") == source.count("\n")
    assert all(sum(mark in found.body for mark in own) <= 1 for own in marks)
    assert "{%" not in found.body


@given(st.text("{}%ifelsndunrcaopg. =\"'\n`", max_size=120))
def test_any_text_keeps_its_lines(text: str) -> None:
    found = read("{% if page.absent %}" + text)
    assert found.body.count("\n") == text.count("\n")
