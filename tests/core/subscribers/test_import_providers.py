"""Exports of other services are known by their columns, and say who still gets mail."""

import csv
from io import StringIO

import pytest

from publisher.core.errors import Refused, UsageError
from publisher.core.subscribers.csv_cells import normalized
from publisher.core.subscribers.import_columns import (
    FileScan,
    RowClassifier,
    ScanOptions,
    UnknownStatus,
    classifier,
    require_columns,
)
from publisher.core.subscribers.import_providers import PROVIDERS

MAILCHIMP = "Email Address,First Name,Last Name,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP"
AFTER = "LEID,EUID,NOTES,TAGS"

EXPORTS = {
    "Mailchimp": [
        (
            "subscribed_email_audience_export_1a2b.csv",
            f"{MAILCHIMP},LAST_CHANGED,{AFTER}\n"
            "a@b.example,,,2,2018-02-12 10:54:27,,2018-02-12 10:54:27,,2020-01-01 00:00:00,,,,\n"
            "a@b.example,,,2,,,,,2020-01-01 00:00:00,,,,\n",
            ["subscribed", "subscribed"],
        ),
        (
            "unsubscribed_email_audience_export_1a2b.csv",
            f"{MAILCHIMP},UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,UNSUB_CAMPAIGN_ID,UNSUB_REASON,{AFTER}\n"
            "a@b.example,,,,2018-02-12 10:54:27,,2018-02-12 10:54:27,,2018-07-23 12:19:27,,,,,,,\n"
            "a@b.example,,,,2018-02-12 10:54:27,,,,,,,,,,,\n",
            ["left 2018-07-23", "left"],
        ),
        (
            "cleaned_members_export.csv",
            f"{MAILCHIMP},CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID,{AFTER}\n"
            "a@b.example,,,1,2018-02-05 19:28:23,,2018-02-05 19:28:23,,2020-03-23 17:30:05,,,,,,\n",
            ["bounced 2020-03-23"],
        ),
        (
            "readers.csv",  # somebody has put the files together
            f"{MAILCHIMP},LAST_CHANGED,UNSUB_TIME,CLEAN_TIME,{AFTER}\n"
            "a@b.example,,,2,2018-02-12 10:54:27,,2018-02-12 10:54:27,,2020-01-01,,,,,,\n"
            "a@b.example,,,2,2018-02-12 10:54:27,,2018-02-12 10:54:27,,,2020-01-01,,,,,\n"
            "a@b.example,,,2,2018-02-12 10:54:27,,2018-02-12 10:54:27,,,,2020-01-02,,,,\n",
            ["subscribed", "left 2020-01-01", "bounced 2020-01-02"],
        ),
        (
            "nonsubscribed_email_audience_export_1a2b.csv",
            f"{MAILCHIMP},LAST_CHANGED,{AFTER}\na@b.example,,,2,2018-02-12 10:54:27,,,,2020-01-01,,,,\n",
            ["not subscribed"],
        ),
        (
            "contacts.csv",
            f"{MAILCHIMP},LAST_CHANGED,{AFTER}\na@b.example,,,2,,,,,2020-01-01 00:00:00,,,,\n",
            ["not subscribed"],
        ),
        (
            "contacts.csv",
            "Email Address,LAST_CHANGED,LEID,EUID\na@b.example,2020-01-01,1,2\n",
            ["not subscribed"],
        ),
    ],
    "Ghost": [
        (
            "members.csv",
            "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,"
            "deleted_at,labels,tiers\n"
            "1,a@b.example,A,,true,false,,2024-01-02T10:00:00.000Z,,,\n"
            "2,a@b.example,A,,false,true,cus_1,2024-01-02T10:00:00.000Z,,,Gold\n"
            "3,a@b.example,A,,true,false,,2024-01-02T10:00:00.000Z,2024-02-02T10:00:00.000Z,,\n"
            "4,a@b.example,A,,perhaps,false,,2024-01-02T10:00:00.000Z,,,\n",
            ["subscribed", "left", "left 2024-02-02", "subscribed_to_emails is 'perhaps'"],
        )
    ],
    "Substack": [
        (
            "email_list.csv",
            "email,active_subscription,expiry,plan,email_disabled,created_at,first_payment_at\n"
            "a@b.example,false,,other,false,2018-08-27T15:06:27.713Z,\n"
            "a@b.example,true,2118-09-11T12:14:56.557Z,yearly,true,2018-08-27T15:06:27.713Z,\n",
            ["subscribed", "left"],
        ),
        (
            "signup_emails.csv",
            "email,active_subscription,expiry,email_disabled,created_at\na@b.example,,,false,2018-12-19\n",
            ["subscribed"],
        ),
        (
            "subscriber_emails.csv",
            "email,expiry,email_disabled,stripe_connected_customer_id,type\n"
            "a@b.example,2021-07-06T16:20:44.000Z,false,cus_1,paid\n"
            "a@b.example,2021-07-06T16:20:44.000Z,true,,comp\n",
            ["subscribed", "left"],
        ),
        (
            "all.csv",
            "email,name,active_subscription,subscription_type,email_disabled,country,state\n"
            "a@b.example,A,false,free,false,US,CA\na@b.example,A,true,yearly,true,US,NY\n",
            ["subscribed", "left"],
        ),
        (
            "stats.csv",
            "user_email_address,user_name,subscription_type,activity_rating,country,state,unsubscribed_at\n"
            "a@b.example,A,free,3,US,CA,2024-01-01\n",
            ["subscribed"],
        ),
        (
            "subscriber_details.csv",
            "Email,Name,Stripe plan,Cancel date,Start date,Emails received (6mo),Country,State/Province,"
            "Expiration date,Type,Sections\na@b.example,A,,,2022-01-01,3,US,CA,,Free,\n",
            ["subscribed"],
        ),
    ],
    "listmonk": [
        (
            "subscribers.csv",
            "uuid,email,name,attributes,status,created_at,updated_at\n"
            '1,a@b.example,S,"{""a"": 1}",enabled,2024-01-01 00:00:00 +0000 UTC,\n'
            "2,a@b.example,S,{},blocklisted,,\n3,a@b.example,S,{},disabled,,\n4,a@b.example,S,{},zombie,,\n",
            ["subscribed", "blocked", "inactive", "status is 'zombie'"],
        )
    ],
    "listmonk API": [
        (
            "page.json",
            "email,status,subscription,subscription_updated_at\n"
            "a@b.example,enabled,confirmed,2024-01-01T00:00:00Z\n"
            "a@b.example,enabled,unsubscribed,2024-05-01T10:00:00.123456+02:00\n"
            "a@b.example,enabled,unconfirmed (double opt-in),\n"
            "a@b.example,enabled,unconfirmed (single opt-in),\n"
            "a@b.example,disabled,unconfirmed (single opt-in),\n"
            "a@b.example,disabled,unconfirmed (double opt-in),\n"
            "a@b.example,disabled,confirmed,\na@b.example,disabled,unsubscribed,\n"
            "a@b.example,blocklisted,unsubscribed,\na@b.example,blocklisted,none,\n"
            "a@b.example,enabled,none,\na@b.example,enabled,,\n",
            [
                *("subscribed", "left 2024-05-01", "unconfirmed", "subscribed", "inactive", "inactive"),
                *("inactive", "left", "blocked", "blocked", "not subscribed", "subscription is empty"),
            ],
        )
    ],
    "Buttondown": [
        (
            "subscribers.csv",
            "id,email_address,type,tags,unsubscription_date\n"
            "1,a@b.example,regular,,\n2,a@b.example,premium,,\n3,a@b.example,gifted,,\n"
            "4,a@b.example,unsubscribed,,2024-05-01T00:00:00Z\n5,a@b.example,unactivated,,\n"
            "6,a@b.example,removed,,\n7,a@b.example,undeliverable,,\n8,a@b.example,spammy,,\n"
            "9,a@b.example,royal,,\n",
            [
                *("subscribed", "subscribed", "subscribed", "left 2024-05-01", "unconfirmed", "left"),
                *("bounced", "inactive", "type is 'royal'"),
            ],
        )
    ],
    "Kit": [
        (
            "subscribers.csv",
            "id,first_name,email_address,state,created_at\n1,A,a@b.example,active,2023-01-27T11:43:55Z\n"
            "2,A,a@b.example,cancelled,\n3,A,a@b.example,bounced,\n4,A,a@b.example,complained,\n"
            "5,A,a@b.example,inactive,\n6,A,a@b.example,cold,\n",
            ["subscribed", "left", "bounced", "complained", "unconfirmed", "state is 'cold'"],
        )
    ],
    "beehiiv": [
        (
            "subscribers.csv",
            "email,First Name,Last Name,status,tier,created_at,stripe_customer_id,Free Tier,Premium Tier,"
            "unsubscribed_at\n"
            "a@b.example,,,active,free,2023-03-24 10:23:10 UTC,,Yes,No,\n"
            "a@b.example,,,active,premium,2023-03-24 10:23:10 UTC,,No,Yes,2024-03-13 11:33:53 UTC\n"
            "a@b.example,,,inactive,premium,2023-03-24 10:23:10 UTC,,No,Yes,2024-03-13 11:33:53 UTC\n"
            "a@b.example,,,pending,free,2023-03-24 10:23:10 UTC,,Yes,No,\n"
            "a@b.example,,,Needs Approval,free,2023-03-24 10:23:10 UTC,,Yes,No,\n",
            ["subscribed", "subscribed", "left 2024-03-13", "unconfirmed", "inactive"],
        )
    ],
    "MailerLite": [
        (
            "subscribers.csv",
            "email,status,subscribed_at,unsubscribed_at,state\na@b.example,active,2021-08-31 14:22:08,,CA\n"
            "a@b.example,unsubscribed,,2022-01-01 00:00:00,CA\na@b.example,unconfirmed,,,NY\n"
            "a@b.example,bounced,,,NY\na@b.example,junk,,,NY\n",
            ["subscribed", "left 2022-01-01", "unconfirmed", "bounced", "complained"],
        ),
        (
            "classic.csv",
            "email,type,date_subscribe,date_unsubscribe\na@b.example,active,2021-08-31,\n"
            "a@b.example,unsubscribed,2021-08-31,2022-01-01 00:00:00\n",
            ["subscribed", "left 2022-01-01"],
        ),
    ],
    "Keila": [
        (
            "contacts.csv",
            "Email,First name,Last name,Status\na@b.example,F,B,active\na@b.example,F,B,unsubscribed\n"
            "a@b.example,F,B,unreachable\na@b.example,F,B,pending\na@b.example,F,B,\n",
            ["subscribed", "left", "bounced", "unconfirmed", "Status is empty"],
        )
    ],
}


def judged(name: str, text: str, wishes: ScanOptions = ScanOptions()) -> tuple[RowClassifier, list[str]]:  # noqa: B008  # frozen
    """How a file is judged, and what that makes of each row: the status, and since when."""
    head, *rows = csv.reader(StringIO(text))
    look = FileScan(name, head, wishes)
    for row in rows:
        look.row(row)
    judge = classifier(look)
    return judge, [said(judge, row) for row in rows]


def said(judge: RowClassifier, row: list[str]) -> str:
    found = judge(row)
    if isinstance(found, UnknownStatus):
        return found.reason.partition(";")[0]
    return found.status + (f" {found.at:%Y-%m-%d}" if found.at else "")


@pytest.mark.parametrize(
    ("provider", "name", "text", "wanted"),
    [(provider, *export) for provider, exports in EXPORTS.items() for export in exports],
)
def test_an_export_says_who_gets_mail(provider: str, name: str, text: str, wanted: list[str]) -> None:
    judge, found = judged(name, text, ScanOptions(confirmed=True, unconfirmed="active"))
    assert (judge.provider, found) == (provider, wanted)


def test_a_listmonk_file_needs_a_word_of_who_exported_it() -> None:
    csv_file, page = EXPORTS["listmonk"][0][:2], EXPORTS["listmonk API"][0][:2]
    with pytest.raises(Refused, match="--filtered confirmed"):
        judged(*csv_file)
    assert not judged(*csv_file, ScanOptions(confirmed=True))[0].states_consent
    assert judged(*csv_file, ScanOptions(filtered="confirmed"))[0].states_consent
    with pytest.raises(Refused, match="--unconfirmed pending"):
        judged(*page, ScanOptions(confirmed=True))
    for options in (ScanOptions(unconfirmed="pending"), ScanOptions(unconfirmed="active")):
        judge, found = judged(*page, options)
        assert (judge.states_consent, judge.asks_unconfirmed) == (True, True)
        assert found[3] == ("subscribed" if options.unconfirmed == "active" else "unconfirmed")
    for file in (csv_file, page):
        assert set(judged(*file, ScanOptions(left=True))[1]) <= {"left", "left 2024-05-01", "blocked"}


def test_every_service_has_an_export_here() -> None:
    assert {provider.name for provider in PROVIDERS} == set(EXPORTS)


def test_words_and_columns_of_services_are_spelled_as_they_are_compared() -> None:
    for provider in PROVIDERS:
        names = {name for mark in provider.marks for name in mark}
        names |= {name for column in provider.columns for name in (column.name, column.at)}
        names |= {word for column in provider.columns for word in column.words or ()}
        assert all(normalized(name) == name for name in names)


def test_a_substack_file_that_cannot_tell_says_so() -> None:
    judge, _ = judged("all.csv", EXPORTS["Substack"][4][1])
    assert "email_disabled" in judge.warning
    assert judged("list.csv", EXPORTS["Substack"][0][1])[0].warning == ""


PLAIN = {
    "no column of states": ("email,name\na@b.example,A\n", ["subscribed"]),
    "status": ("email,status\na@b.example,Active\na@b.example,opted-out\n", ["subscribed", "left"]),
    "state": ("email,State\na@b.example,bounced\na@b.example,PENDING\n", ["bounced", "unconfirmed"]),
    "two columns": ("email,type,status\na@b.example,regular,junk\n", ["complained"]),
    "a date of leaving": (
        "email,unsubscribed_at\na@b.example,\na@b.example,2024-05-01\n",
        ["subscribed", "left 2024-05-01"],
    ),
    "truths": ("email,Subscribed\na@b.example,yes\na@b.example,no\n", ["subscribed", "left"]),
    "dates of joining": ("email,Subscribed\na@b.example,2024-05-01\n", ["subscribed"]),
    "other truths": ("email,opted_out\na@b.example,0\na@b.example,1\n", ["subscribed", "left"]),
    "empty": ("email,unsubscribed_at,bounced\na@b.example,,\n", ["subscribed"]),
    "no row": ("email,state\n", []),
}


@pytest.mark.parametrize(("text", "wanted"), PLAIN.values(), ids=PLAIN.keys())
def test_in_a_plain_file_known_words_count(text: str, wanted: list[str]) -> None:
    judge, found = judged("readers.csv", text)
    assert (judge.provider, found) == ("", wanted)


@pytest.mark.parametrize(
    ("text", "column", "shown"),
    [
        ("email,state\na@b.example,CA\na@b.example,NY\n", "state", "'CA', 'NY'"),
        ("email,Status\na@b.example,active\na@b.example,\n", "Status", "'active', ''"),
        (
            "email,type\na@b.example,1\na@b.example,2\na@b.example,3\na@b.example,4\n",
            "type",
            "'1', '2', '3', ...",
        ),
        ("email,status,state\na@b.example,active,CA\n", "state", "'CA'"),
        ("email,unsubscribed\na@b.example,maybe\n", "unsubscribed", "'maybe'"),
        ("email,Email Marketing Status\na@b.example,VIP\n", "'Email Marketing Status'", "'VIP'"),
        ("email,first_name,state,created_at\na@b.example,A,CA,2024-01-01\n", "state", "'CA'"),
    ],
)
def test_a_file_with_words_nobody_knows_is_refused_whole(text: str, column: str, shown: str) -> None:
    with pytest.raises(Refused) as error:
        judged("readers.csv", text)
    reason = str(error.value)
    assert reason.startswith(f"readers.csv: column '{column.strip(chr(39))}' may tell who unsubscribed")
    assert f"({shown})" in reason
    assert f"--ignore-column {column} " in reason
    assert f"--state-column {column} " in reason
    name = column.strip("'").lower().replace("_", " ")
    assert judged("readers.csv", text, ScanOptions(ignored=frozenset({name})))[1][0] == "subscribed"
    by_row = judged("readers.csv", text, ScanOptions(states=frozenset({name})))[1]
    assert any(row.startswith(f"{column.strip(chr(39))} is ") for row in by_row)


def test_an_operator_says_which_column_counts() -> None:
    text = "email,Membership\na@b.example,active\na@b.example,cancelled\na@b.example,gold\n"
    _, found = judged("readers.csv", text, ScanOptions(states=frozenset({"membership"})))
    assert found == ["subscribed", "left", "Membership is 'gold'"]


def test_of_people_who_left_all_have_left_and_some_have_bounced() -> None:
    left = ScanOptions(left=True)
    assert judged("gone.csv", "email,state\na@b.example,CA\n", left)[1] == ["left"]
    assert judged("gone.csv", "email,unsubscribed_at\na@b.example,2024-05-01\n", left)[1] == [
        "left 2024-05-01"
    ]
    assert judged("gone.csv", "email,status\na@b.example,active\na@b.example,bounced\n", left)[1] == [
        "left",
        "bounced",
    ]


def test_a_column_that_counts_stands_once() -> None:
    with pytest.raises(Refused, match="two columns are named 'Status'; remove or rename one of them"):
        judged("readers.csv", "email,Status,status\na@b.example,active,unsubscribed\n")


def test_a_column_that_is_named_must_be_there() -> None:
    look = FileScan("readers.csv", ["email", "State"], ScanOptions())
    require_columns([look], "--ignore-column", ["state"])
    with pytest.raises(
        UsageError, match="--topics: there is no column 'tags'; the columns are: email, State"
    ):
        require_columns([look], "--topics", ["tags"])
