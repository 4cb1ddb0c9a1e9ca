"""Bodies, made safe: body source -> safe HTML | text | summary | excerpt.

    safe        who is asked; what is kept of it              making      the way of a body
    commonmark  Markdown -> HTML (comrak)
    templates   generators' template code, resolved or gone   sanitise    any HTML -> safe HTML (nh3)
    extras, boxes, kramdown, jsx, mdx, components  what other engines read in Markdown: as CommonMark has it
    definitions, abbreviations, math, emoji  what only some engines read
    shortcodes, elsewhere  tags and what they show            liquid, braces  expressions
    leftout     what goes though it may have meant something
    urls        every URL absolute
    stream      safe HTML as pieces                           limits      bodies too odd to be parsed
    pictures    sizes of pictures that are known              kept        bodies that were made safe before
    prose, outline, inline, texttables  safe HTML -> text as a person types it
    excerpts    leading blocks within a budget

Invariant: nothing reaches `stream`, `prose` or `excerpts` that has not passed `sanitise`.
"""

from publisher.markup.markup import SafeMarkup

__all__ = ["SafeMarkup"]
