"""The code of the pictures of the flow: norms at every site, and of the gradient of every parameter."""

from __future__ import annotations

from gradviz_core.drawing.captions import score_words
from gradviz_core.drawing.snippets.program import MAP_TENSORS, Block, comment, program, quoted
from gradviz_core.drawing.snippets.scores import inside, score
from gradviz_core.drawing.snippets.setting import Setting, model, numbers, picture
from gradviz_core.types import INPUT, FlowAnswer, Target, layouts

_NUMPY, _TORCH = "import numpy as np", "import torch"
_WATCH = """kept = []  # each value, in order of execution
passed_on = {}


def keep(module, inputs, output):
    return map_tensors(keep_one, output)


def keep_one(value):
    if id(value) in passed_on and value._version == 0:  # PyTorch counts the writes to a tensor
        return value  # a container returns the output of its last layer, which is already kept
    kept.append(value)
    clone = value.clone()
    passed_on[id(clone)] = clone
    return clone


"""
_HOOKS = """for module in model.modules():
    module.register_forward_hook(keep)"""
_HOOKS_OF_EXPORTED = """for module in model.modules():
    if not isinstance(module, torch.fx.GraphModule):  # a part of the graph, not a layer
        module.register_forward_hook(keep)"""
RUN = "output = model(x)"
_DEAD = """def dead_share(value, axis):
    if value.ndim < 2 or not bool((value >= 0).all()):
        return float("nan")  # only outputs that are never negative can be dead
    units = (value != 0).movedim(axis, 0).flatten(1)
    return 1 - units.any(dim=1).double().mean().item()"""


_NORM = """def norm(tensor):
    if tensor is None or not (tensor.is_floating_point() or tensor.is_complex()):
        return float("nan")  # no gradient, or integers
    length = tensor.detach().abs().double().norm().item()
    return length if np.isfinite(length) else float("inf")  # it contains NaN or infinity"""


def strip(setting: Setting, target: Target) -> str:
    """``shown`` is the norm of the gradient at each site, in order of execution; NaN where there is none. Containers
    that only return the output of their last layer are left out."""
    score = score_words(target, setting.card.labels)
    about = f"How strongly {score} depends on each layer output: the L2 norm of its gradient."
    return program(about, *passes(setting, target), Block(("shown = gradient_norms",)))


def sites(setting: Setting, target: Target) -> str:
    """``shown`` has a row for each site, as ``strip`` has: norm of the activation, norm of the gradient, share of dead
    units."""
    infos = [info for info in setting.sites if info.same_as is None and info.site != INPUT]
    axes = [layouts.channel_axis(info) for info in infos]
    about = (
        f"Norms of activations, norms of the gradient of {score_words(target, setting.card.labels)}, "
        "and shares of dead units, at every layer output in order of execution."
    )
    dead = Block(
        (
            comment("A unit is dead if it is zero at every position. The axis of each value that counts its units:"),
            f"axes = {wrapped([str(axis) for axis in axes])}",
            "",
            "",
            _DEAD,
            "",
            "",
            "activation_norms = np.array([norm(value) for value in kept])",
            "dead_shares = np.array([dead_share(value, axis) for value, axis in zip(kept, axes)])",
            "shown = np.column_stack([activation_norms, gradient_norms, dead_shares])",
        )
    )
    return program(about, *passes(setting, target), dead)


def parameters(setting: Setting, answer: FlowAnswer) -> str:
    """``shown`` has a row for each parameter of the answer: the norm of its gradient, NaN where none arrives, and its
    own norm."""
    target = answer.target
    about = f"The L2 norms of the gradient of {score_words(target, setting.card.labels)} and of every parameter."
    names = wrapped([quoted(parameter.name) for parameter in answer.parameters])
    listed = Block(
        (
            comment("The parameters, in the order in which the layers that hold them run."),
            f"names = {names}",
            "parameters = dict(model.named_parameters())",
            "wanted = [parameters[name].requires_grad_() for name in names]",
        )
    )
    run = Block((comment("Forward."), "output = model(x)"))
    back = Block(
        (
            comment("The gradient of every parameter; None where the score does not depend on it."),
            "gradients = torch.autograd.grad(score, wanted, allow_unused=True)",
            "",
            "",
            _NORM,
            "",
            "",
            "norms = [[norm(gradient), norm(parameter)] for gradient, parameter in zip(gradients, wanted)]",
            "shown = np.array(norms)",
        ),
        (_NUMPY, _TORCH),
    )
    start = picture(setting), numbers(setting), model(setting, by_layer=setting.exported)
    return program(about, *start, listed, run, score(target, setting), back)


def passes(setting: Setting, target: Target, *, again: bool = False) -> tuple[Block, ...]:
    """``kept``, every value, ``gradients`` and ``gradient_norms``. The target is read from what the model returns. The
    graph stays where there will be gradients ``again``."""
    assert inside(target) is None, "the flow page has no other targets"
    watch, back = watched(setting), backward(again=again)
    norms = ("", "", _NORM, "", "", "gradient_norms = np.array([norm(gradient) for gradient in gradients])")
    start = picture(setting), numbers(setting), model(setting, by_layer=True)
    return (
        *start,
        Block((*watch.lines, RUN), watch.imports, watch.functions),
        score(target, setting),
        Block((*back.lines, *norms), (_NUMPY, *back.imports)),
    )


def watched(setting: Setting) -> Block:
    """Hooks on ``model`` that put every value into ``kept`` as it runs."""
    why = (
        "Forward pass that keeps every value. The hooks return clones, so later in-place operations change the clones "
        "and not the kept values."
    )
    hooks = _HOOKS_OF_EXPORTED if setting.exported else _HOOKS
    return Block((comment(why), _WATCH + hooks), (_TORCH,), (MAP_TENSORS,))


def backward(*, again: bool) -> Block:
    """``gradients`` of ``score`` with respect to what is ``kept``."""
    stays = ", retain_graph=True" if again else ""
    lines = (
        comment("All gradients at once; None where the score does not depend on the value."),
        "reached = [value for value in kept if value.requires_grad]",
        f"gradients = torch.autograd.grad(score, reached, allow_unused=True{stays})",
        "of = {id(value): gradient for value, gradient in zip(reached, gradients)}",
        "gradients = [of.get(id(value)) for value in kept]",
    )
    return Block(lines, (_TORCH,))


def wrapped(items: list[str]) -> str:
    """A list on lines of at most 100 characters."""
    lines, line = [], "   "
    for item in items:
        if len(line) + len(item) > 98:
            lines.append(line)
            line = "   "
        line += f" {item},"
    return "[\n" + "\n".join([*lines, line]) + "\n]"
