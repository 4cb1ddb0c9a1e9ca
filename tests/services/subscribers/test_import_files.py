"""Files of readers through the real command: who is mailed afterwards, whatever the order of the files."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from mailsite import START, MailSite
from properties import examples

from publisher.cli.subscribers import subscribers
from publisher.core.addresses import parse_address
from publisher.core.errors import UsageError
from publisher.core.subscribers.csv_cells import RowStatus, SourceStatus
from publisher.core.subscribers.import_rows import ImportRow
from publisher.core.tokens import address_key, mailbox_key
from publisher.services.subscribers import departures, signup, subscribe
from publisher.services.subscribers.import_csv import import_readers

AT = "2020-10-06T10:00:00Z"
GHOST = "id,email,name,subscribed_to_emails,complimentary_plan,created_at,deleted_at,labels\n"


@pytest.fixture
def site(tmp_path: Path) -> MailSite:
    return MailSite(tmp_path / "site", [])


def file(site: MailSite, name: str, text: str) -> str:
    path = site.folder.parent / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def run(site: MailSite, *args: str, code: int = 0, data: str | None = None) -> Result:
    given = [*args, "--site", str(site.folder)]
    done = CliRunner().invoke(subscribers, given, input=data)
    assert done.exit_code == code, done.output
    return done


def take(site: MailSite, *args: str, code: int = 0) -> Result:
    return run(site, "import", *args, "--list", "daily", "--at", AT, code=code)


def states(site: MailSite) -> dict[str, str]:
    return {row["address"]: row["state"] for row in json.loads(run(site, "list", "--json").stdout)}


def confirmed(site: MailSite, address: str, at: datetime = START) -> None:
    """Somebody signed up in person, and clicked."""
    with closing(site.app()) as app:
        [daily] = app.deps.rules.lists
        signup.sign_up(app.deps, [daily], address, "", at)
        [found] = app.store.subscriptions_of(address_key(address, app.ring))
        app.store.confirm(found.id, found.generation, at + timedelta(days=1), at)


def test_who_left_there_is_recorded_and_stays_away(site: MailSite) -> None:
    readers = file(
        site,
        "members.csv",
        GHOST + "1,stays@example.net,S,true,false,,,\n2,left@example.net,L,false,true,,,\n",
    )
    done = take(site, readers, "--confirmed")
    assert f"{readers}: Ghost export, 2 rows\n" in done.stderr
    assert "active               1  new\n" in done.stderr
    assert "left                 1  subscribed_to_emails is false\n" in done.stderr
    assert "1 active, 1 left\n" in done.stderr
    assert done.stderr.count("ignored columns: id, name, complimentary_plan, created_at, labels\n") == 1
    assert states(site) == {"stays@example.net": "active", "left@example.net": "unsubscribed"}
    again = file(site, "again.csv", "email\nleft@example.net\n")
    assert (
        "not stored           1  unsubscribed or suppressed here\n" in take(site, again, "--confirmed").stderr
    )
    assert states(site)["left@example.net"] == "unsubscribed"


def test_who_bounced_or_complained_or_was_blocked_is_suppressed_on_every_list(site: MailSite) -> None:
    kit = "id,first_name,email_address,state,created_at\n1,A,b@example.net,bounced,\n"
    kit += "2,A,c@example.net,complained,\n"
    monk = (
        "uuid,email,name,attributes,status\n1,d@example.net,D,{},blocklisted\n2,e@example.net,E,{},disabled\n"
    )
    done = take(site, file(site, "kit.csv", kit), file(site, "monk.csv", monk), "--confirmed")
    assert "3 suppressed, 1 not stored\n" in done.stderr
    assert "e@example.net" not in states(site)
    for name, kind in (("b", "bounce"), ("c", "complaint"), ("d", "operator")):
        shown = json.loads(run(site, "show", f"{name}@example.net", "--json").stdout)
        assert [(one["list"], one["kind"]) for one in shown["suppressions"]] == [("", kind)]


def test_who_never_confirmed_is_counted_and_not_stored(site: MailSite) -> None:
    text = "id,email_address,type,tags\n1,a@example.net,unactivated,\n2,b@example.net,premium,\n"
    done = take(site, file(site, "buttondown.csv", text), "--confirmed")
    assert "not stored           1  type is unactivated\n" in done.stderr
    assert states(site) == {"b@example.net": "active"}


def test_a_row_that_cannot_be_judged_is_named_and_stops_no_other(site: MailSite) -> None:
    text = "uuid,email,attributes,status\n1,a@example.net,,enabled\n2,b@example.net,,zombie\n"
    text += "3,no address,,enabled\n"
    path = file(site, "monk.csv", text)
    done = take(site, path, "--confirmed", code=1)
    assert (
        f"{path}:3: b@example.net: status is 'zombie'; use one of enabled, disabled, blocklisted\n"
        in done.stderr
    )
    assert f"{path}:4: address: 'no address' has no @" in done.stderr
    assert "1 active, 2 refused\n" in done.stderr
    assert states(site) == {"a@example.net": "active"}


def test_a_file_with_words_nobody_knows_is_refused_before_anything_is_stored(site: MailSite) -> None:
    good = file(site, "good.csv", "email\nann@example.net\n")
    odd = file(site, "odd.csv", "email,state\nbo@example.net,CA\n")
    done = CliRunner().invoke(
        subscribers, ["import", good, odd, "--list", "daily", "--site", str(site.folder)]
    )
    assert done.exit_code == 1
    assert str(done.exception).startswith(f"{odd}: column 'state' may tell who unsubscribed")
    assert states(site) == {}
    take(site, good, odd, "--confirmed", "--ignore-column", "State")
    assert set(states(site)) == {"ann@example.net", "bo@example.net"}


def test_a_column_that_is_not_there_is_wrong_usage(site: MailSite) -> None:
    path = file(site, "readers.csv", "email,name\nann@example.net,Ann\n")
    for option in ("--ignore-column", "--state-column"):
        done = CliRunner().invoke(
            subscribers, ["import", path, "--list", "daily", option, "nam", "--site", str(site.folder)]
        )
        assert str(done.exception) == f"{option}: there is no column 'nam'; the columns are: email, name"


@pytest.mark.parametrize(
    "spelling", ["Ann <ann@example.net>", '"Lee, Ann" <ann@example.net>', " ann@EXAMPLE.net "]
)
def test_an_address_may_have_a_name(site: MailSite, spelling: str) -> None:
    cell = '"' + spelling.replace('"', '""') + '"'
    take(site, file(site, "readers.csv", f"E-Mail,x\n{cell},1\n"), "--confirmed")
    assert states(site) == {"ann@example.net": "active"}


@pytest.mark.parametrize("form", ["--left FILE", "FILE --left", "OTHER --left FILE"])
def test_people_who_left_are_taken_from_a_file_of_their_own(site: MailSite, form: str) -> None:
    take(site, file(site, "all.csv", "email\nann@example.net\nbo@example.net\n"), "--confirmed")
    gone = file(site, "gone.csv", "email,reason\nbo@example.net,too much\n")
    other = file(site, "other.csv", "email\ncy@example.net\n")
    done = take(
        site, *[{"FILE": gone, "OTHER": other}.get(word, word) for word in form.split()], "--confirmed"
    )
    assert "left                 1  listed as unsubscribed, subscription ended\n" in done.stderr
    assert states(site)["ann@example.net"] == "active"
    assert states(site)["bo@example.net"] == "unsubscribed"
    assert states(site).get("cy@example.net") == ("active" if "OTHER" in form else None)


def test_who_confirmed_here_since_stays_and_is_counted(site: MailSite) -> None:
    for name in ("ann", "bo"):
        confirmed(site, f"{name}@example.net")
    bee = "email,status,tier,created_at,unsubscribed_at\n"
    bee += "ann@example.net,inactive,free,,2020-01-01 00:00:00 UTC\n"
    bee += "bo@example.net,inactive,free,,2020-12-01 00:00:00 UTC\n"
    done = take(site, file(site, "bee.csv", bee), "--confirmed")
    assert "kept                 1  status is inactive, but confirmed here later\n" in done.stderr
    assert states(site) == {"ann@example.net": "active", "bo@example.net": "unsubscribed"}


def test_who_waits_for_their_own_confirmation_may_still_give_it(site: MailSite) -> None:
    with closing(site.app()) as app:
        signup.sign_up(app.deps, app.deps.rules.lists, "ann@example.net", "", START)
    take(site, "--left", file(site, "gone.csv", "email\nann@example.net\n"))
    assert states(site) == {"ann@example.net": "pending"}
    with closing(site.app()) as app:
        [found] = app.store.subscriptions_of(address_key("ann@example.net", app.ring))
        assert app.store.confirm(found.id, found.generation, START + timedelta(days=1), START)
    assert states(site) == {"ann@example.net": "active"}


def test_a_dry_run_says_what_will_be_and_stores_nothing(site: MailSite) -> None:
    confirmed(site, "kept@example.net")
    take(site, file(site, "first.csv", "email\nhere@example.net\n"), "--confirmed")
    before = states(site)
    lines = "".join(f"{n},new{n}@example.net,N,true,,,,\n" for n in range(5))
    lines += "6,here@example.net,H,true,,,,\n7,left@example.net,L,false,,,,\n8,kept@example.net,K,false,,,,\n"
    lines += "9,no address,X,true,,,,\n7,left@example.net,L,true,,,,\n"
    path = file(site, "members.csv", GHOST + lines)
    done = take(site, path, "--confirmed", "--dry-run", code=1)
    assert done.stdout.splitlines() == [
        "active               5  new",
        *(f"{'':<24}{path}:{n + 2} new{n}@example.net" for n in range(3)),
        "active               1  already subscribed",
        f"{'':<24}{path}:7 here@example.net",
        "left                 1  subscribed_to_emails is false",
        f"{'':<24}{path}:8 left@example.net",
        "kept                 1  subscribed_to_emails is false, but confirmed here later",
        f"{'':<24}{path}:9 kept@example.net",
        "not stored           1  unsubscribed or suppressed here",
        f"{'':<24}{path}:11 left@example.net",
        "refused              1  not an email address",
        f"{'':<24}{path}:10 no address",
        "would be: 6 active, 0 pending, 1 left, 0 suppressed, 1 kept, 1 not stored, 1 refused",
    ]
    assert states(site) == before
    told = json.loads(take(site, path, "--confirmed", "--dry-run", "--json", code=1).stdout)
    did = json.loads(take(site, path, "--confirmed", "--json", code=1).stdout)
    assert told | {"dry_run": False} == did
    assert not list((site.folder / ".publisher").glob(".simulate*"))


def test_nobody_is_asked_twice(site: MailSite) -> None:
    path = file(site, "readers.csv", "email\n" + "".join(f"r{n}@example.net\n" for n in range(30)))
    for said in ("new, asked to confirm", "already subscribed"):
        assert f"pending             30  {said}\n" in take(site, path).stderr
    mails = list((site.folder / "outbox").glob("*.eml"))
    assert len(mails) == 30
    assert set(states(site).values()) == {"pending"}


def test_who_wants_no_confirmation_mail_is_not_asked(site: MailSite) -> None:
    with closing(site.app()) as app:
        app.store.opt_out_of_confirmations(mailbox_key(parse_address("ann@example.net"), app.ring), [], START)
    path = file(site, "readers.csv", "email\nann+news@example.net\nbo@example.net\n")
    assert "not stored           1  its owner wants no confirmation mail\n" in take(site, path).stderr
    assert states(site) == {"bo@example.net": "pending"}
    take(site, path, "--confirmed")
    assert states(site) == {"ann+news@example.net": "active", "bo@example.net": "active"}


def test_tags_choose_topics(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", [])
    toml = site.folder / "publisher.toml"
    text = 'email,Tags\nann@example.net,"boats, Lorem"\nbo@example.net,\n'
    path = file(site, "r.csv", text)
    asked = ["import", path, "--list", "daily", "--topics", "tags", "--site", str(site.folder)]
    refused = CliRunner().invoke(subscribers, asked)
    assert str(refused.exception).startswith("--topics: readers of daily cannot choose topics; add")
    toml.write_text(
        toml.read_text().replace('at = "08:00"', 'at = "08:00"\nreaders_choose = ["topics"]'),
        encoding="utf-8",
    )
    (site.folder / "posts/tagged.md").write_text("---\ntitle: T\ndate: 2020-10-06\ntags: [Boats]\n---\nT.\n")
    with closing(site.app()) as app:
        app.publish()
    done = take(site, path, "--confirmed", "--topics", "tags")
    assert "tags that are not topics of daily: Lorem (1)\n" in done.stderr
    with closing(site.app()) as app:
        found = {one.address: one.choices.content.topics for one in app.store.subscriptions(None, None)}
    assert found == {"ann@example.net": ("Boats",), "bo@example.net": ()}


def test_departures_of_all_files_come_first(site: MailSite) -> None:
    """A digest that goes out meanwhile must not reach who left."""
    readers = file(site, "a.csv", "email\nann@example.net\n")
    gone = file(site, "b.csv", "email,status\nbo@example.net,active\nann@example.net,unsubscribed\n")
    assert "1 active, 1 left, 1 not stored\n" in take(site, readers, gone, "--confirmed").stderr
    with closing(site.app()) as app:
        [ann] = app.store.subscriptions_of(address_key("ann@example.net", app.ring))
    assert (ann.state, ann.confirmed_at) == ("unsubscribed", None)


def test_standard_input_is_read(site: MailSite) -> None:
    given = ("import", "-", "--list", "daily", "--confirmed", "--at", AT)
    run(site, *given, data="email;status\r\nann@example.net;subscribed\r\nbo@example.net;unsubscribed\r\n")
    assert states(site) == {"ann@example.net": "active", "bo@example.net": "unsubscribed"}


def test_departures_are_in_the_journal(site: MailSite) -> None:
    take(site, file(site, "all.csv", "email\nann@example.net\nbo@example.net\n"), "--confirmed")
    text = "email,status\nann@example.net,unsubscribed\nbo@example.net,bounced\ncy@example.net,unsubscribed\n"
    take(site, file(site, "gone.csv", text))
    lines = [json.loads(line) for line in (site.folder / ".publisher/journal").read_text().splitlines()]
    gone = [line for line in lines if line["event"] in ("unsubscribed", "suppressed")]
    assert [(line["event"], line["list"]) for line in gone] == [
        ("unsubscribed", "daily"),
        ("suppressed", ""),
        ("unsubscribed", "daily"),
    ]
    with closing(site.app()) as app:
        [ann] = app.store.subscriptions_of(gone[0]["key"])
        [cy] = app.store.subscriptions_of(gone[2]["key"])
    assert (ann.id, ann.generation) == (gone[0]["subscription"], gone[0]["generation"])
    assert (cy.id, cy.address) == (gone[2]["subscription"], "cy@example.net")


def page(*subscribers: tuple[str, str, str, str]) -> str:
    """A page of listmonk's API: (name, status of the account, of the subscription, how the list asks)."""
    results = [
        {
            "id": number,
            "email": f"{name}@example.net",
            "status": account,
            "lists": [
                {
                    "subscription_status": status,
                    "subscription_created_at": "2020-01-01T00:00:00Z",
                    "subscription_updated_at": "2020-02-01T00:00:00.5+02:00",
                    "id": 7,
                    "name": "News",
                    "optin": optin,
                }
            ]
            if status
            else [],
        }
        for number, (name, account, status, optin) in enumerate(subscribers)
    ]
    return json.dumps({"data": {"results": results, "total": len(results), "page": 1}})


def test_pages_of_listmonk_bring_exactly_those_it_would_mail(site: MailSite) -> None:
    double = [
        ("confirmed", "enabled", "confirmed", "double"),
        ("waits", "enabled", "unconfirmed", "double"),
        ("left", "enabled", "unsubscribed", "double"),
        ("blocked", "blocklisted", "unsubscribed", "double"),
        ("nowhere", "blocklisted", "", ""),
        ("off", "disabled", "confirmed", "double"),
        ("elsewhere", "enabled", "", ""),
    ]
    wanted = {"confirmed": "active", "waits": "pending", "left": "unsubscribed"}
    wanted |= dict.fromkeys(("blocked", "nowhere"), "unsubscribed")
    done = take(site, file(site, "page.json", page(*double)))
    assert "page.json: listmonk API export, 7 rows" in done.stderr
    assert "not active there, so not stored here: off@example.net\n" in done.stderr
    assert states(site) == {f"{name}@example.net": state for name, state in wanted.items()}
    shown = json.loads(run(site, "show", "nowhere@example.net", "--json").stdout)
    assert [(one["list"], one["kind"]) for one in shown["suppressions"]] == [("", "operator")]


def test_a_list_of_listmonk_that_asks_nobody_needs_a_word(site: MailSite) -> None:
    text = page(("a", "enabled", "unconfirmed", "single"), ("b", "enabled", "unsubscribed", "single"))
    path = file(site, "page.json", text)
    done = CliRunner().invoke(
        subscribers, ["import", path, "--list", "daily", "--confirmed", "--site", str(site.folder)]
    )
    assert (done.exit_code, states(site)) == (1, {})
    assert "--unconfirmed active" in str(done.exception)
    take(site, path, "--unconfirmed", "pending")
    assert states(site) == {"a@example.net": "pending", "b@example.net": "unsubscribed"}
    take(site, path, "--unconfirmed", "active")
    assert states(site) == {"a@example.net": "active", "b@example.net": "unsubscribed"}


def test_a_csv_of_listmonk_is_taken_only_with_a_word_on_how_it_was_filtered(site: MailSite) -> None:
    text = "uuid,email,name,attributes,status,created_at,updated_at\n1,a@example.net,A,{},enabled,,\n"
    text += "2,b@example.net,B,{},blocklisted,,\n3,c@example.net,C,{},disabled,,\n"
    path = file(site, "subscribers.csv", text)
    given = ["import", path, "--list", "daily", "--site", str(site.folder)]
    done = CliRunner().invoke(subscribers, given)
    assert (done.exit_code, states(site)) == (1, {})
    assert "/api/subscribers?list_id=N" in str(done.exception)
    counted = json.loads(take(site, path, "--filtered", "confirmed", "--dry-run", "--json").stdout)
    groups = dict.fromkeys(("active", "suppressed", "not_stored"), 1)
    assert counted["totals"] == dict.fromkeys(("pending", "left", "kept", "refused"), 0) | groups
    assert counted["inactive"] == ["c@example.net"]
    take(site, path, "--filtered", "confirmed")
    assert states(site) == {"a@example.net": "active", "b@example.net": "unsubscribed"}
    for option in (("--filtered", "confirmed"), ("--unconfirmed", "active"), ("--from-list", "1")):
        plain = file(site, "plain.csv", "email\nz@example.net\n")
        done = CliRunner().invoke(subscribers, [*given[:1], plain, *given[2:], *option])
        assert isinstance(done.exception, UsageError), option


def test_a_file_without_rows_is_told_from_one_without_addresses(site: MailSite) -> None:
    empty = file(site, "empty.csv", GHOST)
    done = take(site, empty)
    assert f"{empty}: Ghost export, a header but no rows\n" in done.stderr
    assert "email_disabled:0" in done.stderr
    other = file(site, "other.csv", "name,town\nAnn,Oslo\n")
    refused = CliRunner().invoke(
        subscribers, ["import", other, "--list", "daily", "--site", str(site.folder)]
    )
    assert "there is no column `email`" in str(refused.exception)


def test_suppressions_are_taken_in_bulk(site: MailSite) -> None:
    take(site, file(site, "readers.csv", "email\na@example.net\nb@example.net\n"), "--confirmed")
    path = file(site, "bad.csv", "Email;Reason\nA <a@example.net>;spam\nno address;x\na@example.net;\n")
    given = ("suppress", "--file", path, "--at", AT)
    done = run(site, *given, "--dry-run", code=1)
    assert "1 address would get no mail of any list from now on\n" in done.stderr
    assert states(site)["a@example.net"] == "active"
    done = run(site, *given, code=1)
    assert f"{path}:3: address: 'no address' has no @" in done.stderr
    assert states(site) == {"a@example.net": "unsubscribed", "b@example.net": "active"}
    again = run(site, "suppress", "--file", "-", "--at", AT, data="a@example.net\nnew@example.net\n")
    assert "1 address gets no mail of any list from now on\n1 address had been" in again.stderr
    journal = (site.folder / ".publisher/journal").read_text()
    assert journal.count('"suppressed"') == 2
    for wrong in (["suppress"], ["suppress", "a@example.net", "--file", path]):
        done = CliRunner().invoke(subscribers, [*wrong, "--site", str(site.folder)])
        assert isinstance(done.exception, UsageError)


NAMES = ("a", "b", "c")
PASTS = ("nobody", "form", "clicked", "cli", "imported", "left", "erased", "bounced")
DATES = (None, START - timedelta(days=9), START + timedelta(hours=1), START + timedelta(days=9))
FILES = st.lists(
    st.lists(
        st.tuples(st.sampled_from(NAMES), st.sampled_from(SourceStatus), st.sampled_from(DATES)), max_size=4
    ),
    max_size=4,
)


class Lists:
    """One site for all histories: each has addresses of its own."""

    def __init__(self, folder: Path) -> None:
        self.app = MailSite(folder, []).app()
        self.number = 0

    def outcome(
        self, pasts: Sequence[str], files: Iterable[Sequence[Any]], *, agreed: bool
    ) -> dict[str, Any]:
        """Whom the list mails, and what stands against whom, after those files in that order."""
        self.number += 1
        deps, [daily] = self.app.deps, self.app.deps.rules.lists
        addresses = {name: f"{name}{self.number}@web.de" for name in NAMES}  # many may sign up there
        for name, past in zip(NAMES, pasts, strict=True):
            arrive(self.app, daily, addresses[name], past)
        for said in files:
            rows = [
                ImportRow(1, addresses[name], RowStatus(status=status, reason="r", at=at))
                for name, status, at in said
            ]
            list(import_readers(deps, daily, rows, START + timedelta(hours=2), confirmed=agreed))
        found: dict[str, Any] = {}
        for name, address in addresses.items():
            key = address_key(address, self.app.ring)
            blocks = sorted((slug, kind) for slug, kind, _ in deps.adapters.store.suppressions_of(key))
            active = any(one.state == "active" for one in deps.adapters.store.subscriptions_of(key))
            found[name] = (active and not blocks, blocks)
        return found


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lists]:
    made = Lists(tmp_path_factory.mktemp("lists") / "site")
    yield made
    made.app.close()


def arrive(app: Any, daily: Any, address: str, past: str) -> None:
    """What happened to an address here before any file."""
    match past:
        case "form" | "clicked":
            signup.sign_up(app.deps, [daily], address, "", START)
            if past == "clicked":
                [found] = app.store.subscriptions_of(address_key(address, app.ring))
                app.store.confirm(found.id, found.generation, START, START + timedelta(minutes=1))
        case "cli" | "left" | "erased":
            subscribe.add(app.deps, daily, address, START, confirmed=True)
            if past == "left":
                departures.unsubscribe(app.deps, address, daily, START)
            if past == "erased":
                departures.erase(app.deps, address, START)
        case "imported":
            list(import_readers(app.deps, daily, [(1, address)], START, confirmed=True))
        case "bounced":
            departures.suppress_keys(app.deps, [(address_key(address, app.ring), "")], "bounce", START)
        case _:
            pass


@settings(max_examples=examples(40))
@given(pasts=st.tuples(*[st.sampled_from(PASTS)] * 3), files=FILES, data=st.data(), agreed=st.booleans())
def test_the_order_of_files_and_rows_does_not_matter(
    lists: Lists, pasts: Sequence[str], files: list[list[Any]], data: st.DataObject, agreed: bool
) -> None:
    other = [data.draw(st.permutations(rows)) for rows in data.draw(st.permutations(files))]
    first = lists.outcome(pasts, files, agreed=agreed)
    assert lists.outcome(pasts, other, agreed=agreed) == first
    assert lists.outcome(pasts, [[row for rows in other for row in rows]], agreed=agreed) == first
    for name, past in zip(NAMES, pasts, strict=True):
        said = [(status, at) for rows in files for who, status, at in rows if who == name]
        left = any(status is SourceStatus.LEFT for status, _ in said)
        if past not in ("clicked", "cli") and left:
            assert not first[name][0]
