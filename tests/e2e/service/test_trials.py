"""What operators, other programs and bad luck do beside `publisher run`: each row of the table in
docs/explanation/while-it-runs.md, tried.
"""

import os
import shutil
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from paths import ROOT
from smtp_server import Hold, on
from trial import (
    BASE,
    READERS,
    Bench,
    Step,
    Trial,
    command,
    copies,
    do,
    edit,
    file,
    fine,
    held,
    let_go,
    logs,
    mail_has,
    news,
    post,
    problem,
    remove,
    rename,
    restart,
    shows,
    taken_up,
    tell,
    write_post,
)
from warm import COMMAND

from publisher.app import packaged

DKIM = {"mail.dkim.domain": "harbour.example", "mail.dkim.keys": [{"selector": "a", "file": "a.pem"}]}
LIST = [name for name in BASE if name.startswith("lists.")]
LAYOUT, DIGEST = "templates/web/layout.html", "templates/email/digest/body.txt"
STORE = ".publisher/publisher.db"


def password(word: str) -> Step:
    """The mail server wants this password from now on."""
    return do(lambda bench: bench.relay.users.update({"me": word}))


def dkim_key(selector: str, name: str) -> Step:
    """A new key in this file."""

    def act(bench: Bench) -> None:
        bench.site.run("keys", "dkim", selector)
        [made] = bench.path(".publisher/dkim").glob(f"*{selector}.pem")
        made.replace(bench.path(name))

    return act


def sql(statement: str) -> Step:
    def act(bench: Bench) -> None:
        with closing(sqlite3.connect(bench.path(STORE), timeout=20)) as store:
            store.execute(statement)
            store.commit()

    return act


def no_more_mail(bench: Bench) -> None:
    """Nothing was mailed but what everybody has once."""
    assert all(number == 1 for number in bench.copies("").values())


def status(text: str) -> Step:
    """`publisher status` says this."""
    return lambda bench: bench.wait(lambda: text in bench.site.run("status").stdout, f"status says {text}")


def same_etag(*steps: Step) -> Step:
    """After these steps the feed has the ETag that it had before."""

    def act(bench: Bench) -> None:
        before = bench.get("/feed.atom").headers["etag"]
        for step in steps:
            step(bench)
        bench.wait(lambda: bench.get("/feed.atom").headers.get("etag") == before, "the same ETag")

    return act


def not_logged(text: str) -> Step:
    def expect(bench: Bench) -> None:
        assert text not in "".join(bench.log), text

    return expect


def mounted(options: str) -> Step:
    """public/ is mounted with these options; the trial is skipped where that is not allowed."""

    def act(bench: Bench) -> None:
        mount = ["mount", "-o", options, str(bench.site.public), str(bench.site.public)]
        if options == "bind":
            bench.wait(bench.path("public/feed.json").exists, "there are feeds")
        if subprocess.run(mount, capture_output=True, check=False).returncode:
            pytest.skip("only root may mount, and not everywhere")

    return act


def unmounted(bench: Bench) -> None:
    subprocess.run(["umount", "-l", str(bench.site.public)], check=True)


def halve(bench: Bench) -> None:
    bench.path("away").mkdir()
    for name in sorted(bench.site.posts.glob("*.md"))[::2]:
        name.rename(bench.path("away") / name.name)


def put_back(bench: Bench) -> None:
    for name in bench.path("away").glob("*.md"):
        name.rename(bench.site.posts / name.name)


def on_another_branch(bench: Bench) -> None:
    """The folder of posts is a checkout; another branch, with a third of the posts, and back."""
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]

    def run(*words: str) -> None:
        subprocess.run([*git, *words], cwd=bench.site.posts, check=True, capture_output=True)

    run("init", "-q", "-b", "main")
    run("add", ".")
    run("commit", "-qm", "all")
    run("checkout", "-qb", "other")
    for name in sorted(bench.site.posts.glob("*.md"))[4:]:
        name.unlink()
    run("commit", "-qam", "few")
    problem("missing")(bench)
    run("checkout", "-q", "main")


def write_in_halves(bench: Bench) -> None:
    """A post of which the first half is written, and the second after a while; the file stays open."""
    write_post(bench, "template")
    text = (bench.site.posts / "template.md").read_text().replace("template", "halves")
    (bench.site.posts / "template.md").unlink()
    with (bench.site.posts / "halves.md").open("w") as target:
        target.write(text[: len(text) // 2])
        target.flush()
        news("meanwhile")(bench)
        assert "halves" not in bench.titles()
        target.write(text[len(text) // 2 :])


def many_edits(bench: Bench) -> None:
    for number in range(20):
        edit({"site.title": f"Title {number}"})(bench)


def half_settings(bench: Bench) -> None:
    """publisher.toml, written in place in two pieces."""
    text = bench.path("publisher.toml").read_text().replace("The Harbour", "The Quay")
    with bench.path("publisher.toml").open("w") as target:
        target.write(text[: len(text) // 2])
        target.flush()
        target.write(text[len(text) // 2 :])


def at_once(*words: str, number: int = 5) -> Step:
    """The command so many times in parallel."""

    def act(bench: Bench) -> None:
        threads = [threading.Thread(target=bench.site.run, args=words) for _ in range(number)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return act


def another_user(*words: str, says: str) -> Step:
    """The command as a user who may read nothing here."""

    def act(bench: Bench) -> None:
        done = bench.site.run(*words, before=("setpriv", "--reuid=65534", "--clear-groups"), code=None)
        assert done.returncode == 1
        assert says in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1

    return act


def post_of_another_user(bench: Bench) -> None:
    write_post(bench, "theirs", "theirs.draft")
    draft = bench.site.posts / "theirs.draft"
    os.chown(draft, 65534, 65534)
    draft.rename(bench.site.posts / "theirs.md")


def run_on_a_copy(bench: Bench) -> None:
    copy = bench.folder.with_name("copy")
    shutil.copytree(bench.folder, copy)
    done = subprocess.run(
        [*COMMAND, "run", "--site", str(copy)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "this is a copy of" in done.stderr


def one_click(bench: Bench) -> None:
    """The last reader leaves by the link in the mail that the first has had."""
    bench.site.run("subscribers", "unsubscribe", READERS[-1])


def kill_the_web_process(bench: Bench) -> None:
    """Kills it while nobody asks, and starts the service again, as systemd does."""
    parent = bench.server.process.pid
    [child, *_] = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    with bench.unasked():
        os.kill(int(child), signal.SIGKILL)
        assert bench.server.process.wait(60) != 0
        bench.up()


def end_in_mid_mailing(bench: Bench, number: int) -> None:
    bench.asking.acquire()
    bench.server.process.send_signal(number)


def start_again(bench: Bench) -> None:
    assert bench.server.process.wait(60) == 0
    bench.up()
    bench.asking.release()


def mid_mailing(name: str, outcome: str, *steps: Step, after: Sequence[Step], **more: Any) -> Trial:
    """These steps while the mail server has the first of three messages and does not answer; then it does."""
    hold = Hold()
    begin = [
        edit({"mail.relays.connections": 1}),
        taken_up("mail.relays[0].connections"),
        post("mid"),
        held(hold),
    ]
    return Trial(
        name, outcome, [*begin, *steps, let_go(hold), *after], rules=[on("dot", hold, nth=1)], **more
    )


TRIALS = (
    # The environment
    Trial(
        "A command has `PUBLISHER_MAIL__TRANSPORT=outbox`, the service has not",
        "The command changes nothing, and names the setting and both places.",
        [post("waits", ahead=3600),
         command("publish", "--send", "daily", code=1, says="PUBLISHER_MAIL__TRANSPORT here",
                 PUBLISHER_MAIL__TRANSPORT="outbox"), do(no_more_mail)],
        quick=True,
    ),
    Trial(
        "The service has `PUBLISHER_SITE__TITLE`, a command has not",
        "The command changes nothing, and names the setting and both places.",
        [restart(PUBLISHER_SITE__TITLE="Another"), shows("/feed.atom", ">Another<"),
         command("publish", code=1, says="PUBLISHER_SITE__TITLE there"),
         command("publish", PUBLISHER_SITE__TITLE="Another")],
    ),
    Trial(
        "A command has another `PUBLISHER_WEB__LISTEN`",
        "It works: the address is the server's alone.",
        [command("publish", PUBLISHER_WEB__LISTEN="127.0.0.1:1")],
    ),
    Trial(
        "A command that only reads has another `PUBLISHER_SITE__TITLE`",
        "It works.",
        [command("status", PUBLISHER_SITE__TITLE="X"), command("plan", PUBLISHER_SITE__TITLE="X"),
         command("mailings", "list", PUBLISHER_SITE__TITLE="X")],
    ),
    Trial(
        "A command has a variable that names no setting",
        "The command names the variable and changes nothing.",
        [command("publish", code=1, says="PUBLISHER_SITE__TITEL", PUBLISHER_SITE__TITEL="X")],
    ),
    # publisher.toml
    Trial(
        "Save `publisher.toml` without a change",
        "Nothing.",
        [do(lambda bench: bench.path("publisher.toml").touch()), news("one"),
         not_logged("settings_taken_up")],
    ),
    Trial(
        "Save `publisher.toml` twenty times in a second",
        "The last version is in force; feeds are written once or twice.",
        [do(many_edits), shows("/feed.atom", ">Title 19<"), fine()],
    ),
    Trial(
        "Write `publisher.toml` in two pieces",
        "Only the whole file counts.",
        [do(half_settings), shows("/feed.atom", ">The Quay<"), not_logged("settings_bad")],
    ),
    Trial(
        "Remove `publisher.toml`",
        "The old settings stay in force, and `status` says so until the file is back.",
        [rename("publisher.toml", "kept"), logs("settings_bad"), news("one"),
         rename("kept", "publisher.toml"), fine()],
        quick=True,
    ),
    Trial(
        "Save `publisher.toml` in Latin-1",
        "The old settings stay in force, and `status` says what is wrong.",
        [do(lambda bench: bench.path("publisher.toml").write_bytes(b'[site]\ntitle = "Caf\xe9"\n')),
         logs("settings_bad"), news("one"), edit({}), fine()],
    ),
    Trial(
        "Change `store.url`",
        "The log says that it needs a restart. The service goes on with its store; commands that write stop.",
        [edit({"store.url": "sqlite:///.publisher/other.db"}),
         logs("settings_need_restart changed=store.url"),
         command("publish", code=1, says="works on this site: put the store back"), news("one"),
         edit({"store.url": None}), fine()],
    ),
    Trial(
        "Change `web.listen` together with another setting",
        "The other is taken up; `status` says that `web.listen` needs a restart.",
        [edit({"web.listen": "127.0.0.1:1", "site.title": "The Quay"}),
         problem("web.listen changed; restart"),
         shows("/feed.atom", ">The Quay<"), edit({"web.listen": "127.0.0.1:0"}), fine()],
    ),
    Trial(
        "`publisher reload` with bad settings, then with good ones",
        "It exits with 1 and the reason, then with 0.",
        [edit({"site.title": 7}), command("reload", code=1, says="site.title is 7"),
         edit({"site.title": "The Quay"}), command("reload", says="has taken up settings"), fine()],
    ),
    Trial(
        "Remove a setting and its whole section",
        "The default is in force.",
        [edit({"site.postal_address": None}), news("one"), edit({"schedule.publish_every": "2s"}), fine()],
    ),
    # Passwords, keys, the secret
    Trial(
        "Rotate the relay's password",
        "The next connection logs in with the new one.",
        [password("new"), file("password", "new\n"), taken_up("mail.relays[0].password_file"), news("one")],
        quick=True,
    ),
    Trial(
        "Remove the file of the relay's password",
        "Mail goes on with the old one; commands that write stop and name the file.",
        [remove("password"), problem("password"), news("one"), command("publish", code=1, says="password"),
         file("password", "old"), fine()],
    ),
    Trial(
        "Empty the file of the relay's password",
        "Mail goes on with the old one, and `status` names the file.",
        [file("password", ""), problem("password"), news("one"), file("password", "old"), fine()],
    ),
    Trial(
        "The relay wants a password that the file does not have yet",
        "Mail waits, and `status` says what the relay answered. With the new password it goes on by itself, "
        "once; what an operator paused stays paused.",
        [password("new"), post("paused"), status("or when `publisher run` takes up another login"),
         command("mailings", "pause", "1"), post("one"), shows("/feed.json", '"one"'), copies("one", 0),
         file("password", "new"), taken_up("mail.relays[0].password_file"), logs("mailing_resumed"),
         copies("one"), copies("paused", 0), status("paused by an operator"),
         command("mailings", "resume", "1"), copies("paused")],
        quick=True,
    ),
    Trial(
        "Make a DKIM key and turn it on",
        "The next mailing is signed.",
        [dkim_key("a", "a.pem"), edit(DKIM), logs("mail.dkim"), news("one"),
         mail_has("DKIM-Signature:", "one")],
    ),
    Trial(
        "Remove the file of a DKIM key",
        "Mail goes on with the key that was loaded, and `status` names the file.",
        [dkim_key("a", "a.pem"), edit(DKIM), logs("mail.dkim"), rename("a.pem", "kept"), problem("a.pem"),
         news("one"), mail_has("DKIM-Signature:", "one"), rename("kept", "a.pem"), fine()],
    ),
    Trial(
        "Overwrite the file of a DKIM key with anything else",
        "Mail goes on with the key that was loaded, and `status` names the file.",
        [dkim_key("a", "a.pem"), edit(DKIM), logs("mail.dkim"), dkim_key("b", "b.pem"),
         file("a.pem", "none\n"), problem("a.pem"), news("one"), mail_has("DKIM-Signature:", "one"),
         rename("b.pem", "a.pem"), fine()],
    ),
    Trial(
        "Replace a DKIM key in its file",
        "The next mailing is signed with the new one.",
        [dkim_key("a", "a.pem"), edit(DKIM), logs("mail.dkim"), dkim_key("b", "b.pem"),
         rename("b.pem", "a.pem"), taken_up("mail.dkim.keys[0]"), news("one"),
         mail_has("DKIM-Signature:", "one")],
    ),
    Trial(
        "Remove the site's secret",
        "The service goes on with the keys it has, and `status` says so. Commands that need the secret stop.",
        [rename(".publisher/secret", "kept"), problem("the secret is missing"), news("one"),
         command("subscribers", "add", "d@example.org", "--list", "daily", code=1, says="secret is missing"),
         rename("kept", ".publisher/secret"), fine()],
        quick=True,
    ),
    Trial(
        "Put another site's secret in its place",
        "The service goes on with the keys it has, and `status` says so. Commands that need the secret stop.",
        [do(lambda bench: shutil.copy(bench.path(".publisher/secret"), bench.path("kept"))),
         file(".publisher/secret", f"1 {'ab' * 32}\n"), problem("not the secret of this site"),
         rename("kept", ".publisher/secret"), fine()],
    ),
    Trial(
        "`publisher keys secret --new`",
        "The new key signs the next links, the old one still verifies.",
        [news("one"), command("keys", "secret", "--new", says="2 keys verify"), news("two")],
    ),
    # The store and the site's folder
    Trial(
        "Move the store away, and back",
        "Nothing is written meanwhile, and no empty store is made. The log says so, once each way.",
        [rename(STORE, "kept"), logs("files_moved"), rename("kept", STORE), logs("files_are_back")],
        quick=True,
    ),
    Trial(
        "Move the state folder away, and back",
        "Nothing is written meanwhile, and no empty store is made.",
        [rename(".publisher", "kept"), logs("files_moved"), rename("kept", ".publisher"),
         logs("files_are_back")],
    ),
    Trial(
        "Rename the site's folder, and back",
        "Nothing is written meanwhile.",
        [news("one"), do(lambda bench: bench.folder.rename(bench.folder.with_name("away"))),
         logs("files_moved"),
         do(lambda bench: bench.folder.with_name("away").rename(bench.folder)), logs("files_are_back")],
        allows=(503,),
    ),
    Trial(
        "Put a copy of the store in its place, and the store back",
        "Nothing is written to either meanwhile.",
        [do(lambda bench: shutil.copy(bench.path(STORE), bench.path("copy"))), rename(STORE, "kept"),
         rename("copy", STORE), logs("is not the one that this process opened"), rename("kept", STORE),
         logs("files_are_back")],
    ),
    Trial(
        "Remove the lock of the service",
        "It stops writing: another service could start now. A restart goes on.",
        [remove(".publisher/run.lock"), logs("files_moved"), restart(), news("one")],
    ),
    Trial(
        "`publisher migrate`",
        "It is refused while the service runs.",
        [command("migrate", code=1, says="holds it")],
    ),
    Trial(
        "`publisher backup`",
        "It works, without a pause of the service.",
        [command("backup", "{folder}/backup"), news("one")],
    ),
    # Posts
    Trial(
        "Move the folder of posts away, and back",
        "What was published stays, `status` says that the folder is gone, and mail that is due goes out.",
        [rename("posts", "kept"), problem("is not there"), rename("kept", "posts"), fine()],
    ),
    Trial(
        "Put an empty folder in the place of the posts, and then theirs again",
        "Publishing stops, names the folder, and nothing is withdrawn.",
        [rename("posts", "kept"), do(lambda bench: bench.path("posts").mkdir()),
         problem("is not the folder that was published from"),
         remove("posts"), rename("kept", "posts"), fine()],
        quick=True,
    ),
    Trial(
        "Take half of the posts away, and put them back",
        "Publishing stops, names the missing posts, and nothing is withdrawn.",
        [do(halve), problem("published posts"), do(put_back), fine()],
    ),
    Trial(
        "Check out another branch of the posts, and the first one again",
        "Publishing stops, names the missing posts, and nothing is withdrawn.",
        [do(on_another_branch), fine()],
    ),
    Trial(
        "Save a post in two halves",
        "It appears once, whole.",
        [do(write_in_halves), shows("/feed.json", "halves"), copies("halves")],
    ),
    Trial(
        "A post by another user",
        "It appears once it has been left alone for two seconds.",
        [do(post_of_another_user), shows("/feed.json", "theirs"), copies("theirs")],
    ),
    Trial(
        "A copy of a post, by a file manager",
        "It is held and named; nothing of it is mailed.",
        [do(lambda bench: shutil.copy(bench.site.posts / "old-03.md", bench.site.posts / "old-03 (copy).md")),
         problem("looks like a copy of old-03.md"), remove("posts/old-03 (copy).md"), fine()],
    ),
    Trial(
        "Thirty new posts at once",
        "They are held as one batch and named. `publish --accept-new` lets them out, once to everybody.",
        [do(lambda bench: [write_post(bench, f"many {n}") for n in range(30)]), problem("30 new posts"),
         copies("many 1", 0), command("publish", "--accept-new"), copies("many 1"), copies("many 29"),
         fine()],
    ),
    Trial(
        "A post with broken front matter",
        "It is named with its line; everything else goes on.",
        [file("posts/broken.md", "---\ntitle: [\n---\nWords.\n"), problem("broken.md"), news("one"),
         remove("posts/broken.md"), fine()],
    ),
    Trial(
        "A published post gets broken front matter",
        "Its last good version stays.",
        [news("one"), file("posts/one.md", "---\ntitle: [\n---\nWords.\n"), problem("one.md"),
         shows("/feed.json", '"one"'), post("one"), fine(), copies("one")],
    ),
    Trial(
        "Rename the file of a published post",
        "It keeps its id; no feed changes, and nobody is mailed.",
        [news("one"), rename("posts/one.md", "posts/renamed.md"), news("two"), copies("one")],
    ),
    Trial(
        "Edit a published post",
        "Feeds show the new version; nobody is mailed again.",
        [news("one"), post("one", text="Words of one. And more."), shows("/feed.json", "And more"),
         copies("one")],
    ),
    Trial(
        "A post dated two seconds ahead",
        "It appears then, and is mailed once.",
        [post("soon", ahead=2), shows("/feed.json", '"soon"'), copies("soon")],
    ),
    Trial(
        "Move the posts to another folder and set `posts.dir`",
        "Every post keeps its id; nothing is mailed again.",
        [news("one"), do(lambda bench: shutil.copytree(bench.site.posts, bench.path("other"))),
         edit({"posts.dir": "other"}), taken_up("posts.dir"), copies("one"), remove("posts"),
         rename("other", "posts"), edit({"posts.dir": None}), fine()],
    ),
    Trial(
        "Set `posts.pages`",
        "Every post would get another link, so publishing stops and says so. `publish --accept-new` goes on.",
        [edit({"posts.pages": True}), problem("would become updates at once"),
         command("publish", "--accept-new"), fine(), news("one")],
    ),
    # Documents
    Trial(
        "Remove `public/feed.atom`",
        "It is written again, with the same ETag.",
        [same_etag(remove("public/feed.atom"))],
        allows=(404,),
    ),
    Trial(
        "Remove `public/`",
        "Everything is written again, with the same ETags. Requests before that get 503.",
        [same_etag(remove("public"))],
        allows=(404, 503),
    ),
    Trial(
        "`public/` becomes read-only for a while",
        "Feeds stay as they are and `status` says why. Afterwards everything is published, and mailed once.",
        [mounted("bind"), mounted("remount,bind,ro"), post("one"), problem("read-only file system"),
         mounted("remount,bind,rw"), shows("/feed.json", '"one"'), copies("one"), fine(), unmounted],
    ),
    # Lists
    Trial(
        "Remove a list that people are on, and put it back",
        "Nothing is sent to it, and `status` names it. Once it is back, its readers get what they missed.",
        [edit(dict.fromkeys(LIST)), problem("daily"), post("missed"), shows("/feed.json", "missed"),
         copies("missed", 0), edit({name: BASE[name] for name in LIST}), copies("missed"), fine()],
        allows=(404, 503),
    ),
    Trial(
        "Rename a list, and run `publisher lists rename`",
        "Until the command is run nothing is sent to the list. Then its readers are on the new one.",
        [edit({"lists.slug": "news"}), problem("daily"), post("missed"), copies("missed", 0),
         command("lists", "rename", "daily", "news"), copies("missed"), fine()],
        allows=(301, 404, 410, 503),
    ),
    # Templates
    Trial(
        "Break a template of the pages",
        "The old one stays in force, for commands too, and `status` names file and line.",
        [file(LAYOUT, "{% if %}"), problem("layout.html:1"), shows("/subscribe/daily", "The Harbour"),
         post("one"), command("publish", says="goes by the last good templates"),
         shows("/feed.json", '"one"'), command("publish", "--send", "daily"), command("feeds", "rebuild"),
         copies("one"), remove(LAYOUT), fine()],
    ),
    Trial(
        "A template of the site's own for digests",
        "The next mailing is made from it.",
        [do(lambda bench: bench.path(DIGEST).parent.mkdir(parents=True)),
         do(lambda bench: bench.path(DIGEST).write_text(f"OUR OWN\n{packaged(DIGEST).read_text()}")),
         logs("changed=templates/email/digest/body.txt"), news("one"), mail_has("OUR OWN", "one"),
         remove("templates"), fine(), news("two")],
    ),
    Trial(
        "Break a template of mails",
        "The old one stays in force, for commands too, and `status` names file and line.",
        [file(DIGEST, "{% if %}"), problem("body.txt:1"), news("one"),
         command("publish", "--send", "daily", says="goes by the last good templates"), news("two"),
         remove(DIGEST), fine()],
    ),
    # Services, versions, users
    Trial(
        "A second `publisher run`",
        "It is refused, with the pid of the first.",
        [command("run", code=1, says="holds it"), command("run", "--web-only", code=1, says="holds it")],
    ),
    Trial(
        "`publisher run` on a copy of the site",
        "It is refused; `run --take-over` is the way on.",
        [do(run_on_a_copy)],
    ),
    Trial(
        "A command of another version",
        "It is refused, with both versions.",
        [sql("UPDATE service SET version = '0.0.9'"), command("publish", code=1, says="is version 0.0.9"),
         sql("UPDATE service SET version = (SELECT version FROM settings_generations LIMIT 1)")],
    ),
    Trial(
        "Five `publisher publish` at once",
        "They take turns; everybody is mailed once.",
        [post("one"), at_once("publish"), copies("one")],
    ),
    Trial(
        "A command by another user",
        "One line says which file may not be read.",
        [another_user("publish", says="ermission denied")],
    ),
    # Signals
    Trial(
        "`kill -HUP`, five times",
        "The settings are read again; nothing else happens.",
        [*[tell(signal.SIGHUP)] * 5, news("one")],
    ),
    Trial("`kill -USR1`", "Nothing.", [tell(signal.SIGUSR1), news("one")]),
    Trial(
        "`kill -STOP` for a moment, then `-CONT`",
        "What came due meanwhile is caught up once.",
        [post("due", ahead=1), tell(signal.SIGSTOP), tell(signal.SIGCONT), copies("due")],
    ),
    Trial("`kill -TERM`, and a start", "Nothing is lost.", [post("one"), restart(), copies("one")]),
    Trial(
        "`kill -9` right after a post is saved, and a start",
        "Nothing is lost, and nobody is mailed twice.",
        [news("one"), restart(by=signal.SIGKILL), news("two"), copies("one")],
    ),
    Trial(
        "`kill -TERM` right after a post is saved, and a start",
        "What is being written is finished; nothing is lost.",
        [*[step for n in range(3) for step in (post(f"post {n}"), restart())], copies("post 0"),
         copies("post 1"), copies("post 2")],
    ),
    Trial(
        "`kill -9` of the web process",
        "The service ends, so that whoever supervises it starts it again.",
        [news("one"), do(kill_the_web_process), news("two")],
    ),
    # In the middle of a mailing
    mid_mailing(
        "Change settings in the middle of a mailing",
        "The mailing pauses between two messages and goes on; what it sends was fixed when it was planned.",
        edit({"lists.title": "At once"}),
        after=[taken_up("lists[0].title"), copies("mid")],
        quick=True,
    ),
    mid_mailing(
        "`kill -TERM` in the middle of a mailing, and a start",
        "The message in flight is finished, the rest goes out after the start, and nobody has two.",
        do(lambda bench: end_in_mid_mailing(bench, signal.SIGTERM)),
        after=[do(start_again), copies("mid")],
    ),
    mid_mailing(
        "`publisher mailings pause`, then `resume`, in the middle of a mailing",
        "What is in flight arrives, the rest waits, and everybody has it once.",
        command("mailings", "pause", "1"),
        after=[command("mailings", "resume", "1"), copies("mid")],
    ),
    mid_mailing(
        "`publisher mailings cancel` in the middle of a mailing",
        "What is in flight arrives, the rest is never sent.",
        command("mailings", "cancel", "1", "--yes"),
        after=[do(lambda bench: bench.wait(lambda: bench.copies("mid").total() == 1, "one arrived"))],
    ),
    mid_mailing(
        "A reader unsubscribes in the middle of a mailing",
        "Unless their message has left, they do not get it.",
        do(one_click),
        after=[do(lambda bench: bench.wait(lambda: bench.copies("mid").total() == 2, "two arrived"))],
        works=False,
    ),
    mid_mailing(
        "A reader is erased in the middle of a mailing",
        "Unless their message has left, they do not get it.",
        command("subscribers", "erase", READERS[-1], "--yes"),
        after=[do(lambda bench: bench.wait(lambda: bench.copies("mid").total() == 2, "two arrived"))],
        works=False,
    ),
    mid_mailing(
        "Set `mail.transport` to `outbox` in the middle of a mailing",
        "What the relay took stays the relay's, the rest goes to the outbox, and nobody has two.",
        edit({"mail.transport": "outbox"}),
        after=[taken_up("mail.transport"), copies("mid")],
    ),
)  # fmt: skip


def parameters() -> list[Any]:
    return [
        pytest.param(trial, id=trial.name, marks=[] if trial.quick else [pytest.mark.soak])
        for trial in TRIALS
    ]


def test_the_documentation_tells_what_each_trial_shows() -> None:
    page = (ROOT / "docs/explanation/while-it-runs.md").read_text()
    rows = [f"| {trial.name} | {trial.outcome} |" for trial in TRIALS]
    found = [line for line in page.splitlines() if line.startswith("| ") and "---" not in line]
    assert [line for line in found if line != "| What you do | What happens |"] == rows


@pytest.mark.parametrize("trial", parameters())
def test_beside_a_working_service(trial: Trial, bench: Any) -> None:
    at_work = bench(trial)
    trial.carry_out(at_work)
    at_work.end(works=trial.works, allows=trial.allows)
