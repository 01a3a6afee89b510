"""Who gets in, what may be said, and what is never done with it."""

from __future__ import annotations

import ast
import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import AuthenticationError
from pathlib import Path

import pytest
from pydantic import SecretStr

from gradviz_core.compute import protocol, sockets
from gradviz_core.compute.client import Client
from gradviz_core.compute.launch import LocalService
from gradviz_core.compute.service import LONGEST_BODY
from gradviz_core.errors import (
    BadImage,
    BadModel,
    ComputeError,
    QuestionError,
    ServiceStarting,
    UnknownImage,
    UnknownModel,
)
from gradviz_core.settings import Settings
from gradviz_core.text.codec import error_from_json
from tests.compute.conftest import FAKES, ask, processes_of, until
from tests.crowding import soon

ROOT = Path(__file__).parents[2]
KEY = "a key of the tests, long enough"


def test_a_wrong_key_is_refused(client: Client, service: LocalService) -> None:
    with pytest.raises(AuthenticationError):
        sockets.connect(service.address_and_key()[0], b"another key")
    ask(client, "echo")


def test_a_client_with_a_wrong_key_is_told_which_setting_to_look_at(service: LocalService, chosen: Settings) -> None:
    wrong = chosen.model_copy(update={"compute_address": service.address_and_key()[0], "compute_key": SecretStr(KEY)})
    with pytest.raises(ComputeError, match="GRADVIZ_COMPUTE_KEY"):
        Client(wrong).status()


def test_only_this_user_reaches_the_socket(service: LocalService) -> None:
    folder = Path(service.address_and_key()[0].removeprefix("unix:")).parent
    assert folder.stat().st_mode & 0o777 == 0o700


def test_the_key_is_neither_on_the_command_line_nor_in_the_environment(service: LocalService) -> None:
    _, key = service.address_and_key()
    seen = [Path(f"/proc/{service.pid}/{name}").read_bytes() for name in ("cmdline", "environ")]
    assert not any(key in text for text in seen)


@pytest.mark.parametrize(
    ("word", "body", "kind"),
    [
        ("ask", b"", QuestionError),
        ("ask", b"\x80\x04\x95", QuestionError),
        ("ask", b"[" * 100_000, QuestionError),
        ("ask", b'{"kind":"survey","model":"echo"}', QuestionError),
        ("upload", b"x" * 2_000_000, ComputeError),
        ("arrive", b'{"kind": "image", "size": 2000000}', BadImage),
        ("arrive", b'{"kind": "image", "size": 10, "value_range": [1]}', ComputeError),
        ("arrive", b'{"kind": "image", "size": -1}', ComputeError),
        ("arrive", b'{"kind": "program", "size": 10}', ComputeError),
        ("upload-image", b'{"size": 10}', ComputeError),
        ("rescale-image", b'{"key": "upload/../../etc/passwd", "value_range": null}', UnknownImage),
        ("rescale-image", b'{"key": "sample/star", "value_range": [0, 1]}', UnknownImage),
        ("rescale-image", b'{"key": 7}', ComputeError),
        ("arrive", b'{"kind": "model", "size": 1e400}', ComputeError),
        ("arrive", b'{"kind": "model", "size": 600000001}', BadModel),
        ("read-labels", b"x" * 1_000_001, BadModel),
        ("keep-recipe", b'{"file": 1}', BadModel),
        ("recipe", b"upload/../../etc/passwd", UnknownModel),
        ("fetch", b"torchvision/resnet18@IMAGENET1K_V1", ComputeError),
        ("last", b"", ComputeError),
        ("os.system", b"true", ComputeError),
        ("", b"", ComputeError),
    ],
)
def test_nonsense_is_answered_with_an_error(
    client: Client, service: LocalService, word: str, body: bytes, kind: type[Exception]
) -> None:
    with sockets.connect(*service.address_and_key()) as connection:
        protocol.write_message(connection, word, body)
        answer, text = protocol.read_message(connection)
        assert (answer, type(error_from_json(text))) == ("error", kind)
        protocol.write_message(connection, "status")
        assert protocol.read_message(connection)[0] == "ok"
    ask(client, "echo")


@pytest.mark.parametrize(("word", "size"), [("x" * 17, 0), ("ask", LONGEST_BODY + 1)])
def test_messages_beyond_the_limits_close_the_connection(
    client: Client, service: LocalService, word: str, size: int
) -> None:
    with sockets.connect(*service.address_and_key()) as connection, pytest.raises((EOFError, OSError)):  # noqa: PT012
        protocol.write_message(connection, word, bytes(size))
        protocol.read_message(connection)
    ask(client, "echo")


def test_a_stranger_who_says_nothing_is_shown_out(service: LocalService, client: Client) -> None:
    raw = socket.socket(socket.AF_UNIX)
    with raw:
        raw.connect(service.address_and_key()[0].removeprefix("unix:"))
        raw.settimeout(sockets.GREETING_S + 3)
        assert raw.recv(100)  # the challenge
        assert raw.recv(100) == b""
    ask(client, "echo")


def _drip(raw: socket.socket) -> None:
    """Begin a long frame, then send a byte of it now and then."""
    with raw, contextlib.suppress(OSError):
        raw.sendall(struct.pack("!i", 200))
        for _ in range(20):
            time.sleep(0.2)
            raw.sendall(b"x")


def _wait_to_be_welcomed(address: str) -> None:
    with contextlib.closing(sockets.listen(address)[0]) as listener, socket.socket(socket.AF_UNIX) as raw:
        raw.connect(address.removeprefix("unix:"))
        with ThreadPoolExecutor(1) as threads:
            threads.submit(_drip, raw)
            sockets.welcome(listener.accept()[0], KEY.encode())


def _connect_to_a_dripping_service(address: str) -> None:
    with contextlib.closing(sockets.listen(address)[0]) as listener, ThreadPoolExecutor(1) as threads:
        threads.submit(lambda: _drip(listener.accept()[0]))
        sockets.connect(address, KEY.encode())


@pytest.mark.parametrize("meet", [_wait_to_be_welcomed, _connect_to_a_dripping_service])
def test_a_greeting_that_drips_in_is_cut_off(
    meet: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "GREETING_S", 1.0)
    start = time.monotonic()
    with pytest.raises((EOFError, OSError)):
        meet(f"unix:{tmp_path / 'door'}")
    assert 0.9 < time.monotonic() - start < 1 + soon(0.75)


def test_connections_that_say_nothing_keep_nobody_out(service: LocalService, chosen: Settings) -> None:
    """Two hundred of them, and one more each time that one is hung up on."""
    address, key = service.address_and_key()
    place, left = address.removeprefix("unix:"), threading.Event()
    silent = [_connected(place) for _ in range(200)]

    def come_back() -> None:
        while not left.wait(0.01):
            silent.append(_connected(place))
            silent.pop(0).close()

    attacker, seconds = threading.Thread(target=come_back), list[float]()
    attacker.start()
    try:
        for _ in range(5):
            own = Client(chosen.model_copy(update={"compute_address": address, "compute_key": SecretStr(key.decode())}))
            start = time.monotonic()
            ask(own, "echo")
            seconds.append(time.monotonic() - start)
            own.close()
    finally:
        left.set()
        attacker.join()
        for each in silent:
            each.close()
    assert sorted(seconds)[2] < soon(0.5), seconds


def _connected(place: str) -> socket.socket:
    raw = socket.socket(socket.AF_UNIX)
    raw.connect(place)
    return raw


def test_the_limit_on_greetings_ends_with_the_greeting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "GREETING_S", 0.3)
    listener, address = sockets.listen(f"unix:{tmp_path / 'door'}")
    with listener, ThreadPoolExecutor(1) as threads:
        welcomed = threads.submit(lambda: sockets.welcome(listener.accept()[0], KEY.encode()))
        with sockets.connect(address, KEY.encode()) as client, welcomed.result() as service:
            time.sleep(0.6)
            protocol.write_message(client, "status")
            assert protocol.read_message(service) == ("status", b"")
            assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


def test_a_service_that_stands_alone(chosen: Settings, tmp_path: Path) -> None:
    """Over TCP, with the key in the environment; SIGTERM ends it and its workers."""
    command = [sys.executable, "-m", "gradviz_core.compute", "--answerer", FAKES, "--listen", "tcp://127.0.0.1:0"]
    settings = chosen.model_copy(update={"store": tmp_path})
    environment = os.environ | settings.as_environment() | {"GRADVIZ_COMPUTE_KEY": KEY, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        address = process.stderr.readline().decode().strip().rpartition(" ")[2]
        client = Client(settings.model_copy(update={"compute_address": address, "compute_key": SecretStr(KEY)}))
        assert ask(client, "array", "4000").pixels.size == 1000
        assert client.status().pid == process.pid
        workers = set(processes_of(tmp_path)) - {process.pid}
        assert workers
        assert not any(KEY.encode() in Path(f"/proc/{pid}/environ").read_bytes() for pid in workers)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        with pytest.raises(ServiceStarting, match=f"No compute service answers at {address}"):
            client.status()
        client.close()
    assert until(lambda: processes_of(tmp_path) == [])


@pytest.mark.parametrize("arguments", [["--listen", "tcp://127.0.0.1:0"], ["--listen", "nowhere"]])
def test_a_service_that_is_started_wrongly_says_what_to_do(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "gradviz_core.compute", *arguments]
    key = {"GRADVIZ_COMPUTE_KEY": KEY} if "nowhere" in arguments else {}
    done = subprocess.run(command, cwd=ROOT, env=os.environ | key, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert ("Cannot listen at nowhere" if key else "GRADVIZ_COMPUTE_KEY is not set") in done.stderr


# ------------------------------------------------------------------------------------------------ read off the source


def _sources() -> list[Path]:
    return [ROOT / "gradviz_core" / "text" / "codec.py", *sorted((ROOT / "gradviz_core" / "compute").glob("*.py"))]


def test_objects_never_travel() -> None:
    """No pickle by name, and none of the methods and classes that pickle without saying so."""
    modules = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
    methods = {"send", "recv", "Queue", "JoinableQueue", "Manager", "Pool", "Listener"}
    for path in _sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = {alias.name for alias in node.names} if isinstance(node, ast.Import | ast.ImportFrom) else set()
            if isinstance(node, ast.ImportFrom):
                names.add(node.module or "")
            assert not names & (modules | methods), f"{path.name} imports {names}"
            assert not (isinstance(node, ast.Attribute) and node.attr in methods), f"{path.name}: {ast.unparse(node)}"


def test_neither_the_client_nor_the_service_imports_torch() -> None:
    code = "import sys, gradviz_core.compute.service, gradviz_core.compute.__main__; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
