"""What each layer adds to a score by its constant parts: the bias terms of FullGrad, implicit ones among them.

Near a point every function is a slope times its inputs plus a constant part: y = J z + β. For a layer with a bias β is
the bias; for batch norm it is what its statistics make of zero; for a smooth activation f(z) - f'(z)·z; for a ReLU or
a pooling it is zero. With the score S and all sites y of a pass,

    S = x · ∂S/∂x + Σ_sites β · ∂S/∂y + (β of how the score is read from the output).

β at a site is what is left of its value once the slopes have been carried to it from the sites before: a pass with dual
numbers in which the derivative that arrives at a site is taken off and the value itself goes on in its place. So
functions between the layers count too, at the next site; and the sum is right for any network, up to rounding.

Source: Srinivas & Fleuret 2019 (arXiv:1905.00780), proposition 1 and equation 4; that a smooth activation has the
implicit bias f(z) - f'(z)·z is in section 3.1.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn.attention import SDPBackend, sdpa_kernel

from gradviz_core.errors import QuestionError
from gradviz_core.tracing.draws import devices_of, drawing_from
from gradviz_core.tracing.nested import map_tensors
from gradviz_core.tracing.passes import recording
from gradviz_core.tracing.scores import targets
from gradviz_core.tracing.stopping import give_way
from gradviz_core.tracing.trace import differentiate
from gradviz_core.tracing.twin import twin
from gradviz_core.tracing.watch import Trace
from gradviz_core.types import INPUT, Site, Target

ROUNDING = 1e-5
"""Of the largest value at a site: what is smaller than that is no constant part."""


@dataclass(frozen=True, slots=True)
class BiasTerms:
    """The parts of a score: with ``input`` and ``reading`` the sum of all terms is the score, up to rounding."""

    input: Tensor
    """x · ∂S/∂x, with the input's shape."""
    layers: dict[Site, Tensor]
    """β · ∂S/∂y at each site that has a constant part, with its shape, in order of execution."""
    channel_axes: Mapping[Site, int | None]
    """The axis of each site's value that counts channels, where that is known."""
    reading: float
    """What is constant in how the score is read from the output: nothing for a logit."""
    score: float


def bias_terms(module: nn.Module, trace: Trace, target: Target) -> BiasTerms:
    """The parts of a target whose predicted class is filled in. ``trace`` is a pass of an input at ``INPUT``, with the
    axes that count channels; another pass is made from its random numbers.

    Raises:
        QuestionError: the model takes gradients in its forward pass, or has an operation that cannot be carried along.
    """
    if trace.differentiates:
        raise QuestionError(
            "This model takes gradients in its own forward pass, so its constant parts cannot be told apart. Choose "
            "another method."
        )
    give_way()
    x = trace.values[INPUT].detach()
    with (
        recording(),
        drawing_from(trace.begin, devices_of([*module.parameters(), x])),
        sdpa_kernel(SDPBackend.MATH),
        forward_ad.dual_level(),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings(
            "ignore", "`torch.jit.script` is deprecated"
        )  # PyTorch itself, at the first dual number
        carrying = _Carrying(target)
        try:
            passed = carrying.run(twin(module), x, replace(trace, values={}, aliases={}, output=None))
            score, slope = _unpacked(targets.select(target, passed)[1])
        except NotImplementedError as error:
            raise QuestionError(
                "An operation of this model has no forward derivative in PyTorch, so its constant part is not known: "
                f"{str(error)[:200]}. Choose another method."
            ) from error
        reading = score.item() - (0.0 if slope is None else slope.item())
    slopes = differentiate(Trace(values=carrying.restarts), score, tuple(carrying.restarts), keep_graph=False)
    parts = {site: (carrying.constants.get(site), slope) for site, slope in slopes.items()}
    layers = {site: part * slope for site, (part, slope) in parts.items() if part is not None and slope is not None}
    at_input, readings = slopes[INPUT], trace.readings
    return BiasTerms(
        input=torch.zeros_like(x) if at_input is None else x * at_input,
        layers=layers,
        channel_axes={site: readings[site].axis for site in layers},
        reading=reading,
        score=score.item(),
    )


class _Carrying:
    """A pass with dual numbers, in which each site starts anew with its own value as the derivative."""

    def __init__(self, target: Target) -> None:
        self._read = target.at
        self._calls: Counter[str] = Counter()
        self.restarts: dict[Site, Tensor] = {}
        """What goes on from each site: the gradient there counts what comes after the site alone."""
        self.constants: dict[Site, Tensor] = {}
        """β at each site where it is more than rounding."""

    def run(self, watched: nn.Module, x: Tensor, passed: Trace) -> Trace:
        """The pass, with what the target is read from."""
        for path, part in watched.named_modules():
            part.register_forward_hook(self._hook(path, passed))
        self.restarts[INPUT] = x.clone().requires_grad_()
        passed.values[INPUT] = _dual(self.restarts[INPUT].clone(), x.clone())
        passed.output = watched(passed.values[INPUT].clone())
        return passed

    def _hook(self, path: str, passed: Trace) -> Callable[[nn.Module, object, object], object]:
        def after(_part: nn.Module, _inputs: object, output: object) -> object:
            call = self._calls[path]
            self._calls[path] += 1
            return map_tensors(output, lambda item, raw: restarted(Site(path, call, item), raw))

        def restarted(site: Site, raw: Tensor) -> Tensor:
            if not raw.is_floating_point():
                return raw
            goes_on = self._restarted(site, raw)
            if site == self._read:
                passed.values[site] = goes_on.clone()
            return goes_on

        return after

    def _restarted(self, site: Site, raw: Tensor) -> Tensor:
        value, came = _unpacked(raw)
        constant = (value if came is None else value - came).detach().clone()
        if constant.abs().max() > ROUNDING * value.abs().max():
            self.constants[site] = constant
        fresh = value.clone() if value.requires_grad else value.detach().clone().requires_grad_()
        self.restarts[site] = fresh
        return _dual(fresh.clone(), value.detach().clone())


def _dual(value: Tensor, slope: Tensor) -> Tensor:
    made: Tensor = forward_ad.make_dual(value, slope)  # type: ignore[no-untyped-call]
    return made


def _unpacked(dual: Tensor) -> tuple[Tensor, Tensor | None]:
    """The value, and the derivative that comes with it."""
    value, slope = forward_ad.unpack_dual(dual)  # type: ignore[no-untyped-call]
    return value, slope
