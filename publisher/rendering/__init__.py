"""Rendering: a digest becomes subject, text and HTML; values become pages.

renderer       JinjaRenderer, the implementation of `ports.Renderer`
templates      Jinja's sandbox, template folders, errors named by file and line; filters and globals
own_templates  a site's own templates beside the packaged ones
limits         how much work a template may make
display_text   subjects, labels, times, clips; plain text in columns
languages      the reader's language (Babel)
post_bodies    a post's HTML within a mail or on a page
inlining       styles moved onto elements (premailer)
"""

from publisher.rendering.renderer import JinjaRenderer

__all__ = ["JinjaRenderer"]
