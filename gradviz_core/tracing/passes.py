"""One traced forward pass. The hooks are in ``watch.py``.

How it stays exact, in three rules:

1. *Watch a twin.* Hooks are put on a copy of the module tree that shares the weights' memory, never on the module
   itself, so that nothing is left behind and threads cannot meet (``twin.py``).
2. *Keep the raw output, pass on a clone.* A later in-place operation then changes the clone, never what was kept.
3. *A site is a path and a call.* A module that runs twice is two sites, counted as it runs.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from gradviz_core.errors import GradVizError, QuestionError
from gradviz_core.tracing.attention import AttentionWeights
from gradviz_core.tracing.authors_autograd import AuthorsAutograd, Differentiates
from gradviz_core.tracing.device import exact_arithmetic
from gradviz_core.tracing.draws import State, devices_of, drawing_from
from gradviz_core.tracing.following import Follower
from gradviz_core.tracing.inputs import Inputs as Inputs
from gradviz_core.tracing.inputs import by_site, call_of, map_inputs, run
from gradviz_core.tracing.nested import tensors
from gradviz_core.tracing.positions import Positions
from gradviz_core.tracing.quick_kernels import QuickKernels
from gradviz_core.tracing.rows_apart import RowsApart
from gradviz_core.tracing.stopping import give_way
from gradviz_core.tracing.torch_private import compiler
from gradviz_core.tracing.twin import twin
from gradviz_core.tracing.watch import Stop, Trace, Watch
from gradviz_core.types import INPUT, Site
from gradviz_core.types.attention import is_attention
from gradviz_core.types.calls import Call

_FAILED = (TypeError, ValueError, RuntimeError, AttributeError, LookupError)
"""What a model raises whose parameters are frozen against its will."""


@contextmanager
def recording() -> Iterator[None]:
    """Operations are recorded for differentiation, whatever mode the caller is in, and computed in full float32."""
    with exact_arithmetic(), torch.inference_mode(False), torch.enable_grad():
        yield


_one_stance = threading.RLock()


@contextmanager
def _uncompiled() -> Iterator[None]:
    """What ``torch.compile`` was given runs as it was written. Compiled code keeps or lacks the hooks that were there
    when it was made, so that a pass would depend on those before it."""
    if not compiler.may_have_run():
        yield
        return
    with _one_stance, torch.compiler.set_stance("force_eager"):
        yield


@dataclass(frozen=True, slots=True)
class _Plan:
    """What ``forward`` was asked."""

    module: nn.Module
    call: Call
    keep: Collection[Site] | None
    until: Collection[Site] | None
    parameters: bool
    put: Mapping[Site, Tensor]
    axes: bool
    attention: bool
    apart: int
    positions: bool

    @property
    def forms_attention(self) -> bool:
        """Whether attention is run in plain operations, because some of its weights are asked for."""
        named = (*(self.keep or ()), *(self.until or ()), *self.put)
        return self.attention or any(map(is_attention, named))


def forward(
    module: nn.Module,
    x: Inputs,
    *,
    keep: Collection[Site] | None = None,
    until: Collection[Site] | None = None,
    parameters: bool = False,
    seed: int | None = None,
    put: Mapping[Site, Tensor] | None = None,
    axes: bool = True,
    attention: bool = False,
    apart: int = 0,
    positions: bool = False,
) -> Trace:
    """Run ``module(x)`` once and keep the values at the sites ``keep`` (None keeps all of them).

    With ``until`` the pass ends as soon as all those sites have their values: nothing after them is computed, and which
    axes count channels stays unknown, because later operations help to tell. With
    ``parameters`` the graph reaches to the parameters too, and takes about twice the memory. The values in ``put`` take
    the place of those that the pass gives at these sites; whatever comes after a site is computed from them.

    Which axis counts channels is followed unless ``axes`` is False, or the pass may end early; that takes time.

    With ``attention``, or where a site of attention weights is named, attention is run in plain operations that form
    its weights (``attention.py``); the last bits of what follows differ from those of the fused kernel. With
    ``attention`` all of them are kept, whatever ``keep`` says, and the places of their tokens are followed. With
    ``positions`` the places of all values are, of a pass whose axes are followed; they cost time alone.

    With ``apart``, the number of images in ``x`` and of rows in each value of ``put``, the pass ends unless its
    operations show that no image changes what another gets (``rows_apart.py``). Axes are not followed then, and what
    ``quick_kernels.py`` has a quicker way for is computed in that way.

    A model that draws random numbers draws them from ``seed``, and the caller's go on afterwards as if nothing had
    drawn any. None is seed 0 in evaluation mode; a module of which any part is in training mode then draws the
    caller's own, as in a training loop.

    Raises:
        QuestionError: the module cannot be copied for watching, or the seed is out of range.
        GradVizError: the module computes something different while it is traced.
        Mixes: images might change what others get, and they are to be ``apart``.
    """
    given: object = module
    if not isinstance(given, nn.Module):
        raise QuestionError(f"{given!r} is not a torch.nn.Module. Pass a module; a function can be the forward of one.")
    put = put or {}
    kept = None if keep is None else {*keep, *put}
    plan = _Plan(module, call_of(module, x), kept, until, parameters, put, axes, attention, apart, positions)
    devices = devices_of([*module.parameters(), *by_site(plan.call).values()])
    if seed is None and any(part.training for part in module.modules()):
        begun = State.now(devices)
        return _checked(plan, begun, begun)
    with drawing_from(seed or 0, devices) as begun:
        return _checked(plan, seed or 0, begun)


def _checked(plan: _Plan, begin: int | State, begun: State) -> Trace:
    """The pass; made again with all that it can keep where shared memory was written to, and then compared."""
    trace, may_differ = _run(plan, begin, begun)
    trace.random = State.now(begun.cuda).differs(begun)
    if may_differ and (plan.keep is not None or trace.stopped):
        begun.put_back()
        return _checked(replace(plan, keep=None, until=None), begin, begun)
    if may_differ and not plan.put:
        check_unchanged(plan.module, plan.call, trace)
    return trace


def _run(plan: _Plan, begin: int | State, begun: State) -> tuple[Trace, bool]:
    """One pass, and whether it may have computed something else than it does unwatched.

    A pass that takes gradients itself, or fails, is made again on a twin whose parameters train where the module's do:
    it may need them. Where those that it differentiates by are frozen, all of the twin's train.
    """
    try:
        return _followed(plan, begin, begun, trainable=plan.parameters)
    except Differentiates:
        return _trained(plan, begin, begun)
    except _FAILED as error:
        if isinstance(error, torch.OutOfMemoryError | GradVizError):
            raise
        with suppress(*_FAILED):
            return _trained(plan, begin, begun)
        raise


def _trained(plan: _Plan, begin: int | State, begun: State) -> tuple[Trace, bool]:
    begun.put_back()
    thawed = _needs_all_to_train(plan, begin)
    trace, may_differ = _followed(plan, begin, begun, trainable=True if thawed else None)
    trace.thawed = thawed
    return trace, may_differ


def _needs_all_to_train(plan: _Plan, begin: int | State) -> bool:
    """Whether the module cannot run with its parameters as they are, some of them frozen."""
    if all(parameter.requires_grad for parameter in plan.module.parameters()):
        return False
    try:
        unwatched(plan.module, plan.call, Trace(begin=begin, differentiates=True))
    except _FAILED as error:
        return not isinstance(error, torch.OutOfMemoryError | GradVizError)
    return False


def _followed(plan: _Plan, begin: int | State, begun: State, *, trainable: bool | None) -> tuple[Trace, bool]:
    """One pass, with the axes that count channels. One that takes gradients itself is made twice: while a mode sees
    every operation, PyTorch takes other formulas for those gradients, whose last bits differ."""
    trace, may_differ = _watched(plan, begin, trainable=trainable, follow=plan.axes and plan.until is None)
    if not (trace.differentiates and trace.channel_axes):
        return trace, may_differ
    axes, attends, positions = trace.channel_axes, trace.attends, trace.positions
    del trace
    begun.put_back()
    trace, may_differ = _watched(plan, begin, trainable=trainable, follow=False)
    trace.channel_axes, trace.attends, trace.positions = axes, attends, positions
    return trace, may_differ


def _watched(plan: _Plan, begin: int | State, *, trainable: bool | None, follow: bool) -> tuple[Trace, bool]:
    give_way()
    trace = Trace(begin=begin)
    autograd = AuthorsAutograd(frozen=trainable is False)
    with recording():
        watched = twin(plan.module, trainable=trainable)
        follower = RowsApart(plan.apart) if plan.apart else Follower(watched.parameters()) if follow else None
        until = None if plan.until is None else frozenset(plan.until)
        positions = Positions() if plan.attention or (plan.positions and follow) else None
        watch = Watch(trace, plan.keep, until, plan.put, follower, attention=plan.attention, positions=positions)
        formed = AttentionWeights(watch, positions) if plan.forms_attention else None
        entered = map_inputs(plan.call, watch.enter)
        if positions is not None:
            map_inputs(entered, positions.start)
        trace.parameters = dict(watched.named_parameters()) if plan.parameters else {}
        if formed is not None:
            formed.attach(watched)
        if formed is not None or plan.keep is None or not trace.values.keys() >= set(plan.keep):
            watch.attach(watched)
        try:
            with (
                positions or nullcontext(),  # before the follower, which is not to see what it computes
                QuickKernels() if plan.apart else nullcontext(),  # likewise
                follower or nullcontext(),
                autograd,
                formed or nullcontext(),
                _uncompiled(),
            ):
                trace.output = run(watched, entered)
        except Stop:
            trace.stopped = True
    trace.differentiates, trace.tensor_hooks = autograd.differentiates, autograd.hooks
    if isinstance(follower, RowsApart):
        kept = (value for site, value in trace.values.items() if site.path != INPUT.path)
        follower.check([*tensors(trace.output).values(), *kept])
    trace.channel_axes = follower.channel_axes() if isinstance(follower, Follower) else {}
    trace.attends = isinstance(follower, Follower) and follower.attends
    return trace, watch.end()


def check_unchanged(module: nn.Module, x: Inputs, trace: Trace) -> None:
    """Check that ``module(x)`` gives, unwatched, what it gave in ``trace``, from the same random numbers.

    Raises:
        GradVizError: it does not, so the gradients would be another function's. That takes a module that relies on an
            output sharing memory with an input, or one whose results change in another way than by random numbers.
    """
    call = call_of(module, x)
    watched = tensors(trace.output)
    first = unwatched(module, call, trace)
    if all(is_close(tensor, first[item]) for item, tensor in watched.items()):
        return
    second = unwatched(module, call, trace)
    if not all(is_close(tensor, second[item]) for item, tensor in first.items()):
        raise GradVizError(
            "This model gives a different result each time it runs, even from the same random seed. Remove what "
            "changes, such as a counter that all copies share, then try again."
        )
    raise GradVizError(
        "This model computes something different while it is traced: it relies on an output that shares memory with an "
        "input and is changed in place later, or checks whether its parameters are trained. Replace that in-place "
        "operation, or freeze the model with requires_grad_(False), then try again."
    )


def unwatched(module: nn.Module, call: Call, trace: Trace) -> dict[str, Tensor]:
    """What a twin without our hooks returns, from the random numbers that the watched pass began with. Its parameters
    train where the module's do, for a forward pass may look at that, unless the pass needs them all."""
    give_way()
    devices = devices_of([*module.parameters(), *by_site(call).values()])

    def own(_: Site, tensor: Tensor) -> Tensor:
        copied = tensor.detach().clone()
        return copied.requires_grad_(trace.differentiates and copied.is_floating_point()).clone()

    with recording(), drawing_from(trace.begin, devices):
        bare, given = twin(module, trainable=True if trace.thawed else None), map_inputs(call, own)
        with AuthorsAutograd(frozen=False), _uncompiled():
            return tensors(run(bare, given))


def is_close(found: Tensor, true: Tensor) -> bool:
    """Equal to rounding, relative to the largest value."""
    if found.shape != true.shape or found.dtype != true.dtype:
        return False
    if not true.is_floating_point():
        return torch.equal(found, true)
    found, true = found.detach(), true.detach()
    scale = float(true.nan_to_num().abs().max()) if true.numel() else 0.0
    return torch.allclose(found, true, rtol=0.0, atol=1e-3 * scale, equal_nan=True)
