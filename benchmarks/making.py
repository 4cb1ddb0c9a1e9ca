"""Made-up posts: 6 kB of Markdown each, in sections, with front matter that Hugo and Publisher both read."""

import os
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

SECTIONS = ("shore", "harbour", "weather", "letters")
SIZE = 6_000
_TEXT = (
    "the tide was out and the boats lay on the mud while the gulls walked between them looking for what the "
    "water had left behind a rope a shell the handle of a cup and nobody on the quay spoke of the storm that "
    "had taken the lamp from the end of the pier in the night before the fair"
)
_WORDS = _TEXT.split()
_FIRST = datetime(2016, 1, 1, 8, tzinfo=UTC)


def make_posts(folder: Path, number: int) -> None:
    """`number` posts under `folder`, one folder a section, an hour apart, last changed long ago."""
    dice = random.Random(7)  # noqa: S311  # the same posts every time, and no secret
    paragraphs = [_paragraph(dice) for _ in range(400)]
    for section in SECTIONS:
        (folder / section).mkdir(parents=True, exist_ok=True)
    for n in range(number):
        write_post(folder, n, dice, paragraphs)


def write_post(folder: Path, n: int, dice: random.Random, paragraphs: list[str]) -> Path:
    """The post number `n`."""
    at = _FIRST + timedelta(minutes=50 * n)
    title = " ".join(dice.choices(_WORDS, k=6)).capitalize()
    tags = ", ".join(f'"{word}"' for word in sorted(set(dice.choices(_WORDS, k=3))))
    head = (
        f'---\ntitle: "{title} {n}"\ndate: {at.isoformat()}\ntags: [{tags}]\n'
        f"author: Nell Harker\ndescription: The {n}th thing that was seen that day.\n---\n"
    )
    body = []
    left = SIZE - len(head)
    while left > 0:
        body.append(dice.choice(paragraphs))
        left -= len(body[-1]) + 2
    path = folder / SECTIONS[n % len(SECTIONS)] / f"post-{n:06}.md"
    path.write_text(head + "\n\n".join(body) + "\n", encoding="utf-8")
    os.utime(path, (at.timestamp(), at.timestamp()))
    return path


def _paragraph(dice: random.Random) -> str:
    words = dice.choices(_WORDS, k=dice.randint(40, 110))
    words[5] = f"*{words[5]}*"
    words[9] = f"[{words[9]}](https://example.org/{words[10]})"
    kind = dice.random()
    if kind < 0.1:
        return "## " + " ".join(words[:6])
    if kind < 0.2:
        return "\n".join(f"- {' '.join(words[at : at + 8])}" for at in range(0, 40, 8))
    return " ".join(words).capitalize() + "."
