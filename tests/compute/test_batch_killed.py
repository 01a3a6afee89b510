"""A batch whose processes are killed: what is there in the end is what an uninterrupted run leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import zarr
from PIL import Image

from gradviz_core.batch import running, sources, workers
from gradviz_core.batch.setup import ModelFile
from gradviz_core.types import GradientQuestion
from tests.compute import dying

CNN = "preset/shapes-cnn"
QUESTIONS = [{}, {"method": "grad_cam", "wrt": [{"path": "features.17"}]}]
COMMAND = "import sys; from gradviz_core.commands.main import main; sys.exit(main())"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for number in range(60):
        noise = np.random.default_rng(number).integers(0, 256, (96, 96, 3), np.uint8)
        Image.fromarray(noise).save(folder / f"{number:02}.png")
    (folder / "07.png").write_bytes(b"broken")
    return folder


def started(images: Path, out: Path) -> subprocess.Popen[str]:
    questions = out.with_suffix(".json")
    questions.write_text(json.dumps(QUESTIONS))
    words = ["batch", str(images), "--out", str(out), "--model", CNN, "--questions", str(questions), "--json"]
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *words], stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def rows_done(out: Path) -> int:
    return len([*(out / "rows").glob("*/*.parquet")])


def left(out: Path) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    rows = [{**row, "seconds": 0} for row in pq.read_table(out / "results.parquet").to_pylist()]
    group = zarr.open_group(out / "maps.zarr", mode="r")
    arrays = {path: np.asarray(one[:]) for path, one in group.members(max_depth=None) if isinstance(one, zarr.Array)}
    return rows, arrays


@pytest.mark.slow
def test_killed_again_and_again_it_ends_as_if_it_had_not_been(images: Path, tmp_path: Path) -> None:
    whole = started(images, tmp_path / "whole")
    assert whole.wait(170) == 3, "the broken image is an error"
    out = tmp_path / "killed"
    for more in (1, 3):
        running_now, before = started(images, out), rows_done(out)
        while rows_done(out) < before + more:
            assert running_now.poll() is None, "it ended before it could be killed"
            time.sleep(0.005)
        os.killpg(running_now.pid, signal.SIGKILL)
        running_now.wait(30)
        assert not (out / "results.parquet").exists()
    last = started(images, out)
    said, _ = last.communicate(timeout=170)
    assert last.returncode == 3
    (rows, arrays), (true_rows, true_arrays) = left(out), left(tmp_path / "whole")
    assert rows == true_rows
    assert len(rows) == 120
    assert arrays.keys() == true_arrays.keys()
    assert len(arrays) == 2
    assert all(np.array_equal(arrays[name], true_arrays[name], equal_nan=True) for name in arrays)
    lines = [json.loads(line) for line in said.splitlines()]
    assert lines[-1]["finished"] is True
    assert lines[0]["of"] < 120, "what was done before is not done again"
    receipts = [json.loads((folder / "receipt.json").read_text()) for folder in (out, tmp_path / "whole")]
    assert receipts[0] == receipts[1]
    assert receipts[0]["computed"][0]["threads"] == 1


@pytest.mark.slow
def test_ctrl_c_stops_it_with_a_sentence(images: Path, tmp_path: Path) -> None:
    out = tmp_path / "stopped"
    stopped = subprocess.Popen(
        [sys.executable, "-c", COMMAND, "batch", str(images), "--out", str(out), "--model", CNN],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while rows_done(out) < 1:
        assert stopped.poll() is None
        time.sleep(0.005)
    os.killpg(stopped.pid, signal.SIGINT)
    _, said = stopped.communicate(timeout=60)
    assert stopped.returncode == 130
    assert "The same command goes on from here." in said
    assert len(said.splitlines()) == 1


@pytest.fixture
def _threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    threads = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    yield
    torch.set_num_threads(threads)


@pytest.mark.slow
@pytest.mark.usefixtures("_threads")
def test_a_shard_whose_process_dies_three_times_becomes_errors(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "work", dying.work)
    question = GradientQuestion(model=CNN, image="")
    found = sources.find([str(images / name) for name in ("00.png", "01.png")])
    batch = running.prepare(tmp_path / "out", found, [(question, ModelFile())])
    running.begin(batch)
    behind: list[int] = []
    running.run(batch, running.missing(batch), 1, behind.append, lambda _: None)
    assert sum(behind) == 2
    finished = running.finish(batch)
    assert finished is not None
    assert (finished.rows, finished.errors) == (2, 2)
    rows = pq.read_table(tmp_path / "out" / "results.parquet").to_pylist()
    assert "ended 3 times" in rows[0]["error"]
