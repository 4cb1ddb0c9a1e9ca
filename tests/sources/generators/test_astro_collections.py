"""Astro's posts are where its pages show them, and its schemas fill in what they do not say."""

from pathlib import Path

import folders
import pytest

from publisher.core.posts.post import Post
from publisher.sources import FolderSource

POST = "---\ntitle: T\npubDate: 2024-05-01\n---\nBody\n"
SCHEMA = """
const PLACE = "src/data/log";
const author = z.string().default("Nobody");
const log = defineCollection({
  loader: glob({ pattern: "**/*.md", base: `./${PLACE}` }),
  schema: ({ image }) =>
    z.object({
      title: z.string(),
      author: z.string().default("Ann"),
      draft: z.boolean().optional().default(false),
      tags: z.array(z.string()).default(["tides", 'others']),
      cover: image().optional(),
      pubDate: z.coerce.date().default(() => new Date()),
    }),
});
const notes: Collection = defineCollection({ schema: z.object({ lang: z.enum(["de"]).default('de') }) });
export const collections = { logbook: log, notes };
"""
PAGE = "---\nconst entries = await getCollection('{}', ({{ data }}) => !data.draft);\n---\n<Content />\n"


def read(root: Path, files: dict[str, str]) -> dict[str, Post]:
    return folders.read(root, {"astro.config.mjs": "", **files})


@pytest.mark.parametrize(
    ("page", "permalink"),
    [
        ("posts/[...slug].astro", "/posts/2024/low-tide/"),
        ("[slug]/index.astro", "/2024/low-tide/"),
        ("sea/log/[id].astro", "/sea/log/2024/low-tide/"),
        ("tags/[tag].astro", "/log/2024/low-tide/"),  # a list of posts
        ("[lang]/posts/[slug].astro", "/log/2024/low-tide/"),  # nobody knows which language
        ("_old/[slug].astro", "/log/2024/low-tide/"),  # no page
        ("posts/[slug].png.ts", "/log/2024/low-tide/"),
    ],
)
def test_a_post_is_where_a_page_shows_its_collection(page: str, permalink: str, tmp_path: Path) -> None:
    path = "src/data/log/2024/Low Tide.md"
    pages = {f"src/pages/{page}": PAGE.format("logbook"), "src/pages/x/[slug].astro": PAGE.format("notes")}
    found = read(tmp_path, {"src/content.config.ts": SCHEMA, path: POST, **pages})[path]
    assert found.permalink == permalink


@pytest.mark.parametrize(
    ("text", "permalink"),
    [
        (PAGE.format("notes"), "/n/a/"),
        ('type Props = { post: CollectionEntry<"notes"> };\nconst posts = await all();', "/n/a/"),
        ('const post = await getEntry("notes", Astro.params.slug);', "/n/a/"),
        (PAGE.format("notes") + "getCollection('logbook')", "/notes/a/"),  # which of them?
        (PAGE.format("notes") + "paginate(entries)", "/notes/a/"),
        ("", "/notes/a/"),
    ],
)
def test_a_page_shows_a_collection_where_it_asks_for_no_other(
    text: str, permalink: str, tmp_path: Path
) -> None:
    path = "src/content/notes/a.md"
    assert read(tmp_path, {"src/pages/n/[slug].astro": text, path: POST})[path].permalink == permalink


@pytest.mark.parametrize(
    ("config", "permalink"),
    [
        ("export default { trailingSlash: 'never' }", "/n/a"),
        ('export default { build: { format: "file" } }', "/n/a"),
        ("export default { trailingSlash: 'always' }", "/n/a/"),
    ],
)
def test_an_address_ends_as_the_configuration_says(config: str, permalink: str, tmp_path: Path) -> None:
    files = {"astro.config.mjs": config, "src/pages/n/[slug].astro": PAGE.format("notes")}
    path = "src/content/notes/a.md"
    assert read(tmp_path, {**files, path: POST})[path].permalink == permalink


def test_a_slug_is_all_of_a_posts_name_in_its_collection(tmp_path: Path) -> None:
    path = "src/content/notes/sub/a.md"
    text = POST.replace("title: T", "title: T\nslug: mine/own")
    assert read(tmp_path, {path: text})[path].permalink == "/notes/mine/own/"


def test_a_schema_fills_in_what_posts_do_not_say(tmp_path: Path) -> None:
    own = POST.replace("title: T", "title: T\nauthor: Bo\ntags: [x]")
    found = read(
        tmp_path,
        {
            "src/content/config.ts": SCHEMA,
            "src/data/log/a.md": POST,
            "src/data/log/b.md": own,
            "src/content/notes/c.md": POST,
        },
    )
    said = {path: (post.authors, post.tags, post.language) for path, post in found.items()}
    assert [person.name for person in said["src/data/log/a.md"][0]] == ["Ann"]
    assert said["src/data/log/a.md"][1:] == (("tides", "others"), "en")
    assert [person.name for person in said["src/data/log/b.md"][0]] == ["Bo"]
    assert said["src/data/log/b.md"][1] == ("x",)
    assert said["src/content/notes/c.md"] == ((), (), "de")
    assert all(post.hidden is None for post in found.values())


def test_a_blog_without_pages_or_schemas_is_read_too(tmp_path: Path) -> None:
    path = "src/content/notes/a.md"
    files = {"src/content.config.ts": "const a = b = {{{ defineCollection(", "src/pages": "no folder"}
    assert read(tmp_path, {**files, path: POST})[path].permalink == "/notes/a/"


def loader(pattern: str, base: str = ", base: './src/log'") -> str:
    glob = f"glob({{ pattern: {pattern}{base} }})"
    return (
        f"const log = defineCollection({{ loader: {glob}, schema }});\nexport const collections = {{ log }};"
    )


NAMES = ("a.md", "_b.md", "sub/c.mdx", "drafts/d.md", "e.markdown", "sub/draft-f.md")


@pytest.mark.parametrize(
    ("pattern", "kept"),
    [  # as tinyglobby and micromatch match them
        ("'**/*.{md,mdx}'", "a.md _b.md sub/c.mdx drafts/d.md sub/draft-f.md"),
        ("'**/[^_]*.md'", "a.md drafts/d.md sub/draft-f.md"),
        ('["**/*.md", "!drafts/**", "!**/_*"]', "a.md sub/draft-f.md"),
        ("`*.md`", "a.md _b.md"),
        ("'**/!(draft-*|_*).md'", "a.md drafts/d.md"),
        ("'**/@(a|c).{md,mdx}'", "a.md sub/c.mdx"),
        ("'./sub/**/*'", "sub/c.mdx sub/draft-f.md"),
        ("'!(a|e)*'", "_b.md"),
        ("patterns", " ".join(NAMES)),
    ],
)
def test_a_collection_has_the_files_of_its_pattern(pattern: str, kept: str, tmp_path: Path) -> None:
    files = {"src/content.config.ts": loader(pattern), **{f"src/log/{name}": POST for name in NAMES}}
    found = read(tmp_path, files)
    left = {path[8:]: post.hidden for path, post in found.items()}
    own = ("a name that begins with _", "in drafts", None)
    assert {name for name in NAMES if left[name] in own} == set(kept.split())


def test_a_pattern_without_a_base_is_from_the_root(tmp_path: Path) -> None:
    files = {
        "src/content.config.ts": loader("'posts/**/*.md'", ""),
        **dict.fromkeys(("posts/a.md", "other/b.md", "src/pages/c.md"), POST),
    }
    left = {path: post.hidden for path, post in read(tmp_path, files).items()}
    assert left == {"posts/a.md": None, "other/b.md": "not in the pattern", "src/pages/c.md": None}


def test_the_pattern_of_a_folder_that_only_code_knows_leaves_nothing_out(tmp_path: Path) -> None:
    for number, base in enumerate((", base: FOLDER", ", base: `${ROOT}/log`", ", base: resolve('log')")):
        files = {"src/content.config.ts": loader("'*.md'", base), "src/log/sub/c.md": POST}
        assert read(tmp_path / str(number), files)["src/log/sub/c.md"].hidden is None


def test_a_data_file_that_pages_show_posts_of_is_named(tmp_path: Path) -> None:
    schema = (
        "const posts = defineCollection({ loader: file('./src/data/posts.json') });\n"
        "const people = defineCollection({ loader: file('src/data/people.json') });\n"
        "export const collections = { posts, people };"
    )
    page = {"src/pages/posts/[slug].astro": PAGE.format("posts")}
    files = {"src/content.config.ts": schema, "src/content/posts/a.md": POST, **page}
    assert read(tmp_path, files)["src/content/posts/a.md"].hidden == "outside its collections"
    source = FolderSource(tmp_path, folders.RULES, tmp_path)
    assert list(source.unreadable()) == [("src/data/posts.json", "a data file of posts")]
