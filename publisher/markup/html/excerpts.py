"""The beginning of a body, in whole blocks."""

from publisher.markup.html.fragments import blocks


def excerpt(html: str, limit: int) -> tuple[str, bool]:
    """The leading blocks of safe HTML that fit in `limit` of UTF-8, and whether any were left out.

    Blocks are never cut: where the first one alone is too long, nothing is left of it.
    """
    if len(html) * 4 <= limit or len(html.encode()) <= limit:
        return html, False
    used = at = 0
    for start, end in blocks(html):
        used += len(html[start:end].encode())
        if used > limit:
            break
        at = end
    return html[:at].rstrip(), True
