"""Rendering: a digest becomes subject, text and HTML; values become pages. Jinja2 and premailer live here.

renderer     JinjaRenderer, the implementation of `ports.Renderer`
environment  Jinja's one door: sandbox, template folders, errors named by file and line
inlining     premailer's one door: styles move onto the elements
fragments    bodies of posts, inlined once and set into every mail that shows them
languages    Babel's one door: words, days and lists in the reader's language
bodies       what a post's HTML needs to stand inside a mail: heading levels, fluid images
media        films as links, pictures whose size nobody knows
wrapping     plain text in columns
filters      the words, dates and directions that templates may ask for
"""

from publisher.rendering.renderer import JinjaRenderer

__all__ = ["JinjaRenderer"]
