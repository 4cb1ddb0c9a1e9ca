"""What bodies take from the blog's other files: includes without code, data, constants."""

import time
from pathlib import Path

import pytest
from declared import source_rules
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.posts.post import MarkupLanguage, ParsedPost, Post, original_line
from publisher.markup import SafeMarkup
from publisher.sources import FolderSource
from publisher.sources.liquid.includes import splice

RULES = source_rules(site_url="https://blog.example/")
JEKYLL = {"_config.yml": "title: T\n"}
POST = "_posts/2024-05-01-a.md"


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def read(folder: Path, files: dict[str, str], body: str, path: str = POST) -> tuple[Post, str]:
    """The post with that body, and its body as a source gives it."""
    write(folder, files | {path: f"---\ntitle: A\n---\n{body}"})
    found = {
        item.post.path: item for item in FolderSource(folder, RULES).scan() if isinstance(item, ParsedPost)
    }
    return found[path].post, found[path].body


def shown(folder: Path, files: dict[str, str], body: str, path: str = POST) -> str:
    post, source = read(folder, files, body, path)
    return SafeMarkup("https://blog.example/").html(
        source,
        MarkupLanguage.MARKDOWN,
        base_url="https://blog.example/a/",
        title="A",
        extensions=post.extensions,
        values=post.values,
    )


def test_an_included_file_without_code_is_shown(tmp_path: Path) -> None:
    files = JEKYLL | {
        "_includes/links.md": "[docs]: https://docs.example/\n",
        "_includes/in.md": "in *line*\n",
    }
    body = "Read [docs], {% include in.md %}.\n\n{% include links.md %}\n"
    assert shown(tmp_path, files, body) == (
        '<p>Read <a href="https://docs.example/">docs</a>, in <em>line</em>.</p>'
    )


def test_what_an_included_file_includes_is_shown_too(tmp_path: Path) -> None:
    files = JEKYLL | {
        "_includes/a.md": "A {% include b/c.md %}",
        "_includes/b/c.md": "C",
        "_includes/d.md": "{{ x }}",
    }
    assert shown(tmp_path, files, "{% include a.md %}") == "<p>A C</p>"


@pytest.mark.parametrize(
    "included",
    ["{{ include.x }}", "{% if x %}A{% endif %}", "{% include self.md %}", "{% include missing.md %}"],
)
def test_a_file_with_code_and_one_that_includes_itself_are_not_shown(included: str, tmp_path: Path) -> None:
    files = JEKYLL | {"_includes/self.md": included}
    body = "a {% include self.md %}"
    post, source = read(tmp_path, files, body)
    assert source == body
    assert SafeMarkup("").removed(source, MarkupLanguage.MARKDOWN, post.extensions) == [
        (1, "{% include self.md %}")
    ]


def test_code_that_shows_an_include_stays(tmp_path: Path) -> None:
    files = JEKYLL | {"_includes/a.md": "A"}
    body = "`{% include a.md %}`\n\n```\n{% include a.md %}\n```\n\n{% raw %}{% include a.md %}{% endraw %}\n"
    assert read(tmp_path, files, body)[1] == body


def test_no_file_outside_the_folder_of_includes_is_shown(tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("SECRET")
    blog = tmp_path / "blog"
    files = JEKYLL | {"_includes/a.md": "A", "other.md": "OTHER"}
    write(blog, files)
    (blog / "_includes" / "link.md").symlink_to(tmp_path / "secret.md")
    for name in ("../other.md", "../../secret.md", "/etc/hostname", "link.md", str(tmp_path / "secret.md")):
        for tag in ("include", "include_relative"):
            assert "SECRET" not in shown(blog, files, f"x {{% {tag} {name} %}}")
            assert "OTHER" not in shown(blog, files, f"x {{% {tag} {name} %}}")


def test_a_file_beside_the_post_is_included(tmp_path: Path) -> None:
    files = JEKYLL | {"_posts/parts/b.md": "---\nx: y\n---\nB *b*"}
    assert shown(tmp_path, files, "{% include_relative parts/b.md %}") == "<p>B <em>b</em></p>"


def test_what_is_kept_from_readers_is_kept_in_an_included_file_too(tmp_path: Path) -> None:
    files = JEKYLL | {"_includes/a.md": "A <!-- private -->secret<!-- /private --> b"}
    assert "secret" not in read(tmp_path, files, "{% include a.md %}")[1]


def test_a_change_of_an_included_file_changes_how_posts_are_read(tmp_path: Path) -> None:
    write(tmp_path, JEKYLL | {"_includes/a.md": "A", POST: "---\ntitle: A\n---\n{% include a.md %}"})
    source = FolderSource(tmp_path, RULES)
    before = source.fingerprint([POST])
    assert source.fingerprint([POST]) == before
    (tmp_path / "_includes" / "a.md").write_text("B")
    assert source.fingerprint([POST]) != before


def test_where_the_generator_runs_no_such_tags_nothing_is_included(tmp_path: Path) -> None:
    files = {"hugo.toml": "title = 'T'\n", "_includes/a.md": "A"}
    body = "{% include a.md %}"
    assert read(tmp_path, files, body, "content/posts/2024-05-01-a.md")[1] == body


def test_eleventys_includes_stand_in_its_input_folder(tmp_path: Path) -> None:
    files = {
        ".eleventy.js": "module.exports = () => ({ dir: { input: 'src' } })",
        "src/_includes/a.md": "A *a*",
    }
    assert (
        shown(tmp_path, files, '{% include "a.md" %}', "src/posts/2024-05-01-a.md") == "<p>A <em>a</em></p>"
    )


@pytest.mark.parametrize(
    ("body", "made"),
    [
        (
            "{{ site.data.urls.docs_home }}",
            '<p><a href="https://docs.example/">https://docs.example/</a></p>',
        ),
        ("[a]({{ site.data.urls.docs_home }}x)", '<p><a href="https://docs.example/x">a</a></p>'),
        ("{{ site.data.deep.in.a.b | upcase }}", "<p>DEEP</p>"),
        ("{{ site.data.urls.nothing }}x", "<p>x</p>"),
        ('{% assign v = "2.0" %}v{{ v }}', "<p>v2.0</p>"),
        (
            "{% assign v = site.data.urls.docs_home %}[a]({{ v }})",
            '<p><a href="https://docs.example/">a</a></p>',
        ),
        ("{% assign v = 1 %}{% assign v = 2 %}v{{ v }}", "<p>v</p>"),
        ("{% for a in b %}{% assign v = 1 %}{% endfor %}v{{ v }}", "<p>v</p>"),
        ("{% capture v %}two *words*{% endcapture %}a {{ v }}", "<p>a two <em>words</em></p>"),
        ("{% capture v %}{{ x }}{% endcapture %}a {{ v }}", "<p>a</p>"),
        ("`{{ site.data.urls.docs_home }}`", "<p><code>{{ site.data.urls.docs_home }}</code></p>"),
    ],
)
def test_constants_are_shown(body: str, made: str, tmp_path: Path) -> None:
    files = JEKYLL | {
        "_data/urls.yml": "docs_home: https://docs.example/\n",
        "_data/deep/in.json": '{"a": {"b": "deep"}}',
    }
    assert shown(tmp_path, files, body) == made


@pytest.mark.parametrize(
    "scrap",
    ["{% include a.md %}", "{% include ", "{% capture a %}", "{% assign a = ", "{% assign a = 1 %}{% for ",
     "{% include " + " " * 700],
)  # fmt: skip
def test_a_body_of_such_tags_is_quick(scrap: str, tmp_path: Path) -> None:
    files = JEKYLL | {"_includes/a.md": "a {% include b.md %}" * 100, "_includes/b.md": "b" * 1000}
    started = time.process_time()
    read(tmp_path, files, (scrap * (990_000 // len(scrap)))[:990_000])
    assert time.process_time() - started < 3


CREW = {
    "_config.yml": "title: T\nsource: src\ndata_dir: info\nincludes_dir: inc\nlayouts_dir: lay\n"
    "collections_dir: coll\n",
    "src/info/crew.csv": 'name,role,odd key\nAnn,captain,1\n"Bo, Jr",,2\n',
    "src/info/tides.tsv": "name\tport\nLow\tKiel\n",
    "src/info/list.yml": "---\n- name: One\n- name: Two\n  deep: [x, {y: z}]\n",
    "src/info/plain.json": '["a", "b"]',
    "src/inc/a.md": "in *c*",
    "src/_includes/a.md": "elsewhere",
    "_data/crew.yml": "elsewhere: x",
    "src/lay/2024-05-01-post.html": "---\ntitle: L\n---\nlayout",
    "src/_posts/2024-05-01-b.md": "---\ntitle: B\n---\nb",
}


@pytest.mark.parametrize(
    ("body", "made"),
    [  # as Jekyll 4.3 builds it
        ("{% include a.md %}", "<p>in <em>c</em></p>"),
        ('{{ site.data.crew[0].name }}, {{ site.data.crew.first["odd key"] }}', "<p>Ann, 1</p>"),
        ("{{ site.data.crew[-1].name }}{{ site.data.crew[1].role }}.", "<p>Bo, Jr.</p>"),
        ("{{ site.data.crew[7].name }}{{ site.data.crew[0].none }}.", "<p>.</p>"),
        ("{{ site.data.tides[0].port }} {{ site.data['crew'].size }}", "<p>Kiel 2</p>"),
        ("{{ site.data.list.last.deep[1].y }} {{ site.data.plain[1] | upcase }}", "<p>z B</p>"),
        ('{% assign c = site.data.crew[0].name %}{{ c }} {{ c | append: "!" }}', "<p>Ann Ann!</p>"),
        ("{% for p in site.data.plain -%}\nx{{ p }}\n{%- endfor %}", "<p>xaxb</p>"),
        (
            '{% for p in site.data.crew %}{{ forloop.index }}. {{ p["name"] }}'
            ' {{ p.role | default: "none" }}; {% endfor %}',
            "<ol>\n<li>Ann captain; 2. Bo, Jr none;</li>\n</ol>",
        ),
        ("`{{ site.data.plain[0] }}`", "<p><code>{{ site.data.plain[0] }}</code></p>"),
        ("site.data.crew[0].name", "<p>site.data.crew[0].name</p>"),
    ],
)  # fmt: skip
def test_lists_of_data_in_the_folders_that_jekyll_is_told(body: str, made: str, tmp_path: Path) -> None:
    path = "src/coll/_posts/deep/2024-05-01-a.md"
    post, source = read(tmp_path, CREW, body, path)
    html = SafeMarkup("https://blog.example/").html(
        source,
        MarkupLanguage.MARKDOWN,
        base_url=post.url,
        title="A",
        extensions=post.extensions,
        values=post.values,
    )
    assert (html, post.permalink) == (made, "/2024/05/01/a.html")
    assert (
        SafeMarkup("").removed(source, MarkupLanguage.MARKDOWN, post.extensions, post.values) == []
        or "`" in body
    )


def test_only_the_posts_of_jekylls_own_folder_are_posts(tmp_path: Path) -> None:
    write(tmp_path, CREW)
    found = FolderSource(tmp_path, RULES).scan()
    why = {it.post.path: it.post.hidden for it in found if isinstance(it, ParsedPost)}
    assert None not in why.values()
    assert why["src/_posts/2024-05-01-b.md"] == "outside collections_dir: coll"


def test_a_list_that_is_not_known_is_left_out_and_said(tmp_path: Path) -> None:
    for body in (
        "{% for p in site.data.none %}x{% endfor %}",
        "{% for p in site.data.crew limit: 1 %}x{% endfor %}",
        "{% for p in site.data.crew %}{% if p.role %}x{% endif %}{% endfor %}",
    ):
        post, source = read(tmp_path, CREW, body, "src/coll/_posts/2024-05-01-a.md")
        removed = SafeMarkup("").removed(source, MarkupLanguage.MARKDOWN, post.extensions, post.values)
        assert removed or post.warnings


def test_lines_of_warnings_are_those_of_the_file(tmp_path: Path) -> None:
    files = JEKYLL | {
        "_includes/long.md": "one\n\n[two](no-0.md)\n\nthree\n",
        "_includes/short.md": "in line",
        "_data/plain.json": '["a", "b", "c"]',
    }
    body = (
        "[a](no-1.md)\n\n{% include long.md %}\n\n[b](no-2.md) {% include\n  short.md %}\n[c](no-3.md)\n\n"
        "{% private %}\nhush\n\nhush\n{% endprivate %}\n[d](no-4.md)\n"
        "{% for p in site.data.plain %}\n- {{ p }}\n{% endfor %}\n{% if page.x %}\nno\n{% endif %}\n"
        "[e](no-5.md)\n{% odd %}\n{% comment %}\nx\n{% endcomment %}\n\n{% odder %}\n"
    )
    write(tmp_path, files | {POST: f"---\ntitle: A\n---\n{body}"})
    scanned = (it for it in FolderSource(tmp_path, RULES).scan() if isinstance(it, ParsedPost))
    found = next(it for it in scanned if it.post.path == POST)
    lines = (tmp_path / POST).read_text().split("\n")
    said = [warning.removeprefix("line ").split(": ", 1) for warning in found.post.warnings]
    links = {what.split("'")[1]: lines[int(line) - 1] for line, what in said}
    assert "{% include long.md %}" in links.pop("no-0.md")
    assert len(links) == 5
    assert all(link in line for link, line in links.items())
    removed = SafeMarkup("").removed(
        found.body, MarkupLanguage.MARKDOWN, found.post.extensions, found.post.values
    )
    assert [(tag, lines[found.in_file(line) - 1]) for line, tag in removed] == [
        ("{% odd %}", "{% odd %}"),
        ("{% odder %}", "{% odder %}"),
    ]


PIECES = st.lists(
    st.tuples(st.sampled_from(["a\n", "", "b\n\nc\n"]), st.sampled_from(["", "x", "x\ny", "x\n\n"]))
)


@given(PIECES, st.sampled_from(["", "t", "t\n", "\nt\n"]))
def test_a_line_after_what_is_put_in_is_the_line_it_was_on(pieces: list[tuple[str, str]], old: str) -> None:
    body, changes = "", []
    for number, (before, new) in enumerate(pieces):
        body += f"{before}\nmark{number}\n"
        changes.append((len(body), len(body) + len(old), new))
        body += f"{old}\nend{number}\n"
    made, shifts = splice(body, changes)
    was = body.split("\n")
    for line, text in enumerate(made.split("\n"), 1):
        if text.startswith(("mark", "end")):
            assert was[original_line(line, shifts) - 1] == text
