"""Who should get what, told without offsets: each reader has an inbox of posts that nobody decided on yet.

The oracle of the histories of mail. It knows the words of the design and shares no code with planning but the
cadences, which have tests of their own.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from publisher.core.posts.post import Post, PostMailOptions
from publisher.core.subscribers.cadences import CADENCES
from publisher.core.subscribers.subscription import ListChoice, MailingList, Preferences, Schedule

MAX_LATE = {"daily": timedelta(hours=12), "weekly": timedelta(days=3), "monthly": timedelta(days=10)}


@dataclass
class Item:
    """A post in an inbox since `at`, in the order of `seq`; `again` where it was corrected.
    `source` is the stopped mailing from which it was released, ripe whatever the list's delay is.
    """

    id: str
    at: datetime
    seq: int
    again: bool = False
    source: int | None = None


@dataclass
class Received:
    """A digest that a reader got in their life number `life`: (post id, revision). `stopped` says why it did
    not arrive: "cancelled" or "rejected".
    """

    posts: list[tuple[str, str]]
    life: int
    stopped: str = ""

    @property
    def ids(self) -> set[str]:
        return {id for id, _ in self.posts}


@dataclass
class Reader:
    """A reader's life: what waits for them, and what they got in this one and in those before."""

    choices: Preferences
    due: datetime
    active: bool = True
    skipped: bool = False
    inbox: list[Item] = field(default_factory=list[Item])
    life: int = 1
    got: list[Received] = field(default_factory=list[Received])

    def had(self, *, cancelled: bool) -> set[str]:
        """The posts that arrived in this life; with `cancelled` also those that an operator stopped."""
        may = ("", "cancelled") if cancelled else ("",)
        return {id for one in self.got if one.life == self.life and one.stopped in may for id in one.ids}


@dataclass
class Inboxes:
    """The whole model: posts as they stand, and readers by name."""

    spec: MailingList
    posts: dict[str, Post] = field(default_factory=dict[str, Post])
    live: dict[str, bool] = field(default_factory=dict[str, bool])
    readers: dict[str, Reader] = field(default_factory=dict[str, Reader])
    last: datetime | None = None
    running: bool = False
    skips: int = 0
    seq: int = 0
    first: dict[str, Item] = field(default_factory=dict[str, Item])

    def publish(self, id: str, post: Post, at: datetime, *, backfill: bool) -> None:
        self.posts[id], self.live[id] = post, True
        self.seq += 1
        self.first[id] = Item(id, at, self.seq)
        for reader in self.readers.values():
            if reader.active and not backfill:
                reader.inbox.append(Item(id, at, self.seq))

    def correct(self, id: str, post: Post, at: datetime) -> None:
        self.posts[id] = post
        self.seq += 1
        for reader in self.readers.values():
            if reader.active and id in reader.had(cancelled=True):
                reader.inbox = [item for item in reader.inbox if not (item.again and item.id == id)]
                reader.inbox.append(Item(id, at, self.seq, again=True))

    def release(self, mailing: int, digests: dict[str, int]) -> None:
        """The posts of a mailing wait for those of its readers (name -> the place of its digest among theirs)
        who have nothing of it.
        """
        for name, place in digests.items():
            reader = self.readers[name]
            digest = reader.got[place]
            if not reader.active or digest.life != reader.life or not digest.stopped:
                continue
            for id in digest.ids - reader.had(cancelled=False):
                reader.inbox = [one for one in reader.inbox if one.id != id or one.source is None]
                reader.inbox.append(replace(self.first[id], source=mailing))

    def remake(self, mailing: int) -> None:
        """A mailing of what was released from another, whatever the schedules say."""
        for reader in self.readers.values():
            theirs = [item for item in reader.inbox if item.source == mailing]
            chosen = [item for item in theirs if self._wanted(reader, item)]
            if reader.active and not reader.choices.paused and chosen:
                reader.inbox = [item for item in reader.inbox if item not in theirs]
                self._deliver(reader, chosen)

    def resend(self, digests: dict[str, int], stopped: str) -> None:
        """The same digests once more, for readers who have none of their posts."""
        for name, place in digests.items():
            reader = self.readers[name]
            digest = reader.got[place]
            if not reader.active or digest.life != reader.life or digest.stopped != stopped:
                continue
            if not digest.ids & reader.had(cancelled=False):
                digest.stopped = ""
                reader.inbox = [
                    item for item in reader.inbox if item.source is None or item.id not in digest.ids
                ]

    def _deliver(self, reader: Reader, chosen: list[Item]) -> None:
        order = sorted(chosen, key=lambda item: item.seq)
        ids = dict.fromkeys(item.id for item in order)
        reader.got.append(Received([(id, self.posts[id].revision) for id in ids], reader.life))

    def join(self, name: str, choices: Preferences, now: datetime) -> None:
        """A new life: nothing waits, whatever was before."""
        before = self.readers.get(name)
        got, life = (before.got, before.life + 1) if before else (list[Received](), 1)
        self.readers[name] = Reader(choices=choices, due=now, got=got, life=life)
        self.set_due(name, now)

    def set_due(self, name: str, now: datetime) -> None:
        reader = self.readers[name]
        rhythm = self.rhythm(reader)
        reader.due = CADENCES[rhythm.cadence].after(now, rhythm)

    def rhythm(self, reader: Reader) -> Schedule:
        spec, pace, may = self.spec, reader.choices.schedule, self.spec.readers_choose
        own = pace.cadence if ListChoice.CADENCE in may and pace.cadence else ""
        return Schedule(
            cadence=own or spec.cadence,
            on=pace.on if own and pace.on else spec.on if own in ("", spec.cadence) else "",
            at=pace.at if pace.at and ListChoice.HOUR in may else spec.at,
            timezone=pace.timezone if pace.timezone and ListChoice.HOUR in may else spec.timezone,
        )

    def tick(self, now: datetime, *, send: bool = False) -> None:
        """What one look at the clock does."""
        awake = [r for r in self.readers.values() if r.active and not r.choices.paused]
        for reader in awake:
            rhythm = self.rhythm(reader)
            cadence = CADENCES[rhythm.cadence]
            if reader.due > now and send:
                reader.due = now
            elif reader.due > now and not cadence.at_once:
                reader.due = cadence.after(now, rhythm)
            elif reader.due > now + timedelta(milliseconds=1):  # "at once" is the very next moment
                reader.due = now
        due = [r for r in awake if r.due <= now]
        newest: dict[object, datetime] = {}
        for reader in due:
            newest[reader.choices.schedule] = max(reader.due, newest.get(reader.choices.schedule, reader.due))
        for reader in due:
            self._serve(reader, newest[reader.choices.schedule], now, send=send)

    def _serve(self, reader: Reader, newest: datetime, now: datetime, *, send: bool) -> None:
        rhythm = self.rhythm(reader)
        cadence = CADENCES[rhythm.cadence]
        reader.due = cadence.after(now, rhythm)
        delay = timedelta(0) if send else self.spec.delay
        ripe = [item for item in reader.inbox if item.source or not delay or item.at <= now - delay]
        chosen = [item for item in ripe if self._wanted(reader, item)]
        if not send and 0 < len({item.id for item in chosen}) < self.spec.min_posts:
            return
        if chosen and not send and self._too_late(rhythm, newest, now) and not reader.skipped:
            reader.skipped = True
            self.skips += 1
            return
        reader.skipped = False
        if chosen:
            self._deliver(reader, chosen)
        # What was released waits until the reader gets something; all else is passed over now.
        reader.inbox = [item for item in reader.inbox if item not in ripe or (item.source and not chosen)]

    def _too_late(self, rhythm: Schedule, newest: datetime, now: datetime) -> bool:
        """Whether a digest waits for the next one, which `run` is there to send."""
        cadence, most = CADENCES[rhythm.cadence], self.spec.max_late
        if not self.running or cadence.at_once:
            return False
        most = MAX_LATE[rhythm.cadence] if most is None else most
        return now - max(cadence.latest(now, rhythm), newest) > most

    def _wanted(self, reader: Reader, item: Item) -> bool:
        post, taste, may = self.posts[item.id], reader.choices.content, self.spec.readers_choose
        if not self.live[item.id] or post.mail is PostMailOptions.NEVER:
            return False
        if item.again:
            return True
        if ListChoice.LANGUAGE in may and taste.language and post.language.split("-")[0] != taste.language:
            return False
        about = (
            ListChoice.TOPICS not in may or not taste.topics or bool(set(taste.topics) & set(post.categories))
        )
        return about and (not self.spec.where.category or self.spec.where.category[0] in post.categories)

    def choose(self, name: str, choices: Preferences, now: datetime) -> None:
        reader = self.readers[name]
        reader.choices = choices
        self.set_due(name, now)

    def pause(self, name: str, now: datetime, *, paused: bool) -> None:
        self.choose(name, replace(self.readers[name].choices, paused=paused), now)
