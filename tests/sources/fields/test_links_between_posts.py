"""A link to another post by its file becomes the other's address, however its generator writes it."""

from pathlib import Path

import pytest
from declared import source_rules

from publisher.core.posts.post import BadPost, FileStat, ParsedPost
from publisher.sources import FolderSource

RULES = source_rules(site_url="https://x.example/")
JEKYLL = {"_config.yml": "title: x\npermalink: /:year/:title/\n"}
HUGO = {"hugo.toml": "title='x'\n"}
ZOLA = {"zola.toml": "base_url='https://x.example/'\n"}
HEXO = {"_config.yml": "source_dir: source\n"}
DOCUSAURUS = {"docusaurus.config.js": ""}
PELICAN = {"pelicanconf.py": "ARTICLE_URL = '{slug}.html'\n"}
DATED = "---\ntitle: A title\ndate: 2024-05-01\n---\n"


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def body(root: Path, path: str, folder: str = "") -> str:
    found = {
        item.post.path: item
        for item in FolderSource(root / folder, RULES).scan()
        if isinstance(item, ParsedPost)
    }
    return found[path].body.strip()


@pytest.mark.parametrize(
    ("config", "other", "path", "link", "made"),
    [
        (JEKYLL, "_posts/2024-05-01-other.md", "_posts/2024-05-02-a.md",
         "[o]({% post_url 2024-05-01-other %})", "[o](https://x.example/2024/other/)"),
        (JEKYLL, "_posts/sub/2024-05-01-other.markdown", "_posts/2024-05-02-a.md",
         "[o]({%- post_url sub/2024-05-01-other -%}#x)", "[o](https://x.example/2024/other/#x)"),
        (JEKYLL, "blog/_posts/2024-05-01-other.md", "_posts/2024-05-02-a.md",
         "{{ site.baseurl }}{% post_url 2024-05-01-other %}",
         "https://x.example/2024/other/"),
        (JEKYLL, "_posts/2024-05-01-other.md", "_posts/2024-05-02-a.md",
         "[o]({% link _posts/2024-05-01-other.md %})", "[o](https://x.example/2024/other/)"),
        (JEKYLL, "_posts/2024-05-01-other.md", "_posts/2024-05-02-a.md",
         "[o](2024-05-01-other.md)", "[o](https://x.example/2024/other/)"),
        (JEKYLL, "_posts/2024-05-01-other.md", "_posts/2024-05-02-a.md",
         "[o]({{ site.url }}{{ site.baseurl }}{% link _posts/2024-05-01-other.md %})",
         "[o](https://x.example/2024/other/)"),
        (HUGO, "content/posts/other.md", "content/posts/a.md",
         '[o]({{< ref "posts/other.md" >}})', "[o](https://x.example/posts/other/)"),
        (HUGO, "content/posts/other/index.md", "content/posts/a.md",
         "[o]({{% relref '/posts/other' %}})", "[o](https://x.example/posts/other/)"),
        (HUGO, "content/notes/other.md", "content/posts/a.md",
         '[o]({{< relref path="other.md#top" >}})', "[o](https://x.example/notes/other/#top)"),
        (ZOLA, "content/blog/other.md", "content/blog/a.md",
         "[o](@/blog/other.md#x)", "[o](https://x.example/blog/other/#x)"),
        (ZOLA, "content/blog/other.md", "content/blog/a.md",
         '<a href="@/blog/other.md#x">o</a>', '<a href="https://x.example/blog/other/#x">o</a>'),
        (ZOLA, "content/blog/other.md", "content/blog/a.md",
         '[o]({{ get_url(path="@/blog/other.md") }}) {{ get_url(path="other") }}',
         '[o](https://x.example/blog/other/) {{ get_url(path="other") }}'),
        (HEXO, "source/_posts/other.md", "source/_posts/a.md",
         "{% post_link other 'Its words' %}",
         '<a href="https://x.example/2024/05/01/other/">Its words</a>'),
        (HEXO, "source/_posts/other.md", "source/_posts/a.md",
         "{% post_link other %}", '<a href="https://x.example/2024/05/01/other/">A title</a>'),
        (DOCUSAURUS, "blog/2024-05-01-other.md", "blog/a.md",
         "[f](pathname:///f/a.zip)", "[f](https://x.example/f/a.zip)"),
        (HEXO, "source/_posts/other.md", "source/_posts/a.md",
         "[o]({% post_path other %})", "[o](https://x.example/2024/05/01/other/)"),
        (DOCUSAURUS, "blog/2024-05-01-other.md", "blog/a.md",
         "[o](./2024-05-01-other.md) [p](../blog/2024-05-01-other.md 'T')",
         "[o](https://x.example/blog/2024/05/01/other) [p](https://x.example/blog/2024/05/01/other 'T')"),
        (ZOLA, "content/blog/other.md", "content/blog/a.md",
         "[o][1]\n\n[1]: @/blog/other.md#x", "[o][1]\n\n[1]: https://x.example/blog/other/#x"),
        (DOCUSAURUS, "blog/2024-05-01-other.md", "blog/a.md",
         "[o]\n\n[o]: <./2024-05-01-other.md> 'T'",
         "[o]\n\n[o]: https://x.example/blog/2024/05/01/other 'T'"),
        (DOCUSAURUS, "blog/2024-05-01-other.md", "i18n/fr/docusaurus-plugin-content-blog/a.md",
         "[o](./2024-05-01-other.md)", "[o](https://x.example/blog/2024/05/01/other)"),
        (DOCUSAURUS, "blog/2024-05-01-my other.md", "blog/a.md",
         "[o](2024-05-01-my%20other.md) [p](<2024-05-01-my other.md>)",
         "[o](https://x.example/blog/2024/05/01/my%20other) [p](https://x.example/blog/2024/05/01/my%20other)"),
        (JEKYLL, "_posts/2024-05-01-other.md", "_posts/2024-05-02-a.md",
         "<a href='2024-05-01-other.md?a=1'>o</a> <a href=\"{% post_url 2024-05-01-other %}\">p</a>",
         "<a href='https://x.example/2024/other/?a=1'>o</a> <a href=\"https://x.example/2024/other/\">p</a>"),
        (JEKYLL, "_posts/2024-05-01-other.md", "_posts/2024-05-02-a.md",
         "[o]\n\n[o]: {% post_url 2024-05-01-other %}", "[o]\n\n[o]: https://x.example/2024/other/"),
        (HUGO, "content/posts/other.md", "content/posts/a.md",
         "![i](../../static/img/a%20b.png) <img src=\"../../static/x.png\"> [t](/static/y.png)",
         "![i](https://x.example/img/a%20b.png) <img src=\"https://x.example/x.png\"> [t](/static/y.png)"),
        (DOCUSAURUS, "blog/2024-05-01-other.md", "blog/a.md",
         "![i](@site/static/img/x.png) [o](../static/f.pdf#p)",
         "![i](https://x.example/img/x.png) [o](https://x.example/f.pdf#p)"),
        (PELICAN, "content/dir/other.md", "content/dir/a.md",
         "![s]({static}/i/p.png) ![t]({static}q.png) ![u]({attach}img/r.png) ![v]({attach}/i/p.png)",
         "![s](https://x.example/i/p.png) ![t](https://x.example/dir/q.png) ![u](img/r.png) ![v](p.png)"),
        (PELICAN, "content/dir/other.md", "content/dir/a.md",
         "<img src=\"|static|/images/p.png\"> [c](|filename|other.md) [t]({tag}Foo%20Bar) [i]({index})",
         "<img src=\"https://x.example/images/p.png\"> [c](https://x.example/a-title.html)"
         " [t](https://x.example/tag/foo-bar.html) [i](https://x.example/)"),
        (PELICAN, "content/dir/other.md", "content/a.md",
         "[o]({filename}dir/other.md) [p]({filename}/dir/other.md)",
         "[o](https://x.example/a-title.html) [p](https://x.example/a-title.html)"),
    ],
)  # fmt: skip
def test_a_link_by_a_file_is_the_address_of_its_post(
    config: dict[str, str], other: str, path: str, link: str, made: str, tmp_path: Path
) -> None:
    write(tmp_path, {**config, other: DATED + "Text\n", path: DATED + link + "\n"})
    assert body(tmp_path, path) == made


@pytest.mark.parametrize(
    "text",
    [
        "`{% post_url 2024-05-01-other %}`",
        "```\n[o](2024-05-01-other.md)\n```",
        "[o]({% post_url 2024-01-01-none %})",
        "[o](https://y.example/2024-05-01-other.md) [p](//y.example/2024-05-01-other.md)",
        "[o](README.md) [p](#x.md)",
        "[o]({% post_url 2024-05-01-draft %})",
    ],
)
def test_code_and_what_leads_to_no_post_stay_as_they_are(text: str, tmp_path: Path) -> None:
    others = {
        "_posts/2024-05-01-other.md": DATED,
        "_posts/2024-05-01-draft.md": "---\ntitle: D\ndraft: true\n---\n",
    }
    write(tmp_path, {**JEKYLL, **others, "_posts/2024-05-02-a.md": DATED + text + "\n"})
    assert body(tmp_path, "_posts/2024-05-02-a.md") == text


def test_a_name_that_two_posts_bear_is_no_link(tmp_path: Path) -> None:
    twins = {f"content/{name}/other.md": DATED for name in ("b", "c")}
    write(tmp_path, {**HUGO, **twins, "content/a.md": DATED + '[o]({{< ref "other" >}})\n'})
    assert body(tmp_path, "content/a.md") == '[o]({{< ref "other" >}})'


def test_a_post_that_links_to_another_is_read_again_while_the_other_may_change(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            **JEKYLL,
            "_posts/2024-05-01-o.md": DATED,
            "_posts/2024-05-02-a.md": DATED + "[o](2024-05-01-o.md)\n",
        },
    )
    source = FolderSource(tmp_path, RULES)
    paths = sorted(file.path for file in source.files() if isinstance(file, FileStat))
    source.fingerprint(paths)
    other, linking = source.read_many(paths, {})
    assert (other.alone, linking.alone) == (True, False)
    write(tmp_path, {"_posts/2024-05-01-o.md": "---\ntitle: O\npermalink: /moved/\n---\n"})
    (again,) = source.read_many(paths[1:], {})
    assert isinstance(again.result, ParsedPost)
    assert again.result.body == "[o](https://x.example/moved/)\n"


def test_the_mark_that_ends_a_summary_is_found_where_addresses_made_a_body_longer(tmp_path: Path) -> None:
    text = "[o](2024-05-01-o.md) and words <!-- more --> more words\n"
    write(tmp_path, {**JEKYLL, "_posts/2024-05-01-o.md": DATED, "_posts/2024-05-02-a.md": DATED + text})
    (found,) = (
        item
        for item in FolderSource(tmp_path, RULES).scan()
        if not isinstance(item, BadPost) and item.post.lead
    )
    assert found.body[: found.post.lead] == "[o](https://x.example/2024/o/) and words "


@pytest.mark.parametrize(
    ("link", "made"),
    [
        ("./b.md", "posts/b"),
        ("b.fr.md", "fr/posts/b"),
        ("/posts/b", "posts/b"),
        ("c.md", "posts/c"),
        ("d.md", "fr/posts/d"),
    ],
)
def test_the_exact_path_is_meant_then_the_same_language_then_another(
    link: str, made: str, tmp_path: Path
) -> None:
    languages = "defaultContentLanguage='en'\n[languages.en]\n[languages.fr]\n"
    names = ("b.fr", "b", "c.fr", "c.en", "d.fr")
    posts = {f"content/posts/{name}.md": DATED for name in names}
    text = f"[o]({link})" if link.endswith(".md") else f'[o]({{{{< ref "{link}" >}}}})'
    write(tmp_path, {"hugo.toml": languages, **posts, "content/posts/a.md": DATED + text + "\n"})
    assert body(tmp_path, "content/posts/a.md") == f"[o](https://x.example/{made}/)"


def test_a_link_to_no_public_post_is_said_with_its_line(tmp_path: Path) -> None:
    text = "Text\n\n[o](./none.md) `[p](./code.md)`\n\n    [q](./code.md)\n\n{% post_url 2024-01-01-none %}\n"
    write(tmp_path, {**JEKYLL, "_posts/2024-05-02-a.md": DATED + text})
    (found,) = FolderSource(tmp_path, RULES).scan()
    assert isinstance(found, ParsedPost)
    assert found.post.warnings == (
        "line 7: './none.md' leads nowhere; correct the link",
        "line 11: '{% post_url 2024-01-01-none %}' leads nowhere; correct the link",
    )


def test_pelicans_words_lead_to_the_pages_that_its_settings_name(tmp_path: Path) -> None:
    settings = (
        "TAG_URL = 'topics/{slug}/'\nTAG_SAVE_AS = 'topics/{slug}/index.html'\n"
        "CATEGORY_URL = 'in/' + '{slug}.html'\nAUTHOR_SAVE_AS = ''\n"
    )
    body = "[t]({tag}Low%20Tide) [c]({category}Sea) [a]({author}Jo)"
    files = {"pelicanconf.py": settings, "content/a.md": f"Title: A\nDate: 2024-05-01\n\n{body}\n"}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (found,) = FolderSource(tmp_path, RULES, tmp_path).scan()
    assert isinstance(found, ParsedPost)
    site = RULES.site_url
    assert found.body.strip() == f"[t]({site}topics/low-tide/) [c]({site}in/sea.html) [a]({{author}}Jo)"
    assert found.post.warnings == ("line 4: '{author}Jo' leads nowhere; correct the link",)
