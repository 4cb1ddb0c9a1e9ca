"""What DKIM verifiers and spam filters found in mails of every kind in every language (`make oracles`)."""

import json

from examplemails import LANGUAGES
from paths import ROOT

from publisher.core.mail.dkim import ABSENT_FIELDS, OVERSIGNED_FIELDS

FOUND = json.loads((ROOT / "tests/oracles/mails/golden.json").read_text("utf-8"))
KINDS = ("digest", "welcome", "confirm", "export", "erase", "address", "unsubscribe")
LIMITS = {"spamassassin": 1.0, "rspamd": 4.0}


def test_filters_take_every_mail_for_an_ordinary_one() -> None:
    spoken = {file.stem for file in (ROOT / "templates/languages").glob("*.po")} | {"en"}
    assert set(LANGUAGES) == spoken
    for name, limit in LIMITS.items():
        scores = FOUND[name]
        assert set(scores) == {f"{kind}.{language}" for kind in KINDS for language in LANGUAGES}
        assert {mail: score for mail, score in scores.items() if not score < limit} == {}


def test_verifiers_find_every_signature_valid_and_none_once_a_header_is_added() -> None:
    headers, mails = len({*OVERSIGNED_FIELDS, *ABSENT_FIELDS}), len(KINDS) * len(LANGUAGES)
    for name in ("dkimpy", "mailauth", "go-msgauth", "opendkim"):
        report = FOUND[name]
        assert report["signatures it knows"] >= 1
        for way in ("as it is", "after two hops"):
            assert report[way] == {"mails": mails, "valid": mails}, (name, way)
        assert report["tampered"] == {"mails": headers, "valid": 0}, name
