"""The same feed gives the same bytes in every process, and the door to the formats stays light."""

import os
import pickle
import subprocess
import sys

from paths import ROOT

from publisher.core.feeds.feed import Feed
from publisher.formats import FORMATS

WRITE = """
import locale, pickle, sys
try:
    locale.setlocale(locale.LC_ALL, "")
except locale.Error:
    pass
from publisher.formats import FORMATS
feed = pickle.load(sys.stdin.buffer)
for format in FORMATS.values():
    sys.stdout.buffer.write(format.write(feed))
"""


def run(program: str, data: bytes = b"", **environment: str) -> bytes:
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=data,
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return done.stdout


def test_bytes_do_not_depend_on_hash_seed_zone_or_locale(rich_feed: Feed) -> None:
    here = b"".join(format.write(rich_feed) for format in FORMATS.values())
    data = pickle.dumps(rich_feed)
    assert run(WRITE, data, PYTHONHASHSEED="1", TZ="Asia/Phnom_Penh", LC_ALL="de_DE.UTF-8") == here
    assert run(WRITE, data, PYTHONHASHSEED="2", TZ="America/Caracas", LC_ALL="C", PYTHONUTF8="0") == here


def test_importing_the_formats_loads_neither_feedgen_nor_lxml() -> None:
    program = (
        "import sys, publisher.formats; print(sorted({'feedgen', 'lxml', 'dateutil'} & set(sys.modules)))"
    )
    assert run(program) == b"[]\n"
