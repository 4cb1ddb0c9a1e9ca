"""What is in the wheel: the program, and the templates, settings and example site it needs."""

import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
from paths import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
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
    assert {name.split("/")[0] for name in names} == {"publisher", "publisher-0.1.0.dist-info"}
    assert not [name for name in names if ".publisher/" in name or "__pycache__" in name or "/tests/" in name]
    assert sum(item.file_size for item in zipfile.ZipFile(wheel).infolist()) < 3_000_000


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


def test_the_licence_is_whole(wheel: Path) -> None:
    (name,) = (n for n in zipfile.ZipFile(wheel).namelist() if n.endswith("licenses/LICENSE"))
    text = zipfile.ZipFile(wheel).read(name).decode()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    assert "See the License for the specific language governing permissions and" in text


def test_both_ways_of_installing_give_the_same_versions() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    locked = {f"{package['name']}=={package['version']}" for package in lock["package"]}
    listed = {name: pinned(ROOT / f"requirements/{name}.txt") for name in ("run", "dev")}
    assert listed["run"] < listed["dev"], "run `make lock`"
    assert listed["dev"] == locked - {"publisher==0.1.0"}, "run `make lock`"


def pinned(file: Path) -> set[str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return {line.split()[0] for line in lines if "==" in line and not line.startswith((" ", "#"))}
