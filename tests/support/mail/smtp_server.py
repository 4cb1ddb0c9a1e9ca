"""A mail server that does what a test tells it: bad answers, broken lines, TLS that fails.

    with SmtpServer(on("RCPT", Say("450 4.2.0 later"), nth=2)) as server:
        ...                       # 127.0.0.1, server.port
        server.accepted           # what it took, in order, written down BEFORE it answered 250

The steps that rules can name, in the order of a conversation: TLS (of a line that begins with it) connect
EHLO HELO STARTTLS AUTH MAIL RCPT DATA nobody (DATA without a recipient) body (the first of the data came) dot
(the whole message came, nothing is taken yet) taken (it is written down, the answer is not) RSET QUIT other.
It runs in a thread, and answers nothing twice.
"""

import asyncio
import base64
import contextlib
import re
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

EXTENSIONS = ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 50000000", "DSN", "ENHANCEDSTATUSCODES")


@dataclass(frozen=True)
class Say:
    """These bytes instead of the usual answer; CRLF is added to text. What was asked is not done."""

    words: str | bytes
    close: bool = False

    @property
    def data(self) -> bytes:
        return self.words if isinstance(self.words, bytes) else f"{self.words}\r\n".encode()


@dataclass(frozen=True)
class Also:
    """These bytes in front of the usual answer; what was asked is done."""

    words: bytes


@dataclass(frozen=True)
class Drop:
    """The line is cut."""


@dataclass(frozen=True)
class Silence:
    """No answer; the line stays open until the client leaves."""


@dataclass
class Hold:
    """No answer until `go` is set; then the usual one. `reached` tells that somebody waits."""

    go: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Slow:
    """The usual answer, after so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Shake:
    """At TLS or STARTTLS: the handshake with this certificate instead of the server's."""

    context: ssl.SSLContext


@dataclass(frozen=True)
class Babble:
    """At TLS or STARTTLS: these bytes where the handshake should be, and the line is cut."""

    words: bytes


@dataclass(frozen=True)
class Deaf:
    """The usual answer; what the client said ahead of it is thrown away."""


Act = Say | Also | Drop | Silence | Hold | Slow | Shake | Babble | Deaf


@dataclass(frozen=True, kw_only=True)
class Moment:
    """Where the conversation stands. `nth` counts this step over all connections, from 1."""

    step: str
    nth: int
    connection: int
    line: str = ""
    recipient: str = ""
    secure: bool = False


Rule = Callable[[Moment], Act | None]


def on(step: str, act: Act, *, nth: int | None = None, recipient: str | None = None) -> Rule:
    """`act` at that step: each time, or only the `nth`, or only for messages to `recipient`."""

    def rule(moment: Moment) -> Act | None:
        fits = moment.step == step and (nth is None or moment.nth == nth)
        return act if fits and recipient in (None, moment.recipient) else None

    return rule


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """One message the server took, with the envelope as it was said."""

    mail_from: str
    rcpt_to: str
    mail_words: tuple[str, ...]
    rcpt_words: tuple[str, ...]
    data: bytes
    connection: int
    tls: bool
    user: str

    @property
    def key(self) -> str:
        """ENVID: the delivery's key."""
        return next((word[6:] for word in self.mail_words if word.startswith("ENVID=")), "")


class SmtpServer:
    """The server; entering it starts it. `extensions` as EHLO lists them; `tls` is for STARTTLS, or from the
    first byte where `implicit`; `users` are names with passwords, and who logs in must be one. With `log`,
    each accepted message's key and recipient are also a line of that file, flushed before the 250.
    """

    def __init__(
        self,
        *rules: Rule,
        extensions: Sequence[str] = EXTENSIONS,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        users: dict[str, str] | None = None,
        logins: str = "PLAIN LOGIN",
        log: Path | None = None,
        port: int = 0,
    ) -> None:
        self.rules, self.extensions, self.tls, self.implicit = rules, tuple(extensions), tls, implicit
        self.users, self.logins, self.log, self.port = users or {}, logins, log, port
        self.accepted: list[Accepted] = []
        self.commands: list[str] = []
        self.connections = 0
        self.open = 0
        self.most_open = 0
        self._counts: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()

    def __enter__(self) -> "SmtpServer":
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(
            asyncio.start_server(self._talk, "127.0.0.1", self.port, limit=2**20)
        )
        self.port = self._server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        self._server.close()
        for task in self._tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            with contextlib.suppress(OSError, EOFError, _Over, asyncio.CancelledError):
                await _Talk(self, reader, writer, self.connections).run()
        finally:
            self.open -= 1
            writer.transport.abort()
            self._tasks.discard(task)

    def act(self, moment: Moment) -> Act | None:
        """What the rules say to this moment: the first that says anything."""
        return next((act for rule in self.rules if (act := rule(moment)) is not None), None)

    def count(self, step: str) -> int:
        self._counts[step] += 1
        return self._counts[step]

    def take(self, message: Accepted) -> None:
        """Written down: from here on it is delivered, whatever the client hears."""
        if self.log is not None:
            with self.log.open("a", encoding="utf-8") as log:
                log.write(f"{message.key} {message.rcpt_to}\n")
        self.accepted.append(message)


class _Over(Exception):
    """The conversation ends here."""


class _Talk:
    """One connection."""

    def __init__(
        self, server: SmtpServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        self.server, self.reader, self.writer, self.number = server, reader, writer, number
        self.user, self.secure = "", False
        self.mail: str | None = None
        self.rcpt: str | None = None

    async def run(self) -> None:
        if self.server.implicit:
            await self.shake(self.act("TLS", ""))
        await self.answer("connect", "220 scripted.test ESMTP")
        while line := await self.reader.readline():
            text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
            self.server.commands.append(text)
            verb = text.partition(" ")[0].upper()
            await {
                "EHLO": self.ehlo, "HELO": self.helo, "STARTTLS": self.starttls, "AUTH": self.auth,
                "MAIL": self.on_mail, "RCPT": self.on_rcpt, "DATA": self.data, "RSET": self.rset,
                "QUIT": self.quit,
            }.get(verb, self.other)(text)  # fmt: skip

    def act(self, step: str, line: str) -> Act | None:
        """What the script says to this moment."""
        return self.server.act(
            Moment(
                step=step,
                nth=self.server.count(step),
                connection=self.number,
                line=line,
                recipient=_path(self.rcpt or ""),
                secure=self.secure,
            )
        )

    async def answer(self, step: str, usual: str, line: str = "") -> bool:
        """Says the usual answer, or what the script wants. False: the usual was not said."""
        act = self.act(step, line)
        match act:
            case Say():
                await self.send(act.data)
                if act.close:
                    raise _Over
                return False
            case Also():
                await self.send(act.words + usual.encode() + b"\r\n" if usual else act.words)
                return True
            case Drop():
                raise _Over
            case Silence():
                await self.reader.read(-1)
                raise _Over
            case Hold():
                act.reached.set()
                await asyncio.to_thread(act.go.wait, 30)
            case Slow():
                await asyncio.sleep(act.seconds)
            case Shake() | Babble():
                await self.send(usual.encode() + b"\r\n")
                await self.shake(act)
                return False
            case Deaf():
                self.reader._buffer.clear()  # type: ignore[attr-defined]  # no door throws it away
            case None:
                pass
        if usual:
            await self.send(usual.encode() + b"\r\n")
        return True

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def ehlo(self, line: str) -> None:
        words = list(self.server.extensions)
        if self.server.tls and not self.secure:
            words.append("STARTTLS")
        if self.server.users:
            words.append(f"AUTH {self.server.logins}")
        lines = ["scripted.test greets you", *words]
        usual = "\r\n".join(f"250{'-' if n < len(lines) else ' '}{word}" for n, word in enumerate(lines, 1))
        await self.answer("EHLO", usual, line)

    async def helo(self, line: str) -> None:
        await self.answer("HELO", "250 scripted.test", line)

    async def starttls(self, line: str) -> None:
        if not self.server.tls:
            await self.send(b"502 5.5.1 no\r\n")
        elif await self.answer("STARTTLS", "220 2.0.0 go ahead", line):
            await self.shake(None)

    async def shake(self, act: Act | None) -> None:
        """TLS, or what the script makes of it."""
        if isinstance(act, Babble):
            await self.send(act.words)
        if isinstance(act, Babble | Drop):
            raise _Over
        assert self.server.tls is not None
        await self.writer.start_tls(act.context if isinstance(act, Shake) else self.server.tls)
        self.secure = True

    async def auth(self, line: str) -> None:
        how, _, first = line.removeprefix("AUTH ").partition(" ")
        if how == "PLAIN":
            _, name, password = base64.b64decode(first).decode().split("\0")
        else:
            name, password = [await self.asked(word) for word in ("Username:", "Password:")]
        if self.server.users.get(name) != password:
            await self.answer("AUTH", "535 5.7.8 no", line)
        elif await self.answer("AUTH", "235 2.7.0 welcome", line):
            self.user = name

    async def asked(self, word: str) -> str:
        await self.send(b"334 " + base64.b64encode(word.encode()) + b"\r\n")
        return base64.b64decode(await self.reader.readline()).decode()

    async def on_mail(self, line: str) -> None:
        if self.server.users and not self.user:
            await self.send(b"530 5.7.0 log in first\r\n")
        elif self.mail is not None:
            await self.send(b"503 5.5.1 nested MAIL\r\n")
        elif await self.answer("MAIL", "250 2.1.0 ok", line):
            self.mail = line

    async def on_rcpt(self, line: str) -> None:
        self.rcpt = line
        if self.mail is None:
            self.rcpt = None
            await self.send(b"503 5.5.1 MAIL first\r\n")
        elif not await self.answer("RCPT", "250 2.1.5 ok", line):
            self.rcpt = None

    async def data(self, line: str) -> None:
        if self.rcpt is None:
            await self.answer("nobody", "554 5.5.1 no valid recipients", line)
            return
        if not await self.answer("DATA", "354 go on", line):
            return
        lines = bytearray(await self.reader.readline())
        await self.answer("body", "")
        while not lines.endswith(b"\r\n.\r\n") and lines != b".\r\n":
            more = await self.reader.readline()
            if not more:
                return  # never ended: not delivered
            lines += more
        await self.ended(bytes(lines[:-3]))

    async def ended(self, data: bytes) -> None:
        assert self.mail is not None
        assert self.rcpt is not None
        mail, rcpt = self.mail, self.rcpt
        if await self.answer("dot", ""):
            self.server.take(
                Accepted(
                    mail_from=_path(mail),
                    rcpt_to=_path(rcpt),
                    mail_words=tuple(mail.partition(">")[2].split()),
                    rcpt_words=tuple(rcpt.partition(">")[2].split()),
                    data=re.sub(rb"(?m)^\.\.", b".", data),
                    connection=self.number,
                    tls=self.secure,
                    user=self.user,
                )
            )
            await self.answer("taken", f"250 2.0.0 queued as {len(self.server.accepted)}")
        self.mail = self.rcpt = None

    async def rset(self, line: str) -> None:
        self.mail = self.rcpt = None
        await self.answer("RSET", "250 2.0.0 ok", line)

    async def quit(self, line: str) -> None:
        await self.answer("QUIT", "221 2.0.0 bye", line)
        raise _Over

    async def other(self, line: str) -> None:
        await self.answer("other", "500 5.5.2 what?", line)


def _path(line: str) -> str:
    found = re.search(r"<(.*?)>", line)
    return found[1] if found else ""


@contextlib.contextmanager
def unused_port() -> Iterator[int]:
    """A port of 127.0.0.1 that nobody listens on."""
    import socket

    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
