"""A twin whose layers keep what goes into them, so that each layer's own part of a gradient is a value of its own.

A value that several layers use gets a gradient from each of them. Before each layer, its input passes two small
modules: ``WholeInput`` returns it as it is, which makes it a site where no module returned it (a sum, say), and
``PartOfInput`` returns a clone that this layer alone uses. The gradient at the first is the whole one, that at the
second what comes through this layer.
"""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor, nn

from gradviz_core.tracing.authors import AuthorsModule
from gradviz_core.tracing.nested import map_tensors
from gradviz_core.tracing.twin import twin
from gradviz_core.types import Site
from gradviz_core.types.backward import GATE


class WholeInput(nn.Module):
    """What comes in, unchanged."""

    def forward(self, x: Tensor) -> Tensor:
        """``x`` itself."""
        return x


class PartOfInput(nn.Module):
    """A clone."""

    def forward(self, x: Tensor) -> Tensor:
        """A clone of ``x``."""
        return x.clone()


WHOLE, PART = WholeInput.__name__, PartOfInput.__name__


class _Gate(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.whole, self.part = WholeInput(), PartOfInput()

    def forward(self, x: Tensor) -> Tensor:
        part: Tensor = self.part(self.whole(x))
        return part


def gated(module: nn.Module) -> nn.Module:
    """A twin of the module with a gate before each layer: each part that has no parts, and each attention.

    Raises:
        QuestionError: as ``twin`` does.
    """
    copied = twin(module)
    for layer in [part for part in copied.modules() if is_layer(part)]:
        layer.add_module(GATE, _Gate())
        layer.register_forward_pre_hook(_through_gate, prepend=True, with_kwargs=True)
    return copied


def is_layer(part: nn.Module) -> bool:
    """Whether a module is one step of the pass: what it computes is not seen in more detail. The layers of an exported
    program are none: it computes their values itself, and only shows them."""
    if isinstance(part, AuthorsModule):
        return False
    return isinstance(part, nn.MultiheadAttention) or not any(True for _ in part.children())


def layer_of(site: Site) -> str:
    """The path of the layer that a site of its gate belongs to."""
    return site.path.rsplit(GATE, 1)[0].removesuffix(".")


def _through_gate(
    layer: nn.Module, args: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Each tensor that has a gradient once: attention gets the same one three times."""
    passed: dict[int, Tensor] = {}
    gate = layer.get_submodule(GATE)

    def through(_: str, tensor: Tensor) -> Tensor:
        if not (tensor.is_floating_point() or tensor.is_complex()):
            return tensor
        if id(tensor) not in passed:
            passed[id(tensor)] = gate(tensor)
        return passed[id(tensor)]

    return cast(tuple[tuple[Any, ...], dict[str, Any]], map_tensors((args, named), through))
