"""What is in the wheel: the program, and the templates, settings and example site it needs; in the sdist its
tests and docs too. The wheel is also installed and run where nothing else is.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from paths import ROOT
from unpacking import unpack


def hatchling(source: Path, target: str, folder: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    hatchling(ROOT, "wheel", folder)
    (built,) = folder.glob("*.whl")
    return built


def tracked(*folders: str) -> list[str]:
    files = subprocess.run(["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True)
    if files.returncode:
        pytest.skip("not a git checkout: which files belong here is not known")
    return [name for name in files.stdout.splitlines() if (ROOT / name).exists()]


def test_the_wheel_holds_all_the_program_and_its_data(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    moved = {"templates/": "templates/", "config/": "config/", "examples/site/": "example/"}
    data = {
        name.replace(old, f"publisher/_data/{new}", 1) for old, new in moved.items() for name in tracked(old)
    }
    wanted = {name for name in tracked("publisher") if not name.endswith(".gitignore")} | data
    assert not wanted - names
    assert "publisher/_data/config/init/.gitignore" in names
    assert "publisher/py.typed" in names


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    folders = {"publisher", "publisher-0.1.0.dist-info", "publisher-0.1.0.data"}
    assert {name.split("/")[0] for name in names} == folders
    pages = [name.partition("/share/man/man1/")[2] for name in names if "0.data/" in name]
    assert {"publisher.1", "publisher-plan.1"} <= set(pages)
    assert all(pages), "where man(1) looks for them"
    assert not [name for name in names if ".publisher/" in name or "__pycache__" in name or "/tests/" in name]
    # The program is 3.3 MB of it, templates with the nine catalogues of languages 0.3 MB, the example's
    # pictures and the manual pages the rest.
    assert sum(item.file_size for item in zipfile.ZipFile(wheel).infolist()) < 4_200_000


def test_an_installed_publisher_finds_its_data(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False, symlinks=True)
    (site_packages,) = (tmp_path / "env/lib").glob("python*/site-packages")
    zipfile.ZipFile(wheel).extractall(site_packages)
    others = Path(pytest.__file__).parent.parent  # what it depends on is here; publisher itself is not
    (site_packages / "others.pth").write_text(f"{others}\n")
    code = (
        "import publisher; from publisher.app import packaged; from publisher.config import check_settings;"
        "print(publisher.__file__); print(check_settings(packaged('example'), {}));"
        "print((packaged('config') / 'init/posts').is_dir(), packaged('templates').is_dir())"
    )
    python = tmp_path / "env/bin/python"
    command = [python, "-E", "-c", code]  # without PYTHONPATH, which may name a checkout
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert done.stdout.splitlines() == [str(site_packages / "publisher/__init__.py"), "[]", "True True"]


def run_in(folder: Path, *command: str | Path) -> str:
    """What a command prints on stdout that runs in `folder` and knows nothing of this checkout."""
    ours = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a new environment in which nothing is but the wheel and what it asks for, in the
    versions of the lock.
    """
    folder = tmp_path_factory.mktemp("bare")
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(sorted(pinned(ROOT / "requirements/run.txt"))), encoding="utf-8")
    uv = shutil.which("uv")
    venv.create(folder / "env", with_pip=uv is None, symlinks=True)
    python = str(folder / "env/bin/python")
    tool = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install"]
    command = [*tool, "--quiet", "--constraint", str(constraints), str(wheel)]
    environment = {**os.environ, "UV_HTTP_TIMEOUT": "20", "UV_HTTP_RETRIES": "1", "PIP_RETRIES": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        offline = re.search(r"(?i)failed to fetch|connection|resolve host|timed? ?out|offline", done.stderr)
        assert offline, done.stderr
        pytest.skip("the package index cannot be reached: the wheel is not tried on its own dependencies")
    return folder / "env/bin"


def test_the_wheel_alone_brings_all_it_needs(bare: Path, tmp_path: Path) -> None:
    roots: set[str] = set()
    for file in (ROOT / "publisher").glob("**/*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                roots |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                roots.add(node.module.partition(".")[0])
    others = sorted(roots - sys.stdlib_module_names - {"publisher", "psycopg"})  # of an extra
    assert {"lxml", "sqlalchemy", "tree_sitter"} < set(others)
    code = (
        "import importlib, pkgutil, publisher\n"
        f"[importlib.import_module(name) for name in {others!r}]\n"
        "[importlib.import_module(it.name) for it in pkgutil.walk_packages(publisher.__path__, 'publisher.')"
        " if not it.name.rpartition('.')[2].startswith('__') and '.migrations.' not in it.name"
        " and it.name != 'publisher.stores.sql.postgresql']\n"
        "print(publisher.__file__)"
    )
    found = run_in(tmp_path, bare / "python", "-c", code).splitlines()[-1]
    assert Path(found).is_relative_to(bare.parent)


def test_without_the_extra_a_site_on_postgresql_says_what_to_install(bare: Path, tmp_path: Path) -> None:
    run_in(tmp_path, bare / "publisher", "init", "site")
    command = [bare / "publisher", "status", "--site", "site"]
    environ = os.environ | {"PUBLISHER_STORE__URL": "postgresql://db.example.org/news"}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("publisher: store.url: psycopg, which PostgreSQL needs, cannot be loaded")
    assert done.stderr.endswith("; pip install 'publisher[postgresql]'\n")


def test_the_wheel_alone_publishes_and_mails_the_demo(bare: Path, tmp_path: Path) -> None:
    assert run_in(tmp_path, bare / "publisher", "--version").startswith("publisher ")
    run_in(tmp_path, bare / "publisher", "demo", "--no-serve", "site")
    assert "<entry" in (tmp_path / "site/public/feed.atom").read_text(encoding="utf-8")
    (mail,) = (tmp_path / "site/outbox").glob("**/*.eml")
    assert b"Content-Type: text/html" in mail.read_bytes()


def test_the_sdist_holds_tests_and_docs_and_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    hatchling(ROOT, "sdist", tmp_path)
    (built,) = tmp_path.glob("*.tar.gz")
    unpack(built, tmp_path / "unpacked")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    folders = "publisher templates config examples tests docs benchmarks scripts requirements"
    single = ("pyproject.toml", "Makefile", "Dockerfile", "uv.lock", "README.md", "LICENSE")
    wanted = tracked(*folders.split(), *single)
    assert not [name for name in wanted if not (unpacked / name).exists()]
    hatchling(unpacked, "wheel", tmp_path)
    (again,) = tmp_path.glob("*.whl")
    assert sorted(zipfile.ZipFile(again).namelist()) == sorted(zipfile.ZipFile(wheel).namelist())


def test_the_licence_is_whole(wheel: Path) -> None:
    (name,) = (n for n in zipfile.ZipFile(wheel).namelist() if n.endswith("licenses/LICENSE"))
    text = zipfile.ZipFile(wheel).read(name).decode()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert "See the License for the specific language governing permissions and" in text


def test_both_ways_of_installing_give_the_same_versions() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    locked = {f"{package['name']}=={package['version']}" for package in lock["package"]}
    listed = {
        name: {pin.split()[0] for pin in pinned(ROOT / f"requirements/{name}.txt")} for name in ("run", "dev")
    }
    assert listed["run"] < listed["dev"], "run `make lock`"
    assert listed["dev"] == locked - {"publisher==0.1.0"}, "run `make lock`"


def pinned(file: Path) -> set[str]:
    """The pins of a requirements file, each with the marker that says which Python it is for."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return {line.rstrip(" \\") for line in lines if "==" in line and not line.startswith((" ", "#"))}
