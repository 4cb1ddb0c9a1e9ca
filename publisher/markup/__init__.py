"""Bodies made safe: body source to safe HTML, text, summary and excerpt.

markup       `ports.Markup`, cached
pipeline     how a body becomes safe HTML, step by step; what readers cannot use, by line
templating/  shortcodes, Liquid and MDX: resolved or removed
markdown/    dialects to CommonMark, CommonMark to HTML (comrak)
html/        sanitizing (nh3), URLs and pictures; safe HTML as pieces and as plain text

Invariant: nothing reaches `html.fragments` or `html.plain_text` that `html.sanitize` has not passed.
"""

from publisher.markup.markup import SafeMarkup

__all__ = ["SafeMarkup"]
