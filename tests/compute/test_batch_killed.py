"""A batch whose processes are killed: what is there in the end is what an uninterrupted run leaves."""

from __future__ import annotations

import json
import multiprocessing
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
from gradviz_core.commands.main import main
from gradviz_core.commands.progress import Progress
from gradviz_core.types import GradientQuestion, Site
from tests.compute import dying
from tests.test_batch_shards import compute, prepared

CNN = "preset/shapes-cnn"
COUNT = 20
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


def words(images: Path, out: Path, workers: int) -> list[str]:
    """The command."""
    questions = out.with_suffix(".json")
    questions.write_text(json.dumps(QUESTIONS))
    asked = ["--model", CNN, "--questions", str(questions), "--json", "--workers", str(workers)]
    return ["batch", str(images), "--out", str(out), *asked]


def rows_done(out: Path) -> int:
    return len([*(out / "rows").glob("*/*.parquet")])


def kill(images: Path, out: Path) -> None:
    """Start the command with two workers, and kill all three processes once a shard is done."""
    script = [sys.executable, "-c", COMMAND, *words(images, out, 2)]
    process = subprocess.Popen(script, stdout=subprocess.DEVNULL, start_new_session=True)
    while not rows_done(out):
        assert process.poll() is None, "it ended before it could be stopped"
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL


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
def test_killed_it_ends_as_if_it_had_not_been(images: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Killed with two workers and run to its end with one; the other one is computed here, shard by shard."""
    out = tmp_path / "killed"
    kill(images, out)
    assert not (out / "results.parquet").exists()
    done = rows_done(out)
    assert main(words(images, out, 1)) == 3, "the broken image is an error"
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert lines[-1]["finished"] is True
    assert lines[0]["of"] <= 2 * COUNT - 4 * done, "what was done before is not done again"

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
def test_ctrl_c_reaches_all_processes_and_ends_in_one_sentence(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A terminal sends it to the workers too; the command alone answers it."""
    monkeypatch.setattr(workers, "work", dying.stay)

    def interrupt(*_: object) -> None:
        for child in multiprocessing.active_children():
            assert child.pid is not None
            os.kill(child.pid, signal.SIGINT)
            child.join(0.2)
            assert child.is_alive()
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Progress, "images", interrupt)
    assert main(words(images, tmp_path / "out", 2)) == 130
    said = capfd.readouterr().err.splitlines()
    assert said == ["Stopped with 10 of 10 shards to do. The same command goes on from here."]
    assert multiprocessing.active_children() == []


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
