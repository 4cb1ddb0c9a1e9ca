"""`publisher run` serves in a process of its own: neither process outlives the other, and a wish is heard."""

import ctypes
import json
import os
import signal
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_when_the_process_is_killed_its_port_is_free_for_the_next(
    site: Any, running: Any, wait_for: Any
) -> None:
    first = running()
    port = int(first.url.rpartition(":")[2])
    [child] = children(first.process.pid)
    first.http.close()
    first.process.kill()
    first.process.communicate()
    wait_for(lambda: not Path(f"/proc/{child}").exists())
    second = running("--listen", f"127.0.0.1:{port}")
    assert second.http.get("/healthz").text.startswith("alive\n")
    assert second.stop() == 0


def test_when_the_server_dies_the_process_ends_and_says_so(site: Any, running: Any) -> None:
    server = running()
    [child] = children(server.process.pid)
    os.kill(child, signal.SIGKILL)
    server.http.close()
    _, said = server.process.communicate(timeout=30)
    assert server.process.returncode == 1
    assert "web: the server ended by itself (signal 9); start it again" in said
    assert "Traceback" not in said


def test_a_signal_that_interrupts_no_call_stops_it_too(site: Any, running: Any) -> None:
    """As one does that comes just before the call: here a thread takes it which does not wait."""
    server = running()
    pid = server.process.pid
    others = [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir() if int(task.name) != pid]
    assert ctypes.CDLL(None).tgkill(pid, others[0], signal.SIGTERM) == 0
    server.http.close()
    server.process.communicate(timeout=30)
    assert server.process.returncode == 0


def test_a_request_in_flight_is_finished_when_it_stops(site: Any, running: Any, wait_for: Any) -> None:
    site.publish("2024-10-20T03:00:00Z")
    (site.public / "large.bin").write_bytes(bytes(40_000_000))
    server = running()
    port = int(server.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as line:
        line.sendall(b"GET /large.bin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        said = len(line.recv(1000))
        server.process.send_signal(signal.SIGTERM)
        while part := line.recv(1 << 20):
            said += len(part)
    assert said > 40_000_000
    server.http.close()
    server.process.communicate(timeout=30)
    assert server.process.returncode == 0


def test_a_sign_up_is_answered_by_a_mail_at_once(site: Any, running: Any, wait_for: Any) -> None:
    """The form is taken by one process and the mail sent by the other, long before its next tick."""
    text = (site.folder / "publisher.toml").read_text()
    site.settings(text + '\n[schedule]\npublish_every = "1h"\n')
    server = running()
    page = server.http.get("/subscribe/daily").text
    token = page.partition('name="token" value="')[2].partition('"')[0]
    fields = {"token": token, "address": "ann@example.org", "website": ""}
    assert httpx.post(f"{server.url}/subscribe/daily", data=fields, timeout=20).status_code == 200
    wait_for(lambda: site.mails_to("ann@example.org"))
    assert server.stop() == 0


def test_the_server_knows_of_the_next_post_that_the_other_process_found(
    site: Any, running: Any, wait_for: Any
) -> None:
    server = running()

    def kept() -> str:
        return str(server.http.get("/feed.atom").headers.get("cache-control"))

    wait_for(lambda: kept() == "public, max-age=60")
    soon = datetime.now(UTC) + timedelta(seconds=50)
    site.post("soon.md", f"---\ntitle: Soon\ndate: {soon.isoformat()}\n---\nWords.\n")
    wait_for(lambda: kept() != "public, max-age=60")
    assert int(kept().rpartition("=")[2]) <= 50
    assert server.stop() == 0


def test_with_json_every_line_of_stderr_is_an_object_of_both_processes(site: Any, running: Any) -> None:
    site.publish("2024-10-20T03:00:00Z")
    site.post("new.md", "---\ntitle: New\ndate: 2024-10-21\n---\nWords.\n")
    site.post("bad.md", "---\ntitle: [\n---\n")
    server = running("--log-format", "json")
    token = "secret-token-of-a-reader"
    assert server.http.get(f"/confirm/{token}").status_code == 404
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=20) as line:
            line.sendall(b"no HTTP\r\n\r\n")
            line.recv(1000)
    server.stop()
    events = [json.loads(line) for line in "".join(server.said).splitlines()]
    assert {"message", "published", "bad_post"} <= {event["event"] for event in events}
    assert all({"time", "level", "event", "logger"} <= event.keys() for event in events)
    [started] = [event for event in events if event.get("text", "").startswith("serving ")]
    assert started["level"] == "info"
    assert token not in str(events)
    site.settings("[site]\nurl = 3\n")
    [failed] = [
        json.loads(line) for line in site.run("publish", "--log-format=json", code=1).stderr.splitlines()
    ]
    assert (failed["event"], failed["level"]) == ("failed", "error")
    assert "site.title" in failed["reason"]
