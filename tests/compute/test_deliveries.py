"""Files that have come to the service and lie there: how often they may be looked at, and what lets go of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gradviz_core.compute.client import Client
from gradviz_core.compute.delivery import Delivery
from gradviz_core.compute.launch import LocalService
from gradviz_core.errors import BadImage, ComputeError, ServiceStarting
from gradviz_core.settings import Settings
from tests.compute.conftest import FAKES, ask, until, uploaded
from tests.compute.test_uploads import files, picture


@pytest.fixture(autouse=True)
def nothing_is_left_half_way(chosen: Settings) -> Iterator[None]:
    """Whatever a test does, no file is left among those that are arriving."""
    yield
    assert until(lambda: files(chosen, "arriving") == [])


def delivered(client: Client, data: bytes) -> Delivery:
    delivery = client.deliver("image", len(data))
    delivery.write(data)
    return delivery


def test_what_has_come_lies_here_until_its_connection_closes(client: Client, chosen: Settings) -> None:
    before = files(chosen)
    delivery = delivered(client, b"four")
    assert until(lambda: len(files(chosen, "arriving")) == 1)
    for _ in range(2):  # it may be looked at again, in another way for instance
        with pytest.raises(BadImage):
            delivery.image((0.0, 1.0))
    assert len(files(chosen, "arriving")) == 1
    delivery.close()
    assert until(lambda: files(chosen, "arriving") == [])
    with pytest.raises(ComputeError, match=r"no longer on the server\. Choose it again"):
        delivery.image()
    assert files(chosen) == before


def test_an_image_that_is_sound_is_kept_and_its_connection_closes(client: Client, chosen: Settings) -> None:
    delivery = delivered(client, picture(31))
    report = delivery.image()
    assert report.key.removeprefix("upload/") in files(chosen)
    assert delivery.image() == report, "a page that was stopped just then asks again"
    delivery.close()


def test_whoever_reads_a_file_that_is_let_go_of_is_told(client: Client, chosen: Settings) -> None:
    """A session that ends while a worker looks at its file."""
    sleep = uploaded(client, chosen, "sleep")
    with ThreadPoolExecutor(3) as threads:
        for _ in range(2):
            threads.submit(ask, client, sleep, "1.5")  # all confined workers
        assert until(lambda: client.status().busy == 2)
        delivery = client.deliver("model", 4)
        delivery.write(b"none")
        told = threads.submit(delivery.model)
        assert until(lambda: client.status().queued == 1)
        delivery.close()
        assert isinstance(told.exception(1), ComputeError)
        assert until(lambda: files(chosen, "arriving") == [])


def test_with_the_app_all_that_it_was_delivering_goes(chosen: Settings, service: LocalService) -> None:
    """The app is killed, by whatever signal."""
    address, key = service.address_and_key()
    code = (
        "import time; from pydantic import SecretStr; from gradviz_core.compute.client import Client;"
        "from gradviz_core.settings import Settings;"
        f"c = Client(Settings(compute_address={address!r}, compute_key=SecretStr({key.decode()!r})));"
        "d = c.deliver('image', 1000); d.write(bytes(1000)); e = c.deliver('model', 9000); e.write(bytes(10));"
        "print('there', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as app:
        assert app.stdout is not None
        assert app.stdout.readline() == b"there\n"
        assert until(lambda: len(files(chosen, "arriving")) == 2)
        app.kill()
    assert until(lambda: files(chosen, "arriving") == [])


def test_what_a_service_that_was_killed_left_half_way_goes_with_the_next(chosen: Settings, tmp_path: Path) -> None:
    client = Client(chosen.model_copy(update={"store": tmp_path}), FAKES)
    try:
        delivery = delivered(client, b"four")
        left = until(lambda: list((tmp_path / "arriving").iterdir()))
        assert left
        assert client.service_pid is not None
        os.kill(client.service_pid, signal.SIGKILL)
        with pytest.raises(ServiceStarting, match=r"Choose the file again\."):
            delivery.image()
        assert until(lambda: client.status().pid)
        assert until(lambda: list((tmp_path / "arriving").iterdir()) == [])
    finally:
        client.close()
