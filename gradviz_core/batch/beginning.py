"""What a batch is to do, before any of it is done: the questions with their models, and the shapes of their maps."""

from __future__ import annotations

import hashlib
import os
import platform
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gradviz_core import images
from gradviz_core.answering import Answerer
from gradviz_core.answers import pictures, several
from gradviz_core.answers.load import Model
from gradviz_core.batch import sources
from gradviz_core.batch.plan import Plan
from gradviz_core.batch.setup import GROUP, Asked, ModelFile, unasked
from gradviz_core.drawing.captions import gradient_unit
from gradviz_core.errors import BadImage, GradVizError, QuestionError
from gradviz_core.types import GradientAnswer, GradientQuestion, keys
from gradviz_core.uploads import own_files, own_models
from gradviz_core.version import __version__

TRIED = 12
"""Images that are tried until ``GROUP`` of them can be read."""
UNREADABLE = "None of the first images can be read, so nothing is begun. The last: {why}"


@dataclass(frozen=True, slots=True)
class Tried:
    """A question, and how long an image took: alone, and in a group where they go together."""

    asked: Asked
    seconds: float


def lend(model: ModelFile) -> str:
    """The key of a model file, which is lent to this process.

    Raises:
        BadModel: as ``own_models.lend`` does.
    """
    labels = Path(model.labels) if model.labels else None
    own = own_models.lend(
        Path(model.file), architecture=model.architecture, labels=labels, preprocessing=model.preprocessing
    )
    return own.key


def first_images(plan: Plan) -> list[str]:
    """The keys of the first images, which are lent to this process.

    Raises:
        QuestionError: none of the first files can be read.
    """
    found: list[str] = []
    failed = next((one.error for one in plan.images if one.error), "")
    known = plan.at_positions()
    for position in sorted(known)[:TRIED]:
        try:
            found.append(keys.upload(own_files.lend(images.kept(sources.read(known[position].found)))))
        except BadImage as error:
            failed = str(error)
    if not found:
        raise QuestionError(UNREADABLE.format(why=failed))
    return found


def _that_fit(first: Sequence[str], model: Model) -> list[str]:
    """The images that the model takes, of the first ones, at most ``GROUP``. Raises ``QuestionError`` for none."""
    found: list[str] = []
    failed = ""
    for image in first:
        try:
            pictures.as_seen(image, model.card.preprocessing)
        except BadImage as error:
            failed = str(error)
        else:
            found.append(image)
        if len(found) == GROUP:
            break
    if not found:
        raise QuestionError(UNREADABLE.format(why=failed))
    return found


def try_out(question: GradientQuestion, model: ModelFile, first: Sequence[str], answerer: Answerer) -> Tried:
    """Answer a question about the first images: the shape of each map, and whether several images go together.

    Raises:
        QuestionError: it cannot be answered for the first image; the message says why.
    """
    loaded = answerer.model(question.model)
    first = _that_fit(first, loaded)
    began = time.perf_counter()
    together = several.may_be_rows(question)
    alone = _answers(question, first, answerer, GROUP if together else 1)
    seconds = (time.perf_counter() - began) / len(alone)
    in_rows = False
    if together and len(alone) == GROUP:
        began = time.perf_counter()
        found = several.rows(answerer.model_for(question, several.first_input(loaded, first[0])), question, first)
        if found is not None and all(map(several.agrees, found, alone)):
            in_rows, seconds = True, (time.perf_counter() - began) / GROUP
    maps = alone[0].attributions
    shapes = tuple((str(site), maps[site].shape[1:]) for site in question.wrt if site in maps)
    if not shapes:
        raise QuestionError(f"No gradient reaches the layer that is asked for. {' '.join(alone[0].notes)}")
    target, steps = alone[0].target, loaded.card.preprocessing
    units = tuple(
        gradient_unit(target, site, question.method, question.options, steps) for site in question.wrt if site in maps
    )
    return Tried(Asked(unasked(question), digest_of(loaded.module), shapes, units, in_rows, model), seconds)


def digest_of(module: nn.Module) -> str:
    """SHA-256 over the names, types, shapes and bytes of all parameters and buffers."""
    sha = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        array = tensor.detach().cpu().contiguous()
        sha.update(f"{name} {array.dtype} {tuple(array.shape)}\n".encode())
        if array.numel():
            sha.update(array.reshape(-1).view(torch.uint8).numpy().tobytes())
    return sha.hexdigest()


def made_by(answerer: Answerer) -> dict[str, Any]:
    """Where and with what this process computes."""
    device = answerer.device
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type.upper(),
        "processor": processor(),
        "threads": torch.get_num_threads(),
        "gradviz": __version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
    }


def processor() -> str:
    """The name of the processor, as the system says it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def use_one_thread() -> None:
    """Compute on one thread for the rest of this process: the number of threads changes the last bits."""
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)


def as_asked(question: GradientQuestion, model: ModelFile, answerer: Answerer) -> Asked:
    """A question about a folder that is begun: what tells whether it is the same."""
    digest = digest_of(answerer.model(question.model).module)
    return Asked(unasked(question), digest, (), (), False, model)


def _answers(question: GradientQuestion, first: Iterable[str], answerer: Answerer, enough: int) -> list[GradientAnswer]:
    """The answers about those images for which there is one, until there are enough.

    Raises:
        QuestionError: there is none for any; that for the first.
    """
    found: list[GradientAnswer] = []
    failed: GradVizError | None = None
    for image in first:
        try:
            found.append(answerer.answer(replace(question, image=image)))
        except GradVizError as error:
            failed = failed or error
        if len(found) == enough:
            break
    if not found:
        assert failed is not None
        raise failed
    return found
