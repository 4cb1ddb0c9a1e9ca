"""Programs of operators beside a real `publisher run`: the API with a token that the command line made, and
/metrics, which counts what other processes do as well.
"""

import json
from typing import Any

import httpx


def test_a_token_of_the_command_line_opens_the_api_until_it_is_revoked(
    site: Any, running: Any, wait_for: Any
) -> None:
    site.publish("2024-10-20T03:00:00Z")
    text = (site.folder / "publisher.toml").read_text()
    site.settings(f'{text}admin_listen = "127.0.0.1:0"\nadmin_token_file = "tokens"\n')
    site.run("keys", "admin", "ann")
    server = running("--log-format=json")
    server.said.append(next(line for line in server.process.stderr if "admin pages on " in line))
    base = json.loads(server.said[-1])["text"].removeprefix("admin pages on ").removesuffix("admin")
    with httpx.Client(base_url=base, trust_env=False, timeout=20) as http:
        made = site.json("keys", "api", "shop", "--scope", "subscribers:write", "--scope", "posts:read")
        assert made["scopes"] == ["posts:read", "subscribers:write"]
        authorized = {"authorization": f"Bearer {made['token']}"}
        reader = {
            "address": "ann@example.org",
            "list": "daily",
            "confirmed": True,
            "consent": {"wording": "Yes"},
        }
        assert http.post("/api/v1/subscribers", json=reader, headers=authorized).status_code == 201
        shown = site.json("subscribers", "show", "ann@example.org")
        assert shown["subscriptions"][0]["consent"]["form"] == "api"
        assert http.get("/api/v1/mailings", headers=authorized).status_code == 403

        site.run("subscribers", "add", "bob@example.org", "--list", "daily", "--confirmed")
        active = 'publisher_subscribers{list="daily",state="active"} 2.0'
        wait_for(lambda: active in http.get("/metrics").text)  # numbers are kept for ten seconds
        assert 'publisher_last_work_timestamp_seconds{part="heartbeat"}' in http.get("/metrics").text

        site.run("keys", "api", "shop", "--revoke")
        assert http.post("/api/v1/subscribers", json=reader, headers=authorized).status_code == 401
        [listed] = site.json("keys", "api")
        assert (listed["name"], bool(listed["revoked"])) == ("shop", True)
        assert made["token"] not in site.run("keys", "api").stdout
        assert "is missing" in site.run("keys", "api", "other", code=2).stderr
    assert server.stop() == 0
    assert made["token"] not in "".join(server.said)
