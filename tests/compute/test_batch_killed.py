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
from gradviz_core.types import GradientQuestion, Site
from tests.compute import dying
from tests.test_batch_shards import compute, prepared

CNN = "preset/shapes-cnn"
COUNT = 40
LAYER = Site("features.17")
QUESTIONS = [{}, {"method": "grad_cam", "wrt": [{"path": "features.17"}]}]
COMMAND = "import sys; from gradviz_core.commands.main import main; sys.exit(main())"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    for number in range(COUNT):
        noise = np.random.default_rng(number).integers(0, 256, (96, 96, 3), np.uint8)
        Image.fromarray(noise).save(folder / f"{number:02}.png")
    (folder / "07.png").write_bytes(b"broken")
    return folder


def started(images: Path, out: Path) -> subprocess.Popen[bytes]:
    """The command, with what it prints in files beside the folder."""
    questions = out.with_suffix(".json")
    questions.write_text(json.dumps(QUESTIONS))
    words = ["batch", str(images), "--out", str(out), "--model", CNN, "--questions", str(questions), "--json"]
    with out.with_suffix(".out").open("w") as told, out.with_suffix(".err").open("w") as said:
        return subprocess.Popen(
            [sys.executable, "-c", COMMAND, *words, "--workers", "2"], stdout=told, stderr=said, start_new_session=True
        )


def rows_done(out: Path) -> int:
    return len([*(out / "rows").glob("*/*.parquet")])


def interrupted(images: Path, out: Path, more: int, by: signal.Signals) -> int:
    """Start the command, send the signal to all of its processes once so many more shards are done, and wait."""
    process, before = started(images, out), rows_done(out)
    while rows_done(out) < before + more:
        assert process.poll() is None, "it ended before it could be stopped"
        time.sleep(0.005)
    os.killpg(process.pid, by)
    return process.wait(60)


def left(out: Path) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    rows = [{**row, "seconds": 0} for row in pq.read_table(out / "results.parquet").to_pylist()]
    group = zarr.open_group(out / "maps.zarr", mode="r")
    arrays = {path: np.asarray(one[:]) for path, one in group.members(max_depth=None) if isinstance(one, zarr.Array)}
    return rows, arrays


@pytest.fixture
def _threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    threads = torch.get_num_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    yield
    torch.set_num_threads(threads)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.usefixtures("_threads")
def test_stopped_again_and_again_it_ends_as_if_it_had_not_been(images: Path, tmp_path: Path) -> None:
    """Killed, then stopped with Ctrl-C, then run to its end; the other one is computed here, shard by shard."""
    out = tmp_path / "stopped"
    assert interrupted(images, out, 1, signal.SIGKILL) == -signal.SIGKILL
    assert not (out / "results.parquet").exists()
    assert interrupted(images, out, 3, signal.SIGINT) == 130
    said = out.with_suffix(".err").read_text().splitlines()
    assert len(said) == 1
    assert "The same command goes on from here." in said[0]
    assert started(images, out).wait(300) == 3, "the broken image is an error"
    lines = [json.loads(line) for line in out.with_suffix(".out").read_text().splitlines()]
    assert lines[-1]["finished"] is True
    assert lines[0]["of"] <= 2 * COUNT - 4 * 4, "what was done before is not done again"

    asked = (
        GradientQuestion(model=CNN, image=""),
        GradientQuestion(model=CNN, image="", method="grad_cam", wrt=(LAYER,)),
    )
    whole = prepared(tmp_path / "whole", images, *asked)
    compute(whole)
    assert running.finish(whole) is not None
    (rows, arrays), (true_rows, true_arrays) = left(out), left(tmp_path / "whole")
    assert rows == true_rows
    assert len(rows) == 2 * COUNT
    assert arrays.keys() == true_arrays.keys()
    assert len(arrays) == 2
    assert all(np.array_equal(arrays[name], true_arrays[name], equal_nan=True) for name in arrays)
    (made,) = json.loads((out / "receipt.json").read_text())["computed"]
    assert made["threads"] == 1
    assert made["positions"] == 2 * COUNT


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
