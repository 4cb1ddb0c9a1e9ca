"""/metrics: what Prometheus reads is what the store and the requests say, for whoever may see it."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paths import ROOT
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from publisher.app.secret_files import add_admin_token
from publisher.services.subscribers import subscribe
from publisher.stores.files.public_folder import encodes
from publisher.web.documents.feed_counts import MAX_POLLS, STALE, FeedCounts
from publisher.web.documents.file_cache import CachedFile, FileCache
from publisher.web.documents.request import AGENT, parse_request

TOML = """
[site]
title = "The Harbour"
url = "https://harbour.example/"
id_authority = "harbour.example,2024"
postal_address = "1 Quay Street"

[[feeds]]
slug = "feed"
paths = {rss = "news/all.xml"}

[[feeds]]
slug = "by"
split_by = "tag"

[[lists]]
slug = "daily"
title = "The Harbour, daily"
from = "The Harbour <news@harbour.example>"

[web]
admin_listen = "127.0.0.1:0"
admin_token_file = "tokens"
"""
POST = "---\ntitle: Low tide\ndate: 2026-04-30T08:00:00Z\ntags: [tide]\n---\n\nWords.\n"
OPENMETRICS = {"accept": "application/openmetrics-text; version=1.0.0"}

Begin = Callable[..., tuple[Any, httpx.Client, str]]


@pytest.fixture
def begin(start: Any, tmp_path: Path) -> Iterator[Begin]:
    """Starts a site with a post and metrics; returns it, a client of the admin listener, and a token."""
    with ExitStack() as opened:

        def begun(toml: str = TOML) -> tuple[Any, httpx.Client, str]:
            folder = tmp_path / "harbour"
            (folder / "posts").mkdir(parents=True)
            (folder / "posts" / "low.md").write_text(POST)
            token = add_admin_token(folder / "tokens", "ann")
            site = start(toml, folder)
            site.app.publish()
            url = f"http://127.0.0.1:{site.server.admin_port}"
            return site, opened.enter_context(httpx.Client(base_url=url, trust_env=False, timeout=20)), token

        yield begun


def read(text: str) -> dict[str, float]:
    """Sample with its labels, as it is written -> number."""
    return {
        sample.name + (json.dumps(sample.labels, sort_keys=True) if sample.labels else ""): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_numbers_are_those_of_the_store_and_of_the_requests(begin: Begin) -> None:
    site, admin, _ = begin()
    for number in range(3):
        spec, now = site.app.settings.lists[0], site.clock.now
        subscribe.add(site.app.deps, spec, f"reader{number}@example.org", now, confirmed=number < 2)
    etag = site.http.get("/feed.atom").headers["etag"]
    for agent in ("Feedbin feed-id:81 - 40 subscribers", "Feedbin feed-id:81 - 42 subscribers", "1 reader"):
        for path in ("/feed.atom", "/news/all.xml"):
            again = {"user-agent": agent, "if-none-match": etag}
            site.http.get(path, headers=again)
    site.http.get(
        "/by/tide.json", headers={"user-agent": "NewsBlur - 7 subscribers", "range": "bytes=99999-"}
    )
    site.http.get("/by/tide.json", headers={"user-agent": "NewsBlur - 7 subscribers"})
    site.http.get("/no.atom", headers={"user-agent": "Feedly; 99 subscribers"})
    site.app.store.set_problems("mail", ["the server is away"], site.clock.now)
    site.app.store.set_problems("mail", [], site.clock.now)
    site.app.store.set_problems("mail", ["the server is away again"], site.clock.now)
    answer = admin.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert answer.headers["cache-control"] == "no-store"
    found = read(answer.text)
    documents = site.app.store.documents()
    assert {
        "publisher_store_up": 1,
        "publisher_post_files": 1,
        "publisher_live_posts": 1,
        "publisher_log_entries_total": 1,
        "publisher_documents": len(documents),
        "publisher_documents_written_total": len(documents),
        'publisher_subscribers{"list": "daily", "state": "active"}': 2,
        'publisher_subscribers{"list": "daily", "state": "pending"}': 1,
        'publisher_feed_requests_total{"format": "atom", "status": "200"}': 1,
        'publisher_feed_requests_total{"format": "atom", "status": "304"}': 3,
        'publisher_feed_requests_total{"format": "rss", "status": "200"}': 3,
        'publisher_feed_readers{"feed": "feed"}': 2 * (42 + 1),
        'publisher_feed_readers{"feed": "by"}': 7,
        'publisher_problems{"area": "mail"}': 1,
        'publisher_failures_total{"area": "mail"}': 2,
        'publisher_queued_deliveries{"state": "queued"}': 1,
        'publisher_deliveries_total{"outcome": "accepted"}': 0,
    }.items() <= found.items()
    assert "publisher_feed_requests" in {
        family.name for family in parse_openmetrics(admin.get("/metrics", headers=OPENMETRICS).text)
    }


def test_many_scrapes_at_once_and_a_store_that_cannot_be_read(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, admin, _ = begin()
    ticks = [0.0]
    monkeypatch.setattr(site.app, "monotonic", lambda: ticks[0])
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: admin.get("/metrics").text, range(16)))
    assert {read(text)["publisher_store_up"] for text in answers} == {1}
    site.app.store.close()
    (site.app.state / "publisher.db").rename(site.app.state / "elsewhere.db")
    ticks[0] = 60
    found = read(admin.get("/metrics").text)
    assert found["publisher_store_up"] == 0
    assert "publisher_live_posts" not in found
    (site.app.state / "elsewhere.db").rename(site.app.state / "publisher.db")


def test_where_a_proxy_may_pass_on_anybody_only_a_token_sees_them(begin: Begin) -> None:
    site, admin, token = begin(TOML + 'admin_url = "https://admin.example.org/"\n')
    proxied = {"host": "admin.example.org"}
    local = {"host": f"127.0.0.1:{site.server.admin_port}"}  # as a proxy sends that rewrites it
    for headers in (proxied, local):
        assert admin.get("/metrics", headers=headers).status_code == 401
        known = admin.get("/metrics", headers={**headers, "authorization": f"Bearer {token}"})
        assert "publisher_store_up 1.0" in known.text
    assert admin.get("/metrics", headers={"host": "evil.example"}).status_code == 421
    wrong = {**proxied, "authorization": "Bearer no-such-token"}
    statuses = [admin.get("/metrics", headers=wrong).status_code for _ in range(8)]
    assert statuses == [401] * 5 + [429] * 3
    assert admin.get("/metrics", headers={**proxied, "authorization": f"Bearer {token}"}).status_code == 200
    assert site.http.get("/metrics").status_code == 404  # nothing of it where readers are served


@given(st.lists(st.tuples(st.binary(max_size=60), st.integers(0, 10**9)), max_size=20))
def test_whatever_clients_call_themselves_it_is_one_number_of_bounded_size(agents: list[Any]) -> None:
    for agent, number in agents:
        for value in (agent, agent + b" %d subscribers" % number):
            used = parse_request("GET", [(AGENT, value)]).headers
            assert AGENT not in used or used[AGENT] == value
    assert parse_request("GET", [(AGENT, b"Mozilla/5.0 reader")]).headers == {}
    assert AGENT in parse_request("GET", [(AGENT, b"X (1 readers)")]).headers


def test_no_more_services_are_remembered_than_there_is_room_for(begin: Begin) -> None:
    site, _, _ = begin()
    file = FileCache(site.public, "https://harbour.example/", unpacks=encodes).load("/feed.atom")
    assert isinstance(file, CachedFile)
    counts, now = FeedCounts(), site.clock.now
    for number in range(MAX_POLLS + 5):
        agent = b"Robot %d; 3 subscribers" % number
        counts.count(file, 200, parse_request("GET", [(AGENT, agent)]), now)
    assert len(counts.polls(now)) == MAX_POLLS
    assert counts.polls(now + STALE) == []
    assert counts.requests() == {("feed.atom", "atom", 200): MAX_POLLS + 5}
    counts.count(file, 200, parse_request("GET", [(AGENT, b"Liar; 99999999 subscribers")]), now)
    assert max(poll.readers for poll in counts.polls(now)) == 3


@pytest.mark.soak
def test_a_real_prometheus_takes_the_metrics_the_rules_and_every_query_of_the_dashboard(
    begin: Begin, tmp_path: Path
) -> None:
    prometheus, promtool = shutil.which("prometheus"), shutil.which("promtool")
    if prometheus is None or promtool is None:
        pytest.skip("prometheus is not installed (Debian: apt install prometheus)")
    rules = ROOT / "deploy/prometheus-alerts.yml"
    subprocess.run([promtool, "check", "rules", str(rules)], check=True, timeout=60)
    site, admin, _ = begin()
    checked = subprocess.run(
        [promtool, "check", "metrics"],
        input=admin.get("/metrics").text,
        text=True,
        capture_output=True,
        timeout=60,
    )
    assert (checked.returncode, checked.stderr) == (0, "")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(rules)],
        "scrape_configs": [
            {
                "job_name": "publisher",
                "static_configs": [{"targets": [f"127.0.0.1:{site.server.admin_port}"]}],
            }
        ],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    command = [prometheus, f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data"]
    command.append(f"--web.listen-address=127.0.0.1:{port}")
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            api = httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", trust_env=False, timeout=20)
            until = time.monotonic() + 120

            def ask(query: str) -> list[Any]:
                answer = api.get("/query", params={"query": query})
                assert answer.status_code == 200, (query, answer.text)
                found: list[Any] = answer.json()["data"]["result"]
                return found

            def wait(query: str) -> None:
                while time.monotonic() < until:
                    try:
                        if ask(query):
                            return
                    except httpx.TransportError:
                        pass  # it is not up yet
                    time.sleep(0.2)
                raise AssertionError(f"nothing for {query}")

            wait("count_over_time(publisher_store_up[1m]) > 2")
            site.http.get("/feed.atom")
            site.http.get("/feed.atom", headers={"user-agent": "Feedbin - 42 subscribers"})
            empty: list[str] = []
            dashboard = json.loads((ROOT / "deploy/grafana-dashboard.json").read_text())
            for panel in dashboard["panels"]:
                for target in panel["targets"]:
                    query = target["expr"].replace("$instance", ".*")
                    if not ask(query):
                        empty.append(panel["title"])
            quiet = {
                "Mail that came back in 7 days",
                "Readers of feeds at services",
                "Requests for feeds",
                "Answered without a body (304)",
                "Failures by area",
                "Since each part last worked",
            }
            assert set(empty) <= quiet, "and in these nothing has happened"
            loaded = api.get("/rules").json()["data"]["groups"][0]["rules"]
            assert len(loaded) == rules.read_text().count("- alert:")
            assert {rule["health"] for rule in loaded} <= {"ok", "unknown"}
            assert [rule["name"] for rule in loaded if rule["state"] == "firing"] == []
        finally:
            process.terminate()
