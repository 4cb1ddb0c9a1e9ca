"""Files of the author's own that belong under public/ as they are (`site.static`): logos, robots.txt, CNAME,
.well-known. They never take the place of a document of ours, and go when they leave their folder.
"""

from collections.abc import Collection
from functools import partial
from pathlib import PurePosixPath

from publisher.core.feeds.documents import ENCODINGS, StaticFile
from publisher.core.posts.permalinks import disk_key
from publisher.services.deps import Deps
from publisher.services.feeds.documents import STATIC, DocumentSpec, is_copy
from publisher.services.feeds.server_snippets import APP_PATHS

OUR_NAMES = ("index.html", "manifest.json", "feeds.opml")
OUR_FOLDERS = ("posts", "assets", "digests", "archive", *APP_PATHS)
"""What the first part of a path means to us, whether or not something is there today."""


def static_documents(deps: Deps, ours: Collection[str]) -> tuple[list[DocumentSpec], list[str]]:
    """A document for each of the author's files, and why some have none. `ours` are paths of other documents,
    besides those that are written already. If the folder cannot be read, what was copied stays.
    """
    folder = deps.adapters.static_folder()
    if folder is None:
        return [], []
    found = folder.files()
    before = deps.adapters.store.documents().values()
    ours = {*ours, *OUR_NAMES, *(one.path for one in before if not is_copy(one))}
    if found.unreadable:
        specs = [
            DocumentSpec(path=one.path, fingerprint=one.fingerprint, make=lambda: None)
            for one in before
            if is_copy(one) and one.path not in ours
        ]
        return specs, [found.unreadable]
    files, problems = static_files(found.files, ours)
    specs = [
        DocumentSpec(
            path=file.path,
            fingerprint=f"{STATIC}{file.size} {file.changed_ns}",
            make=partial(folder.read, file.path),
        )
        for file in files
    ]
    return specs, [*found.problems, *problems]


def static_files(files: Collection[StaticFile], ours: Collection[str]) -> tuple[list[StaticFile], list[str]]:
    """The files that can be copied, and a line for each other. Paths that differ only in case are one,
    so that the site works on every disk.
    """
    taken = {disk_key(path): path for path in ours}
    taken |= {disk_key(path + end): path for path in ours for end in ENCODINGS.values()}
    folders = {str(above): path for key, path in taken.items() for above in PurePosixPath(key).parents}
    copied: list[StaticFile] = []
    problems: list[str] = []
    for file in sorted(files, key=lambda file: disk_key(file.path)):  # a document before its encodings
        key = disk_key(file.path)
        above = [str(folder) for folder in PurePosixPath(key).parents]
        rival = taken.get(key) or folders.get(key) or next((taken[f] for f in above if f in taken), None)
        if file.path.partition("/")[0].casefold() in OUR_FOLDERS:
            rival = f"{file.path.partition('/')[0]}/"
        if rival:
            problems.append(
                f"{file.name}: not copied: {rival} under public/ is there already; give the file another name"
            )
            continue
        copied.append(file)
        for path in (file.path, *(file.path + end for end in ENCODINGS.values())):
            taken[disk_key(path)] = file.path
        folders |= dict.fromkeys(above, file.path)
    return copied, problems
