"""Rendering: a digest becomes subject, text and HTML; values become pages.

renderer       JinjaRenderer, the implementation of `ports.Renderer`
environment    Jinja's sandbox, template folders, errors named by file and line
filters        Jinja's filters and globals                display_text   subjects, labels, times, clips
inlining       styles moved onto elements (premailer)     languages      the reader's language (Babel)
post_bodies    a post's HTML within a mail or on a page   text_wrapping  plain text in columns
"""

from publisher.rendering.renderer import JinjaRenderer

__all__ = ["JinjaRenderer"]
