"""What is known of the bytes that posts were read from, so that an upgrade is told from an edit."""

from collections.abc import Mapping

from publisher.core.publishing.rereading import Readings
from publisher.services.deps import Parts

READER = "reader"
"""The fact that says which version of the reader made the last publish."""


def readings_of(parts: Parts, hashes: Mapping[str, str]) -> Readings:
    """What `core.publishing.rereading` asks. `hashes` are of the bytes of the files at hand, by path; ""
    where a file could not be read. Raises StoreError.
    """
    version, before = parts.source().version, parts.store.fact(READER)
    upgraded = before != version and parts.store.head().baseline_at is not None
    return Readings(
        hashes={path: name for path, name in hashes.items() if name},
        version=version,
        before=before,
        passed_over=_passed_over(parts, hashes) if upgraded else frozenset(),
    )


def keep_reader(parts: Parts) -> None:
    """The next publish is by this version, or a later one."""
    if parts.store.fact(READER) != parts.source().version:
        parts.store.keep_fact(READER, parts.source().version)


def _passed_over(parts: Parts, hashes: Mapping[str, str]) -> frozenset[str]:
    """The files that the version before had with the same bytes and hid, or refused at its last publish."""
    remembered = parts.store.unpublished(list(hashes))
    hidden = {
        path for path, (name, post) in remembered.items() if post.hidden is not None and hashes[path] == name
    }
    refused = [text for area, _, text in parts.store.problems() if area == "posts"]
    named = {path for path in hashes for text in refused if text.startswith(f"{path}:")}
    return frozenset(hidden | named)
