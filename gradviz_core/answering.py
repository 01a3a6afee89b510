"""Question -> Answer: the only file in which models, images, traces and methods meet."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor, nn

from gradviz_core import memory
from gradviz_core.answers import kinds, pairs, pictures, sizes
from gradviz_core.answers.failures import ADVICE_ON_INPUT, explaining, input_text, ran_out_of_memory
from gradviz_core.answers.load import Model, RecentModels
from gradviz_core.answers.needs import Needs
from gradviz_core.answers.scene import Clock, Place, Scene
from gradviz_core.doctor.doubles import size_in_float64
from gradviz_core.errors import QuestionError, Stopped
from gradviz_core.settings import settings
from gradviz_core.tracing import device as devices
from gradviz_core.tracing.fast_arithmetic import Fast, fast
from gradviz_core.tracing.kernel_guards import noting
from gradviz_core.tracing.quick_kernels import QuickKernels
from gradviz_core.tracing.stopping import Stoppable, ending_in, listening
from gradviz_core.tracing.trace import check_unchanged, forward, recording
from gradviz_core.types import (
    INPUT,
    AboutAModel,
    Answer,
    GradientQuestion,
    ProofAnswer,
    ProofQuestion,
    Question,
    Site,
    keys,
)
from gradviz_core.types.kinds import answer_to
from gradviz_core.types.questions import A
from gradviz_core.uploads import cost, model_files

MOST_AFFORDABLE = 64
"""Uploaded models whose cost is remembered, with the sizes of their values."""
LARGEST_COPY = 1_000_000_000
"""Bytes of the largest copy in float64 that is made for a check beside a picture."""


class Answerer:
    """Answers questions one after the other. The same question always gets the same arrays.

    Recent models stay in memory. With ``remember`` the last pass and its graph do too, so that the next question about
    the same model and image costs only a backward pass; then only one thread at a time may ask.
    """

    def __init__(self, device: devices.DeviceName | None = None, *, remember: bool = True) -> None:
        self.device = devices.choose(device or "auto")
        self._most_remembered = int(settings().remember_mb * 1_000_000)
        self._models = RecentModels(self._most_remembered // 2)
        self._at_first = memory.in_use()
        self._remember = remember
        self._last: Scene | None = None
        self._fast: tuple[nn.Module, Fast] | None = None
        self._checked: set[str] = set()
        self._affordable: dict[tuple[str, tuple[int, ...]], dict[Site, int]] = {}

    def warm_up(self) -> None:
        """Do in advance the work that the first question about an upload would wait for."""
        model_files.get_ready()

    def model(self, key: str) -> Model:
        """The model behind a key, loaded on this answerer's device; it stays in memory like that of a question.

        Raises:
            UnknownModel, WeightsMissing, BadModel: as ``load`` does.
        """
        return self._models.get(key, self.device)

    def model_for(self, question: GradientQuestion, x: Tensor) -> Model:
        """The model as a question has it computed, in fast arithmetic where it says so; ``x`` is an input of one image.

        Raises:
            UnknownModel, WeightsMissing, BadModel: as ``load`` does.
        """
        model = self.model(question.model)
        if question.arithmetic == "plain":
            return model
        return replace(model, module=self._in_fast_arithmetic(model, x, Needs(frozenset(question.wrt))).module)

    def answer(self, question: Question[A], told_to_stop: Callable[[], bool] | None = None) -> A:
        """The answer, computed on this answerer's device, or on the CPU with a note when that runs out of memory.

        ``told_to_stop`` is called where a pass begins, and more often where an exported program runs. Where it is
        given, the answer has to be there within the deadline of the settings.

        Raises:
            Stopped: it said yes.
            QuestionError: the question cannot be answered as it stands; the message says why and what to do. Whatever
                an uploaded model raises is one too; what a trusted model raises is raised as it is.
            TooCostly: the model was uploaded, and one pass of it takes more than is allowed.
            BadImage: the image cannot be read.
            WeightsMissing: the model's weights are not on this machine and cannot be downloaded.
        """
        if told_to_stop is None:
            return answer_to(question, self._answer(question))
        try:
            with listening(told_to_stop), ending_in(settings().deadline_s):
                return answer_to(question, self._answer(question))
        except Stopped:
            self._last = None  # it may have been in the middle of a pass
            raise

    def _answer(self, question: Question) -> Answer:
        """Retry without remembered passes where memory runs out, so that earlier questions make no difference."""
        remembers = self._last is not None or len(self._models) > 0
        try:
            return self._answer_where_it_fits(question)
        except Exception as error:
            if not ran_out_of_memory(error):
                raise
            self._forget()
            if not remembers:
                raise
        finally:
            self._limit_what_is_remembered()
        try:
            return self._answer_where_it_fits(question)
        finally:
            self._limit_what_is_remembered()

    def _forget(self) -> None:
        self._last = self._fast = None
        self._models.forget()

    def _limit_what_is_remembered(self) -> None:
        """Drop the last pass where this process holds too much memory with it."""
        if self._last is not None and memory.in_use() - self._at_first > self._most_remembered:
            self._last = None

    def _answer_where_it_fits(self, question: Question) -> Answer:
        try:
            return self._answer_on(self.device, question, ())
        except torch.OutOfMemoryError:
            if self.device.type == "cpu":
                raise
        self._last = None
        torch.cuda.empty_cache()
        note = f"The {self.device.type.upper()} device ran out of memory, so this was computed on the CPU."
        return self._answer_on(torch.device("cpu"), question, (note,))

    def check(self, question: ProofQuestion, told_to_stop: Callable[[], bool]) -> ProofAnswer:
        """The same for a check that yields to any other question: ``told_to_stop`` is called again and again.

        Raises:
            Stopped: it said yes.
            QuestionError: the copy in float64 would take too much memory.
            GradVizError: as ``answer`` does.
        """
        with Stoppable(told_to_stop):
            module = self._models.get(question.model, self.device).module
            if (size := size_in_float64(module)) > LARGEST_COPY:
                raise QuestionError(
                    f"A copy of this model in float64 takes {size / 1e9:.1f} GB; the limit of the check beside a "
                    f"picture is {LARGEST_COPY / 1e9:g} GB. The doctor's page checks it."
                )
            return self.answer(question)

    def _answer_on(self, device: torch.device, question: Question, notes: tuple[str, ...]) -> Answer:
        model = question.model if isinstance(question, AboutAModel) else ""
        failed = explaining(model, "This question about the model fails", "Choose another target or layer.")
        with recording(), noting() as guarded, failed:
            clock = Clock(device, time.perf_counter(), guarded)
            if not isinstance(question, AboutAModel):
                return kinds.about_nothing(question).answer(question)
            scene = self._scene(device, question)
            if scene.fast:
                clock = replace(clock, fast=scene.fast.said)
            with pairs.naming_the_other(question.image), QuickKernels() if scene.fast else nullcontext():
                return kinds.about_models(question).answer(scene, question, notes, clock)

    # ------------------------------------------------------------------------------------------------------- the pass

    def _scene(self, device: torch.device, question: AboutAModel) -> Scene:
        """What the question is answered from."""
        needs, last = kinds.about_models(question).needs(question), self._last
        try:
            scene = self._pass(device, question, needs)
        finally:
            if needs.aside:
                self._last = last
        if needs.checked and question.model not in self._checked:
            check_unchanged(scene.model.module, scene.trace.values[INPUT], scene.trace)
            self._checked.add(question.model)
        return scene

    def _pass(self, device: torch.device, question: AboutAModel, needs: Needs) -> Scene:
        """The last pass where it serves, else a new one.

        A pass that is remembered keeps all sites, unless only the input is asked for: a further question is likely. One
        whose graph reaches to the parameters takes too much memory to be remembered.
        """
        arithmetic = question.arithmetic if isinstance(question, GradientQuestion) else "plain"
        place = Place(question.model, question.image, str(device), question.seed, arithmetic)
        if not needs.parameters and self._last is not None and self._last.serves(place, needs):
            self._check_size(question, self._last.trace.values[INPUT])
            if self._last.fast:
                self._last.fast.check(needs.sites or ())
            return self._last
        self._last = None
        model, looked_at = pairs.of_one_image(self._models.get(question.model, device), question.image, device)
        seen = pictures.as_seen(looked_at, model.card.preprocessing)
        x = torch.tensor(seen.numbers, device=device)
        kept = None if self._remember and needs.sites != frozenset({INPUT}) else needs.sites
        with explaining(question.model, f"This model cannot run on {input_text(x)}", ADVICE_ON_INPUT):
            self._check_cost(question.model, model.module, x)
            self._check_size(question, x)
            until = needs.sites if needs.may_stop and not self._remember else None
            quick = self._in_fast_arithmetic(model, x, needs) if arithmetic == "fast" else None
            trace = forward(
                quick.module if quick else model.module,
                x,
                keep=kept,
                until=until,
                parameters=needs.parameters,
                seed=question.seed,
                attention=needs.forms_attention,
            )
        if keys.is_upload(question.model) and question.model not in self._checked and not trace.stopped:
            check_unchanged(model.module, x, trace)
            self._checked.add(question.model)
        scene = Scene(
            replace(model, module=quick.module) if quick else model,
            seen.pixels,
            trace,
            place,
            kept,
            upright=seen.upright,
            attention=needs.forms_attention,
            fast=quick,
            remembered=self._remember and not needs.parameters,
        )
        if scene.remembered:
            self._last = scene
        return scene

    def _in_fast_arithmetic(self, model: Model, x: Tensor, needs: Needs) -> Fast:
        """The model in fast arithmetic; that of the last question stays.

        Raises:
            QuestionError: a site that is needed has no value there.
        """
        if self._fast is None or self._fast[0] is not model.module:
            self._fast = (model.module, fast(model.module, x))
        made = self._fast[1]
        made.check(needs.sites or ())
        return made

    def _check_cost(self, key: str, module: nn.Module, x: Tensor) -> None:
        """Refuse an uploaded model that would be too expensive for such an input, before its first run."""
        place = (key, tuple(x.shape))
        if keys.is_upload(key) and place not in self._affordable:
            self._affordable[place] = cost.check(module, tuple(x.shape))
            if len(self._affordable) > MOST_AFFORDABLE:
                del self._affordable[next(iter(self._affordable))]

    def _check_size(self, question: AboutAModel, x: Tensor) -> None:
        """Refuse a question about an uploaded model whose answer would be too large, before it is computed."""
        if keys.is_upload(question.model):
            shape = tuple(x.shape)
            known = sizes.known(shape, self._affordable.get((question.model, shape), {}))
            sizes.check(kinds.about_models(question).size(question, known))


@lru_cache(maxsize=1)
def _inline() -> Answerer:
    return Answerer(settings().device, remember=False)


def answer(question: Question[A]) -> A:
    """Answer a question in this process, on the best available device. Thread-safe.

    Raises:
        QuestionError, BadImage, WeightsMissing: as ``Answerer.answer`` does.
    """
    return _inline().answer(question)
