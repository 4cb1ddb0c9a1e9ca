"""Deliveries in processes of their own, which are killed or stopped wherever a test wants.

This file is also the program of the runner: it imports Publisher once and forks a child for each delivery, so
that a hundred kills take seconds. The child is the real service on the real store and the real transport.
"""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

DEPARTURES = tuple(
    f"{area}:{step}"
    for area in ("unsubscribe", "leave", "suppress", "erase", "address", "never-ask")
    for step in ("journaled", "committed")
)
"""The failpoints around the store's part in somebody's departure."""

STEPS = ("claimed", "offered", "intended", "committed", "settled", "finished")


class Runner:
    """The runner, from the test's side."""

    def __enter__(self) -> "Runner":
        command = [sys.executable, __file__]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def deliver(self, site: Path, now: datetime, **order: Any) -> dict[str, Any]:
        """Delivers at `now`. With `step` and `times` the child gets `signal` (SIGKILL) at that pass of a
        step ("settled" is "deliver:settled"); with `after` it is killed so many seconds after it began, or
        (`working`) after its first claim. `authority` is a file of certificates it trusts. Returns
        {"code": its exit code}; or {"stopped": its pid} where it stopped itself, and then `go_on` must be
        called.
        """
        return self._ask({"do": "deliver", "site": str(site), "now": now.isoformat(), **order})

    def fold(self, site: Path, now: datetime, after: float) -> dict[str, Any]:
        """Folds the ledger at `now`; killed after so many seconds."""
        return self._ask({"do": "fold", "site": str(site), "now": now.isoformat(), "after": after})

    def act(
        self, site: Path, now: datetime, what: str, step: str, *words: str, times: int = 1
    ) -> dict[str, Any]:
        """Does what `_act` names at `now`, killed at that pass of `step` ("": not at all)."""
        order = {"do": "act", "act": what, "words": words, "step": step, "times": times}
        return self._ask({"site": str(site), "now": now.isoformat(), **order})

    def go_on(self, pid: int) -> dict[str, Any]:
        """Lets a stopped child go on to its end."""
        return self._ask({"do": "go on", "pid": pid})

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


def _serve() -> None:
    warm = False
    for line in sys.stdin:
        order = json.loads(line)
        if not warm:
            _import_all(order)
            warm = True
        if order["do"] == "go on":
            os.kill(order["pid"], signal.SIGCONT)
            answer = _ended(order["pid"])
        else:
            answer = _delivered(order)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _import_all(order: dict[str, Any]) -> None:
    """Everything a delivery needs is imported here, once for all children. No thread is left."""
    from publisher.app import App
    from publisher.config import load
    from publisher.services.delivery import deliver  # noqa: F401

    app = App(load(Path(order["site"])), environ={})
    app.deps.adapters.signer()
    app.store.circuit_breakers()
    app.close()


def _delivered(order: dict[str, Any]) -> dict[str, Any]:
    here, there = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(here)
        _child(order, there)
    os.close(there)
    if order.get("working"):
        os.read(here, 1)
    if "after" in order and not select.select([here], [], [], order["after"])[0]:
        os.kill(child, signal.SIGKILL)
    os.close(here)
    return _ended(child, stops=order.get("signal") == signal.SIGSTOP)


def _ended(child: int, *, stops: bool = False) -> dict[str, Any]:
    """Its end, or that it stopped itself; one that somebody else stops and continues, with all tests, is not
    told of.
    """
    _, status = os.waitpid(child, os.WUNTRACED if stops else 0)
    if os.WIFSTOPPED(status):
        return {"stopped": child}
    return {"code": os.waitstatus_to_exitcode(status)}


def _child(order: dict[str, Any], there: int) -> None:
    code = 1
    try:
        _deliver(order, there)
        code = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _deliver(order: dict[str, Any], there: int) -> None:
    from dataclasses import replace

    from publisher.app import App
    from publisher.config import load
    from publisher.services.delivery import deliver

    now = datetime.fromisoformat(order["now"])
    if order.get("authority"):
        os.environ["SSL_CERT_FILE"] = order["authority"]
    app = App(load(Path(order["site"])), clock=lambda: now, environ={})
    app.failpoint = _reach(order, there)
    if order["do"] == "publish":
        app.publish()
    elif order["do"] == "act":
        _act(app, order["act"], *order["words"])
    elif order["do"] == "fold":
        app.archive_deliveries()
    elif order.get("among"):  # other runs may be alive: only leases that ended are taken over
        deps = replace(app.deps, process=replace(app.deps.process, run_id=order["among"]))
        deliver.recover(deps, now, alone=False)
        deliver.deliver(deps)
    else:
        app.deliver()
    app.close()


def _reach(order: dict[str, Any], there: int) -> Callable[[str], None]:
    left, working = order.get("times", 1), not order.get("working")

    def reach(step: str) -> None:
        nonlocal left, working
        if not working:
            working = True
            os.write(there, b".")
        if step in (order.get("step"), f"deliver:{order.get('step')}"):
            left -= 1
            if left == 0:
                if order.get("signal") == signal.SIGSTOP:
                    _outside_transactions(Path(order["site"]) / ".publisher/publisher.db")
                os.kill(os.getpid(), order.get("signal", signal.SIGKILL))

    return reach


def _act(app: Any, what: str, *words: str) -> None:
    """What a reader or an operator does, through the service that the web and the command line call."""
    from publisher.core.subscribers.subscription import BOUNCE
    from publisher.services.subscribers import account, departures, signup, subscribe

    deps, now = app.deps, app.clock()
    match what:
        case "one click":
            subscribe.unsubscribe(deps, words[0], now)
        case "operator unsubscribes":
            departures.unsubscribe(deps, words[0], None, now)
        case "many leave":
            gone = [
                one
                for word in words
                for one in deps.adapters.store.subscriptions_of(
                    departures.key_of(deps.process.keyring(), word)
                )
            ]
            departures.end_subscriptions(deps, gone, now)
        case "operator suppresses":
            departures.suppress(deps, words[0], None, now)
        case "bounces":
            whom = [(departures.key_of(deps.process.keyring(), word), "") for word in words]
            departures.suppress_keys(deps, whom, BOUNCE, now)
        case "operator erases":
            departures.erase(deps, words[0], now)
        case "reader erases":
            account.erase(deps, words[0], now)
        case "confirms":
            subscribe.confirm(deps, words[0], now)
        case "resolves by log":
            from datetime import UTC

            from publisher.services.delivery.deliver import resolve_by_log, unknown_deliveries
            from publisher.services.operations import mailings

            mailing = mailings.find_mailing(deps.adapters.store, int(words[0]))
            with Path(words[1]).open("rb") as log:
                resolve_by_log(
                    deps,
                    mailing,
                    lambda: unknown_deliveries(deps.adapters.store, mailing.id),
                    log,
                    now,
                    local=UTC,
                    dry_run=False,
                )
        case "never asks":
            signup.never_ask(deps, words[0], now)
        case _:
            raise ValueError(what)


def _outside_transactions(store: Path) -> None:
    """Returns when no thread of ours is inside a transaction: stopped in one, it would keep SQLite's lock."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(store, timeout=30, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")


if __name__ == "__main__":
    _serve()
