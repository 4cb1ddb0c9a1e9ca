"""How ids are made, and the parts that look at the world outside; loaded when something asks for them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publisher.app.app import App
    from publisher.core.publishing.ids import Naming
    from publisher.ports import Adoptions, FeedReader, Moves, Web


def naming(app: "App") -> "Naming":
    """How ids of new posts are made. Raises SettingsError: the file of adopted ids is broken."""
    from publisher.core.publishing.adoption import Adopted
    from publisher.core.publishing.ids import Naming

    return Naming(
        authority=app.settings.site.id_authority,
        by_permalink=app.settings.posts.ids == "permalink",
        adopted=Adopted(adoptions(app).entries()),
    )


def adoptions(app: "App") -> "Adoptions":
    """The file of adopted ids, beside publisher.toml."""
    from publisher.stores.files.adopted_ids import AdoptedFile

    return AdoptedFile(app.settings.folder / "adopted.json")


def moves(app: "App") -> "Moves":
    """The file of feeds that moved or ended, beside publisher.toml."""
    from publisher.stores.files.redirects import MovedFile

    return MovedFile(app.settings.folder / "moved.json")


def reader() -> "FeedReader":
    """What reads feeds of others."""
    from publisher.fetching.feed_reader import Reader

    return Reader()


def web() -> "Web":
    """What fetches documents and tells hubs."""
    from publisher.fetching import Web

    return Web()
