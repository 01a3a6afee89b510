"""What a confined worker must be able to do, as a program: real work, once free and once confined.

``python -m tests.sandbox_work confined|free FOLDER`` prints JSON: for each piece of work, what came of it.
"""

from __future__ import annotations

import faulthandler
import fcntl
import gc
import hashlib
import importlib
import io
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import torch
import torchvision
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F

import gradviz_core as gv
from gradviz_core.answering import Answerer
from gradviz_core.compute import sandbox
from gradviz_core.types import GradientAnswer

ROOT = Path(__file__).parents[1]
MEMORY_MB = 4000


def digest(*tensors: torch.Tensor) -> str:
    return hashlib.sha256(b"".join(t.detach().contiguous().numpy().tobytes() for t in tensors)).hexdigest()


def gradient(model: nn.Module, size: int) -> str:
    image = torch.randn(1, 3, size, size, requires_grad=True)
    score = model.eval()(image)[0, 3]
    score.backward()
    assert image.grad is not None
    return digest(score, image.grad)


def resnet() -> str:
    return gradient(torchvision.models.resnet18(), 96)


def transformer() -> str:
    return gradient(torchvision.models.VisionTransformer(64, 16, 2, 4, 64, 128), 64)


def recurrent() -> str:
    return digest(nn.LSTM(10, 20, 2)(torch.randn(5, 3, 10))[0])


def more_threads() -> str:
    """The pool of four is started here, after the process was confined."""
    torch.set_num_threads(4)
    matrix = torch.randn(2000, 2000)
    result = digest(matrix @ matrix)
    torch.set_num_threads(2)
    return result


def linear_algebra() -> str:
    u, s, _ = torch.linalg.svd(torch.randn(60, 40))
    return digest(u, s, torch.fft.rfft(torch.randn(64)).abs())


def resizing() -> str:
    return digest(F.interpolate(torch.randn(1, 3, 40, 40), scale_factor=2, mode="bicubic", antialias=True))


def shapes_without_numbers() -> str:
    with FakeTensorMode():
        return str(tuple(torchvision.models.resnet18()(torch.randn(1, 3, 64, 64)).shape))


def decoding() -> str:
    found = []
    pixels = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    for kind in ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"):
        file = io.BytesIO()
        PIL.Image.fromarray(pixels).save(file, kind)
        found.append(PIL.Image.open(file, formats=[kind]).convert("RGB").resize((20, 20)).tobytes())
    return hashlib.sha256(b"".join(found)).hexdigest()


def answering() -> str:
    question = gv.GradientQuestion(model="preset/shapes-cnn", image="sample/star", target=gv.ClassScore())
    answer = Answerer("cpu").answer(question)
    assert isinstance(answer, GradientAnswer)
    return hashlib.sha256(answer.gradients[gv.INPUT].tobytes()).hexdigest()


def importing() -> str:
    return importlib.import_module("wave").__name__ + importlib.import_module("torchvision.ops.misc").__name__


def a_thread() -> str:
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(digest(torch.ones(300, 300) @ torch.ones(300, 300))))
    thread.start()
    thread.join()
    return found[0]


def the_time() -> str:
    time.sleep(0.001)
    return time.strftime("%Z", time.localtime())


def a_log() -> str:
    logging.basicConfig()
    logging.getLogger("confined").warning("a line in the log")
    faulthandler.enable()
    faulthandler.dump_traceback()
    return str(gc.collect() >= 0)


def sigio_for_itself() -> str:
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    return str(fcntl.fcntl(0, fcntl.F_GETFD))


def a_signal_to_itself() -> str:
    caught: list[int] = []
    signal.signal(signal.SIGUSR1, lambda number, frame: caught.append(number))
    signal.raise_signal(signal.SIGUSR1)
    return str(caught)


def a_file_of_the_store() -> str:
    return (Path(sys.argv[2]) / "store/digest").read_text(encoding="ascii")


WORK: tuple[Callable[[], str], ...] = (
    resnet,
    transformer,
    recurrent,
    more_threads,
    linear_algebra,
    resizing,
    shapes_without_numbers,
    decoding,
    answering,
    importing,
    a_thread,
    the_time,
    a_log,
    sigio_for_itself,
    a_signal_to_itself,
    a_file_of_the_store,
)


def main(mode: str, folder: Path) -> None:
    if mode == "confined":
        trees, stores = [ROOT / "gradviz_core", ROOT / "assets"], [folder / "store"]
        offered = sandbox.probe()
        held = sandbox.confine(read_trees=trees, read_files_in=stores, keep_open=[], memory_mb=MEMORY_MB)
        assert held == replace(offered, memory_mb=MEMORY_MB)
    torch.set_num_threads(2)
    results = {}
    for work in WORK:
        torch.manual_seed(0)
        results[work.__name__] = work()
    sys.stdout.write(json.dumps(results))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
