"""The admin pages: what each shows."""

from collections.abc import Mapping

from publisher.web.admin.visit import PageFunction, Shown, Visit

NAVIGATION = (("/admin", "Overview"),)
"""The pages that every page links to."""


def admin_pages() -> Mapping[str, tuple[PageFunction, ...]]:
    """Path under /admin -> what shows the page, and what acts on its forms."""
    return {"": (overview,)}


def overview(visit: Visit) -> Shown:
    """What was published, what goes out next and to how many, and what needs a hand."""
    return Shown("overview", {"status": visit.app.status()})
