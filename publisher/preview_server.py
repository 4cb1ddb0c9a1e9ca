"""A mail in the browser while its templates are edited: at phone and desktop width, light and dark.

A server for one person on this machine: it listens on the loopback address only and answers to no other name,
so that no page from elsewhere can look at it. A mail is shown in a frame that runs nothing and loads nothing
but pictures.
"""

import json
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from mimetypes import guess_type
from pathlib import Path
from threading import Lock
from urllib.parse import parse_qs, unquote, urlsplit

from publisher.core.errors import OutputError, PublisherError

HOST = "127.0.0.1"
_NAMES = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?")
_VIEWER = Path(__file__).parent / "preview_server.html"
VIEWER_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
    "frame-src 'self'"
)
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


def serve(
    draw: Callable[[], PreviewFiles], watched: Sequence[Path], port: int, say: Callable[[str], None]
) -> None:
    """Serves until interrupted; calls `say` with the address. Raises OutputError: the port is taken."""
    try:
        server = make_server(draw, watched, port)
    except OSError as error:
        raise OutputError(f"--port {port}", f"cannot listen ({error.strerror})", "choose another") from None
    say(f"http://{HOST}:{server.server_address[1]}/")
    try:
        server.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()


def make_server(draw: Callable[[], PreviewFiles], watched: Sequence[Path], port: int) -> ThreadingHTTPServer:
    """The server, bound to the loopback address; port 0 takes any free one. Raises OSError."""
    live = LivePreview(draw, watched)

    class Bound(Handler):
        """The handler of this mail."""

        def preview(self) -> LivePreview:
            return live

    return ThreadingHTTPServer((HOST, port), Bound)


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
            stamp = f"{zlib.crc32(repr(self._files()).encode()):08x}"
            if stamp != self._stamp:
                try:
                    self._shown = self._draw()
                except PublisherError as error:
                    self._shown = PreviewFiles(title="preview", notes=(("error", str(error)),))
                self._stamp = stamp
            return self._stamp, self._shown

    def _files(self) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        for path in self._watched:
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                try:
                    found.append((str(file), file.stat().st_mtime_ns))
                except OSError:  # gone between two looks, or not made yet
                    continue
        return found


class Handler(BaseHTTPRequestHandler):
    """Serves / (the viewer), /state.json, which it polls, /body.html, /body.txt and /message.eml."""

    server_version = "publisher-preview"

    def preview(self) -> LivePreview:
        """The mail that it shows."""
        raise NotImplementedError

    def do_GET(self) -> None:  # the library's own name
        """Answers one request."""
        if not _NAMES.fullmatch(self.headers.get("Host", "")):
            self._send(403, "text/plain", b"this preview is for this machine only\n")
            return
        url = urlsplit(self.path)
        asked = parse_qs(url.query)
        stamp, shown = self.preview().current()
        name = url.path.removeprefix("/")
        if name == "":
            page = _VIEWER.read_text(encoding="utf-8").replace("{{title}}", escape(shown.title))
            self._send(200, "text/html", page.encode(), VIEWER_POLICY)
        elif name == "state.json":
            subject = shown.files.get("subject.txt", b"").decode().strip()
            size = len(shown.files.get("body.html", b""))
            state = {"stamp": stamp, "subject": subject, "size": size, "notes": shown.notes}
            self._send(200, "application/json", json.dumps(state).encode())
        elif name == "body.html" and name in shown.files:
            pictures = "'none'" if "bare" in asked else "'self' http: https: data:"
            policy = (
                f"default-src 'none'; style-src 'unsafe-inline'; img-src {pictures}; sandbox allow-popups"
            )
            html = in_scheme(shown.files[name].decode(), dark="dark" in asked)
            if shown.public:
                html = html.replace(f'src="{shown.public[0]}', 'src="/public/')
            self._send(200, "text/html", html.encode(), policy)
        elif name in ("body.txt", "subject.txt") and name in shown.files:
            self._send(200, "text/plain", shown.files[name])
        elif name == "message.eml" and name in shown.files:
            self._send(200, "message/rfc822", shown.files[name])
        elif (picture := public_file(shown, unquote(url.path))) is not None:
            self._send(200, guess_type(picture.name)[0] or "application/octet-stream", picture.read_bytes())
        else:
            self._send(404, "text/plain", b"not here\n")

    def _send(self, status: int, kind: str, data: bytes, policy: str = "default-src 'none'") -> None:
        self.send_response(status)
        charset = "; charset=utf-8" if kind.startswith("text/") else ""
        self.send_header("Content-Type", kind + charset)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Security-Policy", policy)
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Logs nothing: the person who looks is the one who asks."""


def public_file(shown: PreviewFiles, path: str) -> Path | None:
    """A file of the site's public folder, asked for under /public/; nothing outside of it."""
    if shown.public is None or not path.startswith("/public/"):
        return None
    folder = shown.public[1].resolve()
    file = (folder / path.removeprefix("/public/")).resolve()
    return file if file.is_relative_to(folder) and file.is_file() else None


def in_scheme(html: str, *, dark: bool) -> str:
    """`html` as a mailbox in light or in the dark shows it, whatever the browser's own scheme is."""
    html = _DARK.sub("@media all" if dark else "@media not all", html)
    scheme = "dark" if dark else "light"
    html = _SCHEME.sub(f'<meta name="color-scheme" content="only {scheme}">', html)
    return html.replace(":root { color-scheme: light dark", f":root {{ color-scheme: only {scheme}", 1)
