"""Bodies made safe: body source to safe HTML, text, summary and excerpt.

pipeline      how a body becomes safe HTML, step by step        markup          `ports.Markup`, cached
templating/   shortcodes, Liquid, MDX: resolved or removed      unusable_media  what readers cannot use, by
line markdown/     dialects to CommonMark, CommonMark to HTML (comrak) html/         sanitizing (nh3), URLs,
pictures; safe HTML as pieces and as plain text

Invariant: nothing reaches `html.fragments` or `html.plain_text` that `html.sanitize` has not passed.
"""

from publisher.markup.markup import SafeMarkup

__all__ = ["SafeMarkup"]
