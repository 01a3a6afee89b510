"""Many images: the time of an image beside a plain loop, and a batch that is killed again and again.

One thread each. The plain loop opens, resizes and normalises the same files with Pillow and NumPy, and takes the batch
size that is its best. The killed batch is 50 images a round x 3 questions, 2,000 x 3 by default, killed ten times at
random and compared with one that was not.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch
import zarr
from PIL import Image
from torch import Tensor, nn

from benchmarks.timing import Row, interleaved, row
from gradviz_core.answering import Answerer
from gradviz_core.answers.load import load
from gradviz_core.batch import one_shard, running, sources
from gradviz_core.batch.setup import ModelFile
from gradviz_core.types import GradientQuestion, Preprocessing

MODELS = ("torchvision/resnet18@random-0", "torchvision/mobilenet_v3_large@random-0")
BATCHES = (1, 2, 4, 8)
IMAGES = 16
"""Of one measurement of speed."""
SHARE = 8
"""One round of speed for so many that are asked for."""
KILLS, A_ROUND = 10, 50
GOAL = 1.05
COMMAND = "import sys; from gradviz_core.commands.main import main; sys.exit(main())"
ASKED = [
    {"model": "preset/shapes-cnn"},
    {"model": "preset/shapes-cnn", "target": {"kind": "class", "index": 3}},
    {"model": "preset/shapes-cnn", "method": "grad_cam", "wrt": [{"path": "features.17"}]},
]


def rows(rounds: int) -> Iterator[Row | str]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for model in MODELS:
            yield from speed(model, max(2, rounds // SHARE))
    finally:
        torch.set_num_threads(threads)
    yield killed(A_ROUND * rounds)


def speed(key: str, rounds: int) -> Iterator[Row]:
    """An image of a batch, beside the plain loop with each batch size."""
    with tempfile.TemporaryDirectory() as name:
        files = draw(Path(name), IMAGES, 256)
        question = GradientQuestion(model=key, image="")
        found = sources.find([name])
        batch = running.prepare(Path(name) / "out", found, [(question, ModelFile())], shard=IMAGES)
        answerer, planned = Answerer("cpu", remember=False), batch.plan.at_positions()
        (shard,) = running.missing(batch)
        known = load(key)
        title = f"{key.partition('/')[2]}, an image of a shard"

        def ours() -> None:
            one_shard.compute(batch.setup.asked[0], shard, planned, answerer)

        plain = {
            f"plain loop, batches of {size}": partial(loop, known.module, known.card.preprocessing, files, size)
            for size in BATCHES
        }
        times = interleaved({title: ours, **plain}, rounds, warm_up=1)
    each = {name: [seconds / IMAGES for seconds in found_] for name, found_ in times.items()}
    best = min(plain, key=lambda name: median(each[name]))
    yield row(each, title, best, GOAL)
    for name in plain:
        yield row(each, name)


def loop(module: nn.Module, steps: Preprocessing, files: Sequence[Path], size: int) -> None:
    """The gradient of the largest logit of each image, as a script does it."""
    for start in range(0, len(files), size):
        x = torch.stack([opened(file, steps) for file in files[start : start + size]]).requires_grad_()
        module(x).max(dim=1).values.sum().backward()
        assert x.grad is not None


def opened(file: Path, steps: Preprocessing) -> Tensor:
    with Image.open(file) as stored:
        picture = stored.convert("RGB").resize((steps.resize or 256,) * 2, Image.Resampling.BILINEAR)
    rows_, columns = steps.size
    top, left = (picture.height - rows_) // 2, (picture.width - columns) // 2
    numbers = np.asarray(picture.crop((left, top, left + columns, top + rows_)), np.float32) / 255
    normal = (numbers - np.array(steps.mean, np.float32)) / np.array(steps.std, np.float32)
    return torch.from_numpy(np.ascontiguousarray(normal.transpose(2, 0, 1)))


def draw(folder: Path, count: int, side: int) -> list[Path]:
    files = [folder / f"{number:05}.png" for number in range(count)]
    for number, file in enumerate(files):
        small = np.random.default_rng(number).integers(0, 256, (side // 8, side // 8, 3), np.uint8)
        Image.fromarray(small).resize((side, side)).save(file)
    return files


# -------------------------------------------------------------------------------------------------------------- killed


def killed(images: int) -> str:
    """The same batch twice, once killed ten times at random."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "images").mkdir()
        draw(folder / "images", images, 96)
        (folder / "questions.json").write_text(json.dumps(ASKED))
        began = time.perf_counter()
        assert start(folder, "whole").wait() == 0
        seconds = time.perf_counter() - began
        chance, begun = random.Random(0), 0
        for _ in range(KILLS):
            process = start(folder, "killed")
            try:
                process.wait(chance.uniform(0.2, 1.8) * seconds / KILLS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                begun += 1
        assert start(folder, "killed").wait() == 0
        same_rows, same_maps = (what(folder / "whole") == what(folder / "killed") for what in (left, digests))
    return (
        f"  {images} images x {len(ASKED)} questions in {seconds:.0f} s, then killed {begun} times: "
        f"rows {'the same' if same_rows else 'DIFFERENT'}, maps {'the same bits' if same_maps else 'DIFFERENT'}"
    )


def start(folder: Path, name: str) -> subprocess.Popen[bytes]:
    words = [
        "batch",
        str(folder / "images"),
        "--out",
        str(folder / name),
        "--questions",
        str(folder / "questions.json"),
    ]
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def left(out: Path) -> list[dict[str, Any]]:
    return [{**one, "seconds": 0} for one in pq.read_table(out / "results.parquet").to_pylist()]


def digests(out: Path) -> dict[str, bytes]:
    group = zarr.open_group(out / "maps.zarr", mode="r")
    return {
        path: np.asarray(one[:]).tobytes() for path, one in group.members(max_depth=None) if isinstance(one, zarr.Array)
    }
