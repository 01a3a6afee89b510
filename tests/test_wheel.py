"""The package as people install it: built from its source archive, put into an environment that holds what it requires
and nothing else, and used from a folder that has nothing to do with it."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email import message_from_bytes
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from gradviz_core import __version__
from gradviz_core.commands import app as command
from gradviz_core.commands.main import main
from gradviz_core.folders import app_folder
from gradviz_core.models import catalogue
from tests.load.requests import Door
from tests.load.tab import Tab
from tests.test_docker import wait_for_health
from tests.test_readme import BLOCKS

ROOT = Path(__file__).parents[1]
UV = str(Path(sys.executable).with_name("uv"))
SITE = Path(sysconfig.get_path("purelib"))
NOT_SOURCES = shutil.ignore_patterns(".*_cache", ".git", ".venv", ".hypothesis", "__pycache__", "build", "*.egg-info")
INFO = f"gradviz_core-{__version__}.dist-info"


# --------------------------------------------------------------------------------------------------------------- built


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository, in which an operator keeps a secret."""
    folder = tmp_path_factory.mktemp("source") / "gradviz"
    shutil.copytree(ROOT, folder, ignore=NOT_SOURCES)
    (folder / ".streamlit" / "secrets.toml").write_text("cookie_secret = 'kept'")
    return folder


@pytest.fixture(scope="module")
def built(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the source archive, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("built")
    options = ["--offline", "--no-build-isolation", "--quiet", "--python", sys.executable, "--out-dir", str(folder)]
    subprocess.run([UV, "build", *options, str(source)], check=True)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (file,) = built.glob("*.whl")
    return file


def files(folder: Path, *below: str) -> set[str]:
    found = (path for name in below for path in (folder / name).rglob("*"))
    return {path.relative_to(folder).as_posix() for path in found if path.is_file()}


def test_the_wheel_holds_the_library_and_under_it_the_app(source: Path, wheel: Path) -> None:
    app = {"app.py", "navigation.py", ".streamlit/config.toml"} | files(source, "pages", "assets")
    app |= {f"docs/{file.name}" for file in (source / "docs").glob("*.md")}
    expected = files(source, "gradviz_core") | {f"gradviz_core/app/{name}" for name in app}
    with zipfile.ZipFile(wheel) as archive:
        assert {name for name in archive.namelist() if not name.startswith(f"{INFO}/")} == expected


def test_the_source_archive_holds_no_secret(built: Path) -> None:
    (file,) = built.glob("*.tar.gz")
    with tarfile.open(file) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    assert ".streamlit/config.toml" in names
    assert not [name for name in names if name.endswith("secrets.toml")]


def test_the_wheel_asks_for_what_the_app_needs_only_where_the_app_is_asked_for(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        metadata = message_from_bytes(archive.read(f"{INFO}/METADATA"))
    asked = [Requirement(line) for line in metadata.get_all("Requires-Dist", [])]
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    needed = {str(Requirement(line)) for line in lines if not line.startswith("#")}
    assert {f"{each.name}{each.specifier}" for each in asked if str(each.marker) == 'extra == "app"'} == needed
    assert {str(each.marker) for each in asked if each.marker} == {
        f'extra == "{name}"' for name in ("app", "batch", "heic", "timm")
    }
    assert not {"streamlit", "pillow-heif"} & {each.name for each in asked if not each.marker}
    for extra, package in {"heic": "pillow-heif", "timm": "timm"}.items():
        assert [each.name for each in asked if str(each.marker) == f'extra == "{extra}"'] == [package]


# ----------------------------------------------------------------------------------------------------------- installed


def all_it_takes(requirements: Iterable[str]) -> set[str]:
    """The packages that are required, and those that they require themselves."""
    waiting, found = [Requirement(line) for line in requirements], set[str]()
    while waiting:
        name = waiting.pop().name
        if name not in found:
            found.add(name)
            more = map(Requirement, distribution(name).requires or ())
            waiting += [each for each in more if each.marker is None or each.marker.evaluate({"extra": ""})]
    return found


def environment(folder: Path, wheel: Path, extra: str) -> Path:
    """An environment with the wheel and what it requires, which is linked from the one that the tests run in."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    with zipfile.ZipFile(wheel) as archive:
        asked = message_from_bytes(archive.read(f"{INFO}/METADATA")).get_all("Requires-Dist", [])
    chosen = [line for line in asked if (mark := Requirement(line).marker) is None or mark.evaluate({"extra": extra})]
    for name in all_it_takes(chosen):
        tops = {path.parts[0] for path in distribution(name).files or ()} - {"..", "__pycache__"}
        for top in tops:
            if not (site / top).exists():
                (site / top).symlink_to(SITE / top)
    install = [UV, "pip", "install", "--quiet", "--offline", "--no-deps", "--python", str(folder / "bin" / "python")]
    subprocess.run([*install, str(wheel)], check=True)
    (site / "queue.py").write_text("raise SystemExit('a package came before the standard library')")
    return folder / "bin"


@pytest.fixture(scope="module")
def library(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment after ``pip install .``"""
    return environment(tmp_path_factory.mktemp("library"), wheel, "")


@pytest.fixture(scope="module")
def with_app(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment after ``pip install '.[app]'``"""
    return environment(tmp_path_factory.mktemp("app"), wheel, "app")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder whose files have the names of modules that the app imports, and its own settings of Streamlit."""
    folder = tmp_path / "elsewhere"
    (folder / ".streamlit").mkdir(parents=True)
    (folder / ".streamlit" / "config.toml").write_text("[server]\naddress = '0.0.0.0'\n")
    for name in ("app.py", "navigation.py", "queue.py", "torch.py", "gradviz_core.py"):
        (folder / name).write_text("raise SystemExit('a file of the current folder was imported')")
    return folder


def surroundings(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "STREAMLIT_"))}
    return kept | {"GRADVIZ_STORE": str(folder / "uploads"), "GRADVIZ_DEVICE": "cpu"}


def run(*words: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=folder, env=surroundings(folder), capture_output=True, text=True, check=False)


BEFORE = """
import plotly.graph_objects
plotly.graph_objects.Figure.show = lambda figure: None
"""
AFTER = """
assert answer.gradients[gv.INPUT].shape == (1, 3, 96, 96)
print(gv.__file__)
print(*[card.key for card in gv.catalogue.presets() if gv.load(card.key)])
print(*[gv.catalogue.image_file(card).name for card in gv.catalogue.sample_images()])
"""


def test_the_library_has_its_presets_and_samples_and_runs_the_readme(library: Path, elsewhere: Path) -> None:
    program = "\n".join([BEFORE, *BLOCKS, AFTER])
    done = run(library / "python", "-P", "-c", program, folder=elsewhere)
    assert done.returncode == 0, done.stderr
    where, presets, samples = done.stdout.splitlines()[-3:]
    assert Path(where).is_relative_to(library.parent)
    assert presets.split() == [card.key for card in catalogue.presets()]
    assert samples.split() == [catalogue.image_file(card).name for card in catalogue.sample_images()]


def test_the_command_says_what_is_missing_and_what_to_do(library: Path, elsewhere: Path) -> None:
    done = run(library / "gradviz", "app", folder=elsewhere)
    assert (done.returncode, done.stderr) == (1, f"{command.NOT_INSTALLED}\n")
    assert "pip install '.[app]'" in command.NOT_INSTALLED
    assert run(library / "gradviz", "--version", folder=elsewhere).stdout == f"gradviz {__version__}\n"


@pytest.fixture
def served(with_app: Path, elsewhere: Path) -> Iterator[tuple[int, Path]]:
    """The app as ``gradviz app`` starts it: its port and its log."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = elsewhere.with_name("log")
    start = [str(with_app / "gradviz"), "app", "--port", str(port)]
    with (
        log.open("w") as output,
        subprocess.Popen(start, cwd=elsewhere, env=surroundings(elsewhere), stdout=output, stderr=output) as server,
    ):
        try:
            assert wait_for_health(port, server) == b"ok", log.read_text()
            yield port, log
        finally:
            server.terminate()
            server.wait(30)
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), timeout=5):
        pytest.fail("the command ended, and the server did not")


def test_the_command_starts_the_app_with_its_own_settings(served: tuple[int, Path]) -> None:
    port, log = served

    async def first_page() -> tuple[list[str], list[str]]:
        tab = await Tab.opened(Door(port), "saliency", {"model": "preset/shapes-cnn", "image": "sample/star"})
        found = sorted(tab.screen.figures), tab.screen.errors
        await tab.close()
        return found

    with ThreadPoolExecutor(1) as thread:  # this one may have a loop, of a browser's tests
        figures, errors = thread.submit(asyncio.run, first_page()).result()
    assert errors == []
    assert "gradient" in figures
    assert f"http://localhost:{port}" in log.read_text(), "browser.serverAddress"
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.2", port), timeout=5):
        pass
    assert "Traceback" not in log.read_text()


# ---------------------------------------------------------------------------------------------------------- the command


@pytest.mark.parametrize("installed", [True, False], ids=["installed", "from source"])
def test_secrets_beside_the_installed_app_are_refused(
    installed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From source the file lies beside the package, where no worker for uploads reads."""
    package = tmp_path / "gradviz_core"
    app = package / "app" if installed else tmp_path
    (app / ".streamlit").mkdir(parents=True)
    started: list[str] = []
    monkeypatch.setattr(command, "APP", app)
    monkeypatch.setattr(command, "PACKAGE", package)
    monkeypatch.setattr(os, "execv", lambda program, _: started.append(program))
    monkeypatch.setattr(subprocess, "call", lambda _: 0)
    main(["app"])
    assert started == [sys.executable]
    secrets = app / ".streamlit" / "secrets.toml"
    secrets.touch()
    if installed:
        assert main(["app"]) == 1
        assert started == [sys.executable]
        said = capsys.readouterr().err
        assert said.startswith(f"{secrets} lies where the workers for uploads can read it")
        assert "STREAMLIT_SECRETS_FILES" in said
    else:
        main(["app"])
        assert started == [sys.executable] * 2


def test_what_is_not_chosen_is_left_to_the_settings() -> None:
    start = [sys.executable, "-P", "-m", "streamlit", "run", str(ROOT / "app.py")]
    assert command.server(None, None) == start
    assert command.server(8600, "0.0.0.0") == [*start, "--server.port=8600", "--server.address=0.0.0.0"]


@pytest.mark.parametrize("text", ["0", "65536", "-1", "eight", "8501.0", "٣"])
def test_what_is_no_port_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["app", f"--port={text}"]) == 2
    assert f"{text!r} is not a port: choose a number from 1 to 65535" in capsys.readouterr().err


def test_help_names_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["app", "--help"]) == 0
    assert {"--port", "--address"} <= set(capsys.readouterr().out.replace("[", " ").split())


def test_an_installed_package_holds_the_app_and_the_repository_has_it_beside(tmp_path: Path) -> None:
    package = tmp_path / "gradviz_core"
    package.mkdir()
    assert app_folder(package) == tmp_path
    (package / "app").mkdir()
    assert app_folder(package) == package / "app"
