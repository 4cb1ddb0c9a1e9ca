"""Exports of Ghost and listmonk, in exactly their shapes and with every state, through the real command: the
next digest reaches whom the old service would have mailed, and nobody else.
"""

import json
from typing import Any

LISTS = ("ghost", "double", "single", "csv", "daily")
GHOST = (
    "id,email,name,note,subscribed_to_emails,complimentary_plan,stripe_customer_id,created_at,deleted_at,"
    "labels,tiers\n"
)
MONK = "uuid,email,name,attributes,status,created_at,updated_at\n"
AT = "2024-10-20T04:00:00Z"


def member(name: str, subscribed: str, deleted: str = "") -> str:
    stamp = "2023-05-01T09:00:00.000Z"
    return f"671b2a0f9c1e4d0001a2b3c4,{name}@example.org,N,,{subscribed},false,,{stamp},{deleted},,\n"


def account(name: str, status: str) -> str:
    stamp = "2023-05-01 09:00:00+00"
    return f'9d5f9e58-1c0f-4c5e-9f44-7a1f,{name}@example.org,"N","{{}}",{status},{stamp},{stamp}\n'


def page(optin: str, **subscribers: tuple[str, str]) -> str:
    """A page of listmonk's API, of one list: names with the status of account and subscription."""
    stamp = "2023-05-01T09:00:00.000000Z"
    results = [
        {
            "id": n,
            "created_at": stamp,
            "updated_at": stamp,
            "uuid": f"9d5f9e58-1c0f-4c5e-9f44-{n:012}",
            "email": f"{name}@example.org",
            "name": name,
            "attribs": {},
            "status": status,
            "lists": [
                {
                    "subscription_status": subscription,
                    "subscription_created_at": stamp,
                    "subscription_updated_at": stamp,
                    "subscription_meta": {},
                    "id": 3,
                    "uuid": "ce13e971-c2ed-4069-bd0c-240e9a9f56f9",
                    "name": "News",
                    "type": "public",
                    "optin": optin,
                    "tags": [],
                    "created_at": stamp,
                    "updated_at": stamp,
                }
            ]
            if subscription
            else [],
        }
        for n, (name, (status, subscription)) in enumerate(subscribers.items(), 1)
    ]
    data = {"results": results, "query": "", "total": len(results), "per_page": 1000, "page": 1}
    return json.dumps({"data": data})


FILES = {
    "ghost": (
        "members.csv",
        GHOST
        + member("g-on", "true")
        + member("g-off", "false")
        + member("g-gone", "true", "2024-01-01T00:00:00.000Z")
        + member("g-off-gone", "false", "2024-01-01T00:00:00.000Z"),
        ("--confirmed",),
    ),
    "double": (
        "double.json",
        page(
            "double",
            **{
                f"d-{status}-{subscription or 'none'}": (status, subscription)
                for status in ("enabled", "disabled", "blocklisted")
                for subscription in ("confirmed", "unconfirmed", "unsubscribed", "")
            },
        ),
        (),
    ),
    "single": (
        "single.json",
        page(
            "single",
            **{
                f"s-{status}-{subscription or 'none'}": (status, subscription)
                for status in ("enabled", "disabled", "blocklisted")
                for subscription in ("confirmed", "unconfirmed", "unsubscribed", "")
            },
        ),
        ("--unconfirmed", "active"),
    ),
    "csv": (
        "subscribers.csv",
        MONK
        + account("c-on", "enabled")
        + account("c-off", "disabled")
        + account("c-blocked", "blocklisted"),
        ("--filtered", "confirmed"),
    ),
}
"""For each list: the file, what is in it, and what its operator must say."""

MAILED = {
    "ghost": {"g-on"},
    "double": {"d-enabled-confirmed"},
    "single": {"s-enabled-confirmed", "s-enabled-unconfirmed"},
    "csv": {"c-on"},
    "daily": set[str](),
}
"""Whom the old service would have mailed, but for the disabled accounts of listmonk, which `import` names."""


def test_the_next_digest_reaches_exactly_whom_the_old_service_would_have_mailed(site: Any) -> None:
    text = (site.folder / "publisher.toml").read_text("utf-8")
    lists = "".join(
        f'[[lists]]\nslug = "{slug}"\nfrom = "The Harbour <news@harbour.example>"\nat = "16:00"\n'
        for slug in LISTS[:-1]
    )
    site.settings(f"{text}\n{lists}")
    site.publish("2024-10-20T03:00:00Z")
    said = ""
    for slug, (name, content, words) in FILES.items():
        file = site.folder / name
        file.write_text(content, encoding="utf-8")
        given = ("subscribers", "import", str(file), "--list", slug, *words, "--at", AT)
        counted = json.loads(site.run(*given, "--dry-run", "--json").stdout)["totals"]
        assert counted["active"] == len(MAILED[slug]), (slug, counted)
        said += site.run(*given).stderr
    for name in ("d-disabled-confirmed", "s-disabled-unconfirmed", "c-off"):
        assert f"{name}@example.org" in said
    site.post("one.md", "---\ntitle: One\ndate: 2024-10-20T05:00:00Z\n---\nWords.\n")
    site.publish("2024-10-20T10:00:00Z")
    got: dict[str, set[str]] = {slug: set() for slug in LISTS}
    asked: set[str] = set()
    for mail in site.mails():
        reader = mail["To"].partition("@")[0]
        if mail["List-Id"] is None:
            asked.add(reader)
        else:
            got[mail["List-Id"].partition("<")[2].partition(".")[0]].add(reader)
    assert got == MAILED
    assert asked == {"d-enabled-unconfirmed"}, "only who never answered there is asked here"
    for name in ("c-blocked", "d-blocklisted-none", "s-blocklisted-confirmed"):
        shown = site.json("subscribers", "show", f"{name}@example.org")
        assert [(one["list"], one["kind"]) for one in shown["suppressions"]] == [("", "operator")], name
