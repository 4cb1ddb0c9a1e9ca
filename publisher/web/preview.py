"""`preview --serve`: a mail in the browser while its templates are edited, at several widths, light and dark.

A server for one person on this machine: it listens on the loopback address only and answers to no other name,
so that no page from elsewhere can look at it. The mail is shown in frames that run nothing and load nothing
but pictures.
"""

import re
import socket
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from mimetypes import guess_type
from pathlib import Path
from threading import Lock

import uvicorn
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from publisher.core.errors import OutputError, PublisherError

HOST = "127.0.0.1"
_NAMES = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?")
_VIEWER = Path(__file__).parent / "preview.html"
VIEWER_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
    "frame-src 'self'"
)
HEADERS = {
    "Content-Security-Policy": "default-src 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}
_DARK = re.compile(r"@media\s*\(prefers-color-scheme:\s*dark\)")
_SCHEME = re.compile(r'<meta name="color-scheme" content="[^"]*">')


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewFiles:
    """The files of a mail by name, and the lint's findings: (level, text). `public` is the URL and the folder
    of the site's documents, so that its pictures need no other server.
    """

    title: str
    files: Mapping[str, bytes] = field(default_factory=dict[str, bytes])
    notes: tuple[tuple[str, str], ...] = ()
    public: tuple[str, Path] | None = None


class PreviewServer:
    """Shows what `draw` returns, drawn again when a file under `watched` changes. Listens on `port` of the
    loopback address from the start; 0 takes any free one. Raises OutputError: the port is taken.
    """

    def __init__(self, draw: Callable[[], PreviewFiles], watched: Sequence[Path], port: int) -> None:
        try:
            self._socket = socket.create_server((HOST, port))
        except OSError as error:
            what = f"cannot listen ({error.strerror})"
            raise OutputError(f"--port {port}", what, "choose another") from None
        app = PreviewPages(LivePreview(draw, watched)).app()
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none")
        self._server = uvicorn.Server(config)

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        return f"http://{HOST}:{self._socket.getsockname()[1]}/"

    def serve(self) -> None:
        """Serves until `stop`, or until Ctrl-C."""
        try:
            self._server.run(sockets=[self._socket])
        except KeyboardInterrupt:
            pass
        finally:
            self._socket.close()

    def stop(self) -> None:
        """Ends `serve`. For other threads."""
        self._server.should_exit = True


class LivePreview:
    """The mail as it is now: rendered again when a file that it is made of has changed."""

    def __init__(self, draw: Callable[[], PreviewFiles], watched: Sequence[Path]) -> None:
        self._draw, self._watched = draw, watched
        self._lock = Lock()
        self._stamp = ""
        self._shown = PreviewFiles(title="")

    def current(self) -> tuple[str, PreviewFiles]:
        """(a stamp that changes with the mail, the mail); its notes say why it cannot be rendered."""
        with self._lock:
            stamp = f"{zlib.crc32(repr(self._modification_times()).encode()):08x}"
            if stamp != self._stamp:
                try:
                    self._shown = self._draw()
                except PublisherError as error:
                    self._shown = PreviewFiles(title="preview", notes=(("error", str(error)),))
                self._stamp = stamp
            return self._stamp, self._shown

    def _modification_times(self) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        for path in self._watched:
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                try:
                    found.append((str(file), file.stat().st_mtime_ns))
                except OSError:  # deleted meanwhile, or not made yet
                    continue
        return found


class PreviewPages:
    """/ (the viewer), /state.json, which it polls, the files of the mail, and the site's pictures."""

    def __init__(self, live: LivePreview) -> None:
        self._live = live

    def app(self) -> ASGIApp:
        """The ASGI application."""
        files = [Route(f"/{name}", self.file) for name in ("subject.txt", "body.txt", "message.eml")]
        return Router(
            [
                Route("/", self.viewer),
                Route("/state.json", self.state),
                Route("/body.html", self.body),
                *files,
                Route("/public/{path:path}", self.picture),
            ],
            redirect_slashes=False,
            default=not_found(),
            middleware=[Middleware(LocalNamesOnly)],
        )

    def viewer(self, _request: Request) -> Response:
        """The page with the frames."""
        page = _VIEWER.read_text("utf-8").replace("{{title}}", escape(self._live.current()[1].title))
        return make_response(page.encode(), "text/html", VIEWER_POLICY)

    def state(self, _request: Request) -> Response:
        """What the viewer shows around the frames; a new stamp makes it load them again."""
        stamp, shown = self._live.current()
        subject = shown.files.get("subject.txt", b"").decode().strip()
        size = len(shown.files.get("body.html", b""))
        values = {"stamp": stamp, "subject": subject, "size": size, "notes": shown.notes}
        return JSONResponse(values, headers=HEADERS)

    def body(self, request: Request) -> Response:
        """The HTML part for a frame; ?dark and ?bare: in dark mode, without images."""
        shown = self._live.current()[1]
        if "body.html" not in shown.files:
            return not_found()
        pictures = "'none'" if "bare" in request.query_params else "'self' http: https: data:"
        policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src {pictures}; sandbox allow-popups"
        html = in_scheme(shown.files["body.html"].decode(), dark="dark" in request.query_params)
        if shown.public:
            html = html.replace(f'src="{shown.public[0]}', 'src="/public/')
        return make_response(html.encode(), "text/html", policy)

    def file(self, request: Request) -> Response:
        """Any other file of the mail."""
        found = self._live.current()[1].files.get(request.url.path.removeprefix("/"))
        kind = "message/rfc822" if request.url.path.endswith(".eml") else "text/plain"
        return not_found() if found is None else make_response(found, kind)

    def picture(self, request: Request) -> Response:
        """A document of the site, which the mail may show."""
        found = public_file(self._live.current()[1], request.path_params["path"])
        if found is None:
            return not_found()
        return make_response(found.read_bytes(), guess_type(found.name)[0] or "application/octet-stream")


class LocalNamesOnly:
    """Answers only what is asked of this machine by its own names: a page from elsewhere whose name leads to
    127.0.0.1 (DNS rebinding) sees nothing.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        app = self._app
        if len(hosts) != 1 or not _NAMES.fullmatch(hosts[0]):
            app = PlainTextResponse("this preview is for this machine only\n", 403, HEADERS)
        await app(scope, receive, send)


def make_response(data: bytes, kind: str, policy: str = HEADERS["Content-Security-Policy"]) -> Response:
    """A response of this media type; text is UTF-8."""
    return Response(data, headers={**HEADERS, "Content-Security-Policy": policy}, media_type=kind)


def not_found() -> Response:
    """The response for everything else."""
    return PlainTextResponse("not here\n", 404, HEADERS)


def public_file(shown: PreviewFiles, path: str) -> Path | None:
    """The file at `path` in the site's public folder; nothing outside of it."""
    if shown.public is None:
        return None
    folder = shown.public[1].resolve()
    try:
        file = (folder / path).resolve()
        return file if file.is_relative_to(folder) and file.is_file() else None
    except (OSError, RuntimeError, ValueError):  # a NUL, a name too long, links in a circle
        return None


def in_scheme(html: str, *, dark: bool) -> str:
    """`html` as a mailbox in light or dark mode shows it, whatever the browser's own scheme is."""
    html = _DARK.sub("@media all" if dark else "@media not all", html)
    scheme = "dark" if dark else "light"
    html = _SCHEME.sub(f'<meta name="color-scheme" content="only {scheme}">', html)
    return html.replace(":root { color-scheme: light dark", f":root {{ color-scheme: only {scheme}", 1)
