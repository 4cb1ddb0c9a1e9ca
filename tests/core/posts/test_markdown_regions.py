"""A passage between tags that hide it is removed whole; a text that only mentions such tags stays."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.posts.markdown_regions import (
    MANY_SIGNS,
    PRIVATE_TAG_NAMES,
    may_have_private_passages,
    remove_private_passages,
)

WAYS = {
    "liquid": ("{{% {0} %}}", "{{% end{0} %}}"),
    "liquid with words": ('{{%- {0} "hunter2" -%}}', "{{%- end{0} -%}}"),
    "hugo": ('{{{{< {0} "hunter2" >}}}}', "{{{{< /{0} >}}}}"),
    "hugo's markdown": ("{{{{% {0} %}}}}", "{{{{%/{0}%}}}}"),
    "zola": ('{{% {0}(key="hunter2") %}}', "{{% end %}}"),
    "element": ('<{0} level="gold">', "</{0}>"),
    "bracket": ("[{0} level=2]", "[/{0}]"),
    "remark": ("<!-- {0} -->", "<!-- /{0} -->"),
}


def shown(source: str, *, markdown: bool = True) -> str:
    return remove_private_passages(source, markdown=markdown)[0]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", PRIVATE_TAG_NAMES)
def test_a_passage_goes_with_its_tags_and_leaves_its_lines(way: str, name: str) -> None:
    opening, closing = (text.format(name) for text in WAYS[way])
    source = f"Open.\n\n{opening}\nhush\n\n- hush\n{closing}\n\nMore {opening}hush{closing}words.\n"
    text, unclosed = remove_private_passages(source, markdown=True)
    assert "hush" not in text
    assert text.split() == ["Open.", "More", "words."]
    assert (text.count("\n"), unclosed) == (source.count("\n"), [])
    assert "hush" not in shown(source.replace(name, name.upper()))


@given(st.data())
def test_whatever_is_nested_in_a_passage_goes_with_it(data: st.DataObject) -> None:
    def passage(depth: int) -> str:
        opening, closing = WAYS[data.draw(st.sampled_from(sorted(WAYS)))]
        name = data.draw(st.sampled_from(PRIVATE_TAG_NAMES))
        inner = data.draw(
            st.sampled_from(["hush", "hush `code`", "hush\n\nhush", "{% note() %}hush{% end %}"])
        )
        more = passage(depth - 1) if depth and data.draw(st.booleans()) else ""
        return f"{opening.format(name)}\n{inner}\n{more}\nhush{closing.format(name)}"

    parts = [f"word{n}\n\n{passage(2)}\n" for n in range(data.draw(st.integers(1, 4)))]
    text, unclosed = remove_private_passages("".join([*parts, "end"]), markdown=True)
    assert text.split() == [*(f"word{n}" for n in range(len(parts))), "end"]
    assert unclosed == []


@pytest.mark.parametrize("name", PRIVATE_TAG_NAMES)
def test_one_that_nothing_closes_hides_the_rest_and_says_where(name: str) -> None:
    for opening in (f"{{% {name} %}}", f'{{{{< {name} "x" >}}}}', f"{{{{% {name} %}}}}", f"{{% {name} 'x'"):
        text, unclosed = remove_private_passages(f"Open.\n\n{opening}\nhush\n\nhush\n", markdown=True)
        assert text.split() == ["Open."]
        assert unclosed == [(3, opening)]
    assert shown(f"Open.\n\n<{name}>\n\nhush\n").split() == ["Open."]


@pytest.mark.parametrize(
    "source",
    [
        "The password is a secret; members only, private, encrypted and protected.\n",
        "{% private_notes %}a{% endprivate_notes %} {{< secrets >}}b{{< /secrets >}} <Passwords/>\n",
        "{% include password.html %} {% include members %} {{< figure src='private.png' >}}\n",
        "{{< members/list >}} {{< private.html >}} {{ password }} {{ page.private }} {{ site.members }}\n",
        "ssh <password>@host, or `<secret>`, and [members](/members) and [private][1] and [secret]: x\n",
        "[password]\n\n<!-- private -->\n\nwords\n",
        "{{< secret />}} words <Members /> words <Private/>\n",
        "encryptedText <private-note>a</private-note> <encrypt.x>b</encrypt.x>\n",
        "```\n{% encrypt %}\nkeys\n{% endencrypt %}\n```\nwords\n",
        "`{% encrypt %}` begins it, `{% endencrypt %}` ends it.\n",
        "Text:\n\n    {{< secret >}}\n    keys\n    {{< /secret >}}\n\nwords\n",
        "{% raw %}{% encrypt %}a{% endencrypt %}{% endraw %} words\n",
        "{% highlight liquid %}\n{% private %}a{% endprivate %}\n{% endhighlight %}\nwords\n",
        "{{</* secret */>}} words {{</* /secret */>}}\n",
    ],
)
def test_what_only_has_these_words_stays(source: str) -> None:
    assert remove_private_passages(source, markdown=True) == (source, [])


def test_a_stray_mark_of_code_shows_nothing() -> None:
    assert "hush" not in shown("Words.\n\n    {% encrypt %}\n\nhush\n\n{% endencrypt %}\n\nMore.\n")
    assert "hush" not in shown("{% encrypt %}\nhush ` hush\n{% endencrypt %}\n")


def test_tags_that_cross_hide_all_that_either_hides() -> None:
    crossed = "a {% encrypt %}hush{% private %}hush{% endencrypt %}hush{% endprivate %} b"
    assert shown(crossed).split() == ["a", "b"]


def test_comments_of_kramdown_go() -> None:
    assert shown("a\n\n{::comment}\nhush\n{:/comment}\n\nb").split() == ["a", "b"]
    assert shown("a {::comment}hush{:/} b {::comment}hush{:/comment} c").split() == ["a", "b", "c"]
    assert shown("`{::comment}` a {::options auto_ids='false' /}").startswith("`{::comment}` a")


def test_html_has_no_code_of_markdown() -> None:
    assert "hush" not in shown(
        "<p>a</p>\n    {% encrypt %}\n    `hush`\n    {% endencrypt %}\n", markdown=False
    )


@given(st.text("{}%<>/[]-! \n`abencryptsm:()", max_size=200), st.booleans())
def test_any_text_keeps_its_lines_and_is_the_same_when_looked_at_again(text: str, markdown: bool) -> None:
    once = shown(text, markdown=markdown)
    assert once.count("\n") == text.count("\n")
    assert len(once) <= len(text)
    assert set(re.findall(r"\S", once)) <= set(re.findall(r"\S", text))


@pytest.mark.parametrize(
    "piece",
    [
        "{% encrypt %}",
        "{% endencrypt %}",
        "{% encrypt ",
        "{{< secret >}}",
        "<private ",
        "[members] ",
        "{% raw %}",
        "{% x(",
        "{::comment ",
        "<private>\n",
        "{% highlight ",
        "<!-- secret -->",
        "`{% encrypt %}` {% endencrypt %}",
    ],
)
def test_a_hostile_text_is_read_in_one_pass(piece: str) -> None:
    text = piece * 4_000 + "{% private %}"
    assert shown(text).count("\n") == text.count("\n")


def test_what_follows_ghosts_mark_is_for_members_and_nobody_is_warned() -> None:
    for mark in ("<!--members-only-->", "<!-- members-only -->", "<!--MEMBERS-ONLY-->"):
        for markdown in (True, False):
            source = f"Open.\n{mark}\nhush\n\n```\nhush\n```\n<!-- private -->hush<!-- /private -->hush"
            text, unclosed = remove_private_passages(source, markdown=markdown)
            assert (text.split(), text.count("\n"), unclosed) == (["Open."], source.count("\n"), [])
    assert shown("`<!--members-only-->` divides a post") == "`<!--members-only-->` divides a post"
    assert shown("a <!--members-only-->hush<!-- /members-only --> b").split() == ["a", "b"]


def test_a_block_that_ghost_shows_to_some_goes_and_one_for_everybody_stays() -> None:
    gated = '<!--kg-gated-block:begin nonMember:{} memberSegment:"status:free" -->{}<!--kg-gated-block:end-->'
    source = f"a {gated.format('false', 'hush')} {gated.format('true', 'open')} b"
    assert re.sub("<!--.*?-->", "", shown(source)).split() == ["a", "open", "b"]
    text, unclosed = remove_private_passages(
        "a\n<!--kg-gated-block:begin nonMember:false -->\nhush", markdown=False
    )
    assert (text.split(), [line for line, _ in unclosed]) == (["a"], [2])


PIECES = (
    *(
        "word ",
        "\n",
        "{",
        "{{",
        "{%",
        "{% ",
        "[",
        "](x)",
        "<",
        "<!--",
        "<!-- ",
        "-->",
        "/",
        "end",
        "end_",
        " ",
        ">",
    ),
    *("secret", "Private", "members-only", "members_only", "comment", "{::comment", "kg-gated-block", "İ"),
)


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_a_body_with_many_signs_is_judged_as_one_with_few(source: str) -> None:
    filler = "[x] " * MANY_SIGNS
    assert may_have_private_passages(source) == may_have_private_passages(f"{source}\n{filler}")
