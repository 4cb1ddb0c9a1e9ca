"""Text as authors write it about templates, and as nobody does: it holds no mail and breaks no feed."""

from hypothesis import strategies as st

TEMPLATES = (
    "{{ name }}", "${{ secrets.X }}", "%(name)s", "{% if x %}", "{%- raw -%}", "{% endraw %}", "{{", "}}",
    "{%", "&#123;&#123; x }}", "{{< figure src=\"a\" >}}", "{{</* youtube id */>}}", "{{% note %}}",
    "<%= x %>", "<%", "{# remark #}", "#{x}", "$x", "*|FNAME|*", "[[name]]", "{name}", "%name%", "{{{ x }}}",
    "{{#each}}", "mark0123456789abcdef01234567", "%%name%%", "{$x}", "@{{ x }}", "\\{{ x }}",
)  # fmt: skip
"""What begins a place in some language of templates, or ends one."""

ODD = (
    "\x00", "\x07", "\x1b[31m", "\x85", "\r", "\n", "\t", "\u2028", "\ufeff", "\u200b", "\ufdd0", "\ufffe",
    "\u202e", "🙂", "e\u0301", "<", ">", "&", '"', "'", "&amp;", "]]>", "<!--", "-->", "</td>", "</title>",
    "<p>", "<script>", "class=", " alt=", " style=", "=?utf-8?q?x?=", "Bcc: all@example.org", ",", ";", ":",
    "|", "\\", "#", "- ", "`", "*", "![", "](", ")", "javascript:x", "file:///x", "ftp://e.example/x", "http://[x",
    "http://localhost:3000/",
    "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7",
)  # fmt: skip

WORDS = st.one_of(st.sampled_from(TEMPLATES), st.sampled_from(ODD), st.text(max_size=6))
LINES = st.lists(WORDS, max_size=8).map("".join)
"""Anything that a field of front matter may hold."""

BODIES = st.lists(
    st.one_of(
        WORDS,
        st.sampled_from(["\n\n", "\n", "    ", "```\n", "# ", "> ", "1. ", "|a|\n|-|\n"]),
        st.builds("[{}]({})".format, WORDS, WORDS),
        st.builds("![{}]({})".format, WORDS, WORDS),
        st.builds('<img src="{}" alt="{}">'.format, WORDS, WORDS),
        st.builds('<img data-src="{}" class="lazy" width="1" height="1">'.format, WORDS),
        st.builds('<a href="{}" title="{}">{}</a>'.format, WORDS, WORDS, WORDS),
        st.builds("`{}`".format, WORDS),
    ),
    max_size=20,
).map("".join)
