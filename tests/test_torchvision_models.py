"""Random weights are the same everywhere; pretrained ones are the official file, or there is an error; never a mixture.

Files are fetched from a small server in this process: nothing here leaves the machine.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import random
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor, nn

from gradviz_core.errors import UnknownModel, WeightsMissing
from gradviz_core.models import torchvision_models, weights
from gradviz_core.models.catalogue import TORCHVISION
from gradviz_core.settings import settings
from tests.crowding import soon

CONTENT = random.Random(0).randbytes(300_000)
NAME = f"net-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"


def digest(module: nn.Module) -> str:
    """SHA-256 over every name and value of the state."""
    found = hashlib.sha256()
    for name, value in module.state_dict().items():
        found.update(name.encode() + value.numpy().tobytes())
    return found.hexdigest()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of checkpoints under a TORCH_HOME of its own; no server can be reached but this machine's."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "*")
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every download fails at once."""

    def fail(*_args: object, **_options: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr(weights, "urlopen", fail)


def official_file(hub: Path, name: str, tag: str = "IMAGENET1K_V1") -> Path:
    """Where the pretrained weights of a model are looked for."""
    url: str = torchvision.models.get_model_weights(name)[tag].url
    return hub / url.rpartition("/")[2]


# ------------------------------------------------------------------------------------------------------- random weights


def test_a_seed_gives_the_same_weights_each_time_and_another_seed_others() -> None:
    first, again, other = (torchvision_models.load(f"squeezenet1_1@random-{seed}")[0] for seed in (3, 3, 4))
    assert digest(first) == digest(again) != digest(other)
    assert not first.training


def test_the_weights_of_seed_0_are_those_of_torchvision_after_manual_seed() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        expected = torchvision.models.resnet18(weights=None)
    assert digest(torchvision_models.load("resnet18@random-0")[0]) == digest(expected)


def test_nobody_elses_random_numbers_are_disturbed() -> None:
    before = torch.get_rng_state(), np.random.get_state(legacy=False)["state"]["key"].tolist(), random.getstate()
    torchvision_models.load("squeezenet1_1@random-5")
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (np.random.get_state(legacy=False)["state"]["key"].tolist(), random.getstate()) == before[1:]


@pytest.mark.parametrize("name", ["googlenet", "inception_v3", "mobilenet_v3_small"])
def test_the_card_says_what_the_model_is(name: str) -> None:
    module, card = torchvision_models.load(f"{name}@random-0")
    assert card.parameters == sum(parameter.numel() for parameter in module.parameters())
    assert (card.key, card.digest, card.accuracy) == (f"torchvision/{name}@random-0", "", ())
    with torch.no_grad():
        logits = module(torch.zeros(1, 3, *card.preprocessing.size))
    assert logits.shape == (1, len(card.labels))
    assert "seed 0" in card.summary


def test_a_model_above_the_limit_is_refused_before_it_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADVIZ_MAX_PARAMETERS", "5000000")
    settings.cache_clear()
    try:
        start = time.monotonic()
        with pytest.raises(UnknownModel, match=r"resnet18 has 12 million parameters; the limit here is 5 million"):
            torchvision_models.load("resnet18@random-0")
        with pytest.raises(UnknownModel, match="633 million"):
            torchvision_models.load("vit_h_14@IMAGENET1K_SWAG_E2E_V1")
        assert time.monotonic() - start < soon(0.5)
        assert torchvision_models.load("squeezenet1_1@random-0")[1].parameters < 5_000_000
    finally:
        monkeypatch.undo()
        settings.cache_clear()


# --------------------------------------------------------------------------------------------------- weights that exist


def as_published(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The names in torchvision's older files: no counters of batches, and ``norm.1`` for DenseNet's ``norm1``."""
    return {
        re.sub(r"(denselayer\d+\.(?:norm|conv))([12])", r"\1.\2", name): value
        for name, value in state.items()
        if not name.endswith("num_batches_tracked")
    }


@pytest.mark.parametrize("name", ["squeezenet1_0", "densenet121", "googlenet", "inception_v3"])
def test_a_file_put_there_by_hand_is_used_as_it_is(name: str, hub: Path, offline: None) -> None:
    builder = torchvision.models.get_model_builder(name)
    aux = {"init_weights": False, "aux_logits": True} if name in ("googlenet", "inception_v3") else {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(11)
        state = builder(weights=None, **aux).state_dict()
    file = official_file(hub, name)
    torch.save(as_published(state), file)
    module, card = torchvision_models.load(f"{name}@IMAGENET1K_V1")
    loaded = module.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in loaded.items())
    assert {key.split(".")[0] for key in state.keys() - loaded.keys()} <= {"aux1", "aux2"}  # GoogLeNet's, unused
    assert card.digest == hashlib.sha256(file.read_bytes()).hexdigest()
    assert card.parameters == sum(parameter.numel() for parameter in module.parameters())
    assert (
        card.accuracy[0].value
        == torchvision.models.get_model_weights(name).IMAGENET1K_V1.meta["_metrics"]["ImageNet-1K"]["acc@1"] / 100
    )
    assert file.name in card.summary


class Canary:
    """Unpickling it writes a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.file,)


def bad_files(folder: Path) -> dict[str, bytes]:
    good = torchvision.models.squeezenet1_1(weights=None).state_dict()
    torch.save(good, folder / "good")
    torch.save({"x": Canary(folder / "canary")}, folder / "evil")
    torch.save({**good, "classifier.1.bias": torch.zeros(3)}, folder / "shape")
    torch.save([1, 2, 3], folder / "list")
    return {
        "malicious": (folder / "evil").read_bytes(),
        "old malicious": pickle.dumps(Canary(folder / "canary"), protocol=2),
        "truncated": (folder / "good").read_bytes()[:100_000],
        "another model": (folder / "shape").read_bytes(),
        "no state": (folder / "list").read_bytes(),
        "text": b"<html>404</html>",
        "empty": b"",
    }


def test_a_file_that_is_no_good_runs_nothing_and_is_named(hub: Path, offline: None, tmp_path: Path) -> None:
    file = official_file(hub, "squeezenet1_1")
    for kind, content in bad_files(tmp_path).items():
        file.write_bytes(content)
        with pytest.raises(WeightsMissing) as caught:
            torchvision_models.load("squeezenet1_1@IMAGENET1K_V1")
        assert file.name in str(caught.value), kind
        assert str(tmp_path) not in str(caught.value), kind
        assert not (tmp_path / "canary").exists(), kind


# ------------------------------------------------------------------------------------------------ weights that do not


def test_missing_weights_are_never_replaced(hub: Path, offline: None) -> None:
    with pytest.raises(WeightsMissing, match=r"resnet18-f37072fd\.pth .* hub/checkpoints under TORCH_HOME") as caught:
        torchvision_models.load("resnet18@IMAGENET1K_V1")
    assert str(hub) not in str(caught.value)


def test_every_official_name_holds_a_digest() -> None:
    names = [w.url.rpartition("/")[2] for name in TORCHVISION for w in torchvision.models.get_model_weights(name)]
    assert [name for name in names if not weights._DIGEST_IN_NAME.search(name)] == []


@contextmanager
def silent_server() -> Iterator[str]:
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/{NAME}"


@pytest.mark.slow
def test_a_server_that_says_nothing_is_given_up_within_10_seconds(hub: Path) -> None:
    start = time.monotonic()
    with silent_server() as url, pytest.raises(WeightsMissing, match=NAME):
        weights.fetch(url)
    assert time.monotonic() - start < 7 + soon(1.5)


def test_a_name_look_up_that_hangs_is_given_up(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = threading.Event()

    def hang(*_args: object, **_options: object) -> list[object]:
        free.wait(20)
        raise OSError("unknown host")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr(weights, "CONNECT_SECONDS", 0.2)
    start = time.monotonic()
    with pytest.raises(WeightsMissing, match=NAME):
        weights.fetch(f"http://weights.invalid/{NAME}")
    assert time.monotonic() - start < soon(2.5)
    free.set()


class Shelf(BaseHTTPRequestHandler):
    """Serves ``content`` under any name; stops after ``most`` bytes; may know nothing of ranges."""

    content, most, ranges = CONTENT, len(CONTENT), True
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.headers.get("Range", ""))
        start = int(self.asked[-1].removeprefix("bytes=").removesuffix("-") or 0) if self.ranges else 0
        if start >= len(self.content):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(self.content) - start))
        self.end_headers()
        self.wfile.write(self.content[start:][: self.most])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def shelf(content: bytes = CONTENT, most: int = len(CONTENT), ranges: bool = True) -> Iterator[tuple[str, list[str]]]:
    """A server of one file: its address, and the ranges that it was asked for."""
    asked: list[str] = []
    kind = type("OneShelf", (Shelf,), {"content": content, "most": most, "ranges": ranges, "asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/{NAME}", asked
        finally:
            server.shutdown()
            thread.join()


def test_a_file_is_downloaded_once(hub: Path) -> None:
    with shelf() as (url, asked):
        for _ in range(2):
            assert weights.fetch(url).read_bytes() == CONTENT
    assert asked == [""]
    assert [file.name for file in hub.iterdir()] == [NAME]


@pytest.mark.parametrize("ranges", [True, False])
def test_an_interrupted_download_goes_on(hub: Path, ranges: bool) -> None:
    with shelf(most=100_000, ranges=ranges) as (url, _), pytest.raises(WeightsMissing, match=NAME):
        weights.fetch(url)
    assert (hub / f"{NAME}.part").stat().st_size == 100_000
    with shelf(ranges=ranges) as (url, asked):
        assert weights.fetch(url).read_bytes() == CONTENT
    assert asked == ["bytes=100000-"]
    assert [file.name for file in hub.iterdir()] == [NAME]


def test_a_download_that_was_stopped_just_before_the_end_is_finished(hub: Path) -> None:
    (hub / f"{NAME}.part").write_bytes(CONTENT)
    with shelf() as (url, _):
        assert weights.fetch(url).read_bytes() == CONTENT


def test_a_damaged_download_is_refused_and_forgotten(hub: Path) -> None:
    with shelf(content=CONTENT[:-3] + b"???") as (url, _), pytest.raises(WeightsMissing, match=NAME):
        weights.fetch(url)
    assert list(hub.iterdir()) == []
    (hub / f"{NAME}.part").write_bytes(b"not the start of it")
    with shelf() as (url, _):
        with pytest.raises(WeightsMissing):
            weights.fetch(url)
        assert weights.fetch(url).read_bytes() == CONTENT


def test_two_workers_do_not_write_into_the_same_download(hub: Path) -> None:
    with (hub / f"{NAME}.part").open("ab") as other, shelf() as (url, asked):
        weights._claim(other)
        with pytest.raises(WeightsMissing, match=NAME):
            weights.fetch(url)
        assert asked == []
        other.close()
        assert weights.fetch(url).read_bytes() == CONTENT


def test_two_threads_that_read_weights_both_read_nothing_but_tensors() -> None:
    """The switch is an environment variable: the first to leave must not take it from the second."""
    name, seen = "TORCH_FORCE_WEIGHTS_ONLY_LOAD", []
    barrier = threading.Barrier(2)

    def read(wait: float) -> None:
        barrier.wait()
        with torchvision_models._weights_only():
            time.sleep(wait)
            seen.append(os.environ.get(name))

    threads = [threading.Thread(target=read, args=(wait,)) for wait in (0.05, 0.2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["1", "1"]
    assert name not in os.environ
