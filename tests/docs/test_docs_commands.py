"""The commands and settings that the pages name are those that the program has."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from paths import ROOT

from publisher.cli import COMMANDS, publisher
from publisher.cli import SECTIONS as COMMAND_SECTIONS
from publisher.cli.reference import man_pages, markdown
from publisher.config.sections import SECTIONS

COMMANDS_PAGE = ROOT / "docs/reference/commands.md"
SETTINGS_PAGE = ROOT / "docs/reference/settings.md"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

CONSOLE = re.compile(r"^ *```console\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
CALL = re.compile(r"^ *[$#] (?:docker exec \S+ )?(?:\S*/)?publisher ([^\n|]+)$", re.MULTILINE)
NAMED = re.compile(r"`publisher ([a-z][^`]*)`")


def commands(
    group: click.Group, context: click.Context, path: str = ""
) -> Iterator[tuple[str, click.Command]]:
    """("subscribers add", its command), groups included."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{path}{name}", command
        if isinstance(command, click.Group):
            yield from commands(command, context, f"{path}{name} ")


ALL = dict(commands(publisher, click.Context(publisher, info_name="publisher")))


def calls(page: Path) -> list[str]:
    """What the page says after `publisher`, on a prompt in a console block or in backticks."""
    text = page.read_text(encoding="utf-8")
    return [*CALL.findall("\n".join(CONSOLE.findall(text))), *NAMED.findall(text)]


def test_the_commands_page_is_up_to_date() -> None:
    assert markdown() == COMMANDS_PAGE.read_text(encoding="utf-8"), "stale: run make docs"


def test_the_manual_pages_are_up_to_date_and_well_formed() -> None:
    pages = man_pages()
    there = {file.stem: file.read_text(encoding="utf-8") for file in (ROOT / "docs/man").iterdir()}
    assert there == dict(pages), "stale: run make docs"
    assert {f"publisher-{name}" for name in COMMANDS} | {"publisher"} == pages.keys()
    if shutil.which("mandoc") is None:
        pytest.skip("mandoc is not here")
    files = sorted(map(str, (ROOT / "docs/man").iterdir()))
    done = subprocess.run(["mandoc", "-T", "lint", *files], capture_output=True, text=True, check=False)
    assert [line for line in done.stdout.splitlines() if "referenced manual not found" not in line] == []


def test_every_command_and_option_is_documented() -> None:
    page = COMMANDS_PAGE.read_text(encoding="utf-8")
    headings = re.findall(r"^#+ publisher (.+)$", page, re.MULTILINE)
    assert headings == list(ALL)
    for name, command in ALL.items():
        section = page.partition(f"# publisher {name}\n")[2].partition("\n#")[0]
        for parameter in command.params:
            # The beginning of the page tells of these.
            everywhere = {"color", "quiet", "verbose", "log_format", "debug"}
            if isinstance(parameter, click.Option) and parameter.name not in everywhere:
                assert parameter.opts[0] in section, f"publisher {name} {parameter.opts[0]}"


def test_the_help_shows_every_command_in_one_section() -> None:
    assert sorted(name for names in COMMAND_SECTIONS.values() for name in names) == sorted(COMMANDS)


def test_every_setting_is_documented() -> None:
    page = SETTINGS_PAGE.read_text(encoding="utf-8")
    for section in SECTIONS:
        header = f"[[{section.name}]]" if section.repeated else f"[{section.name}]"
        rows = page.partition(f"## `{header}`")[2].partition("\n## ")[0]
        for key in section.settings:
            assert f"| `{key}` |" in rows, f"{section.name}.{key}"


def test_the_table_of_the_readme_is_the_list_of_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `publisher ([\w-]+)` \|", readme, re.MULTILINE) == list(COMMANDS)


def test_the_first_newsletter_is_made_of_commands() -> None:
    said = [call.split()[0] for call in calls(ROOT / "README.md")]
    assert {"demo", "init", "publish", "subscribers", "plan", "preview", "mailings", "run"} <= set(said)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_command_a_page_calls_exists_with_its_options(page: Path) -> None:
    for call in calls(page):
        words = call.split()
        if words[0].startswith("-") or words[0].isupper():
            continue
        names = [" ".join(words[:n]) for n in (3, 2, 1)]
        name = next((name for name in names if name in ALL), "")
        assert name, f"publisher {call}"
        known = {opt for parameter in ALL[name].params for opt in parameter.opts} | {"--help", "-h"}
        for option in re.findall(r"(?<!\S)--[a-z-]+", call):
            assert option in known, f"publisher {call}: no {option}"


def test_the_readme_calls_only_targets_that_make_has() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in PAGES:
        named = set(
            re.findall(
                r"`(?:\$ )?make ([a-z]+)`|^\$ make ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE
            )
        )
        assert {a or b for a, b in named} <= targets, page.name


def test_the_units_for_systemd_are_those_that_deploy_shows_and_systemd_takes_them(tmp_path: Path) -> None:
    shown = (ROOT / "docs/how-to/deploy.md").read_text("utf-8")
    files = sorted(file for file in (ROOT / "deploy").iterdir() if file.suffix in {".service", ".timer"})
    units = {file.name: file.read_text("utf-8") for file in files}
    for name in ("publisher.service", "publisher-publish.timer"):
        assert f"```ini\n{units[name]}```" in shown, name
    service = units["publisher.service"]
    reload = "ExecReload=/opt/publisher/bin/publisher reload"
    for line in ("Type=notify", "WatchdogSec=", reload, "--last-good"):
        assert line in service
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed: the units were only compared")
    for name, text in units.items():
        here = text.replace("/opt/publisher/bin/publisher", sys.executable).replace(
            "/srv/mysite", str(tmp_path)
        )
        (tmp_path / name).write_text(here.replace("User=publisher", "User=daemon"))
    written = [str(tmp_path / name) for name in units]
    done = subprocess.run([analyze, "verify", *written], capture_output=True, text=True, timeout=60)
    ours = [line for line in done.stderr.splitlines() if "publisher" in line]
    assert (done.returncode, ours) == (0, []), done.stderr
