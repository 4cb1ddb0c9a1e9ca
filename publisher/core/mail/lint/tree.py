"""A mail's HTML as elements, in the order of the document: enough to ask what stands in what."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())  # noqa: SIM905  # HTML's own list reads better so


@dataclass(slots=True, eq=False)
class Element:
    """One element. `text` is all text in it, as far as it was read."""

    tag: str
    attrs: dict[str, str]
    parent: "Element | None"
    classes: frozenset[str] = frozenset()
    words: list[str] = field(default_factory=list[str])

    @property
    def text(self) -> str:
        """Its text on one line."""
        return " ".join("".join(self.words).split())

    def within(self, *tags: str) -> bool:
        """Whether it is, or stands in, an element of one of `tags`."""
        at: Element | None = self
        while at is not None:
            if at.tag in tags:
                return True
            at = at.parent
        return False


class Tree(HTMLParser):
    """`elements` in document order; `texts`: each run of text with the element it stands in; `sheets`: the
    contents of style elements; `doctype` as written.
    """

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self.texts: list[tuple[Element, str]] = []
        self.sheets: list[str] = []
        self.doctype = ""
        self._open: list[Element] = []
        self.feed(html)
        self.close()

    def handle_decl(self, decl: str) -> None:
        """The doctype."""
        self.doctype = self.doctype or decl

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Opens an element."""
        given = {name: value or "" for name, value in attrs}
        above = self._open[-1] if self._open else None
        element = Element(tag, given, above, frozenset(given.get("class", "").split()))
        self.elements.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        """Closes the innermost open element of that name, and what was left open in it."""
        for n in range(len(self._open) - 1, -1, -1):
            if self._open[n].tag == tag:
                del self._open[n:]
                return

    def handle_data(self, data: str) -> None:
        """Text."""
        if not self._open:
            return
        if self._open[-1].tag == "style":
            self.sheets.append(data)
            return
        self.texts.append((self._open[-1], data))
        for element in self._open:
            element.words.append(data)

    def named(self, *tags: str) -> list[Element]:
        """The elements of those names."""
        return [element for element in self.elements if element.tag in tags]
