"""What each finding says, and its repair as code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent

from gradviz_core.doctor.flow import Event
from gradviz_core.doctor.operations import DETACH, ZERO_DERIVATIVE
from gradviz_core.types.findings import Cause

_MOST_NAMES = 6

_WHY: dict[Cause, str] = {
    "detach": "The value is detached here (.detach() or .data): later operations use its numbers, but no gradient "
    "flows back through it.",
    "no_grad": "This runs with recording switched off (no_grad, inference_mode or set_grad_enabled(False)), so "
    "PyTorch has no path back through it.",
    "integer": "The value is cast to integers here, which have no gradient; a cast back to floats does not restore it.",
    "no_create_graph": "This gradient is computed without create_graph=True, so PyTorch does not record its graph.",
    "no_way_back": "The path to the loss ends here: no gradient is passed on to the inputs of this operation. A "
    "torch.autograd.Function may return None or mark its result as not differentiable, a computation may be "
    "invisible to PyTorch, or the derivative does not depend on the input.",
    "hook": "The gradient changes between two operations here: because of a hook, or of code that the doctor cannot "
    "see (TorchScript, C++).",
    "zero_factor": "A factor on the path is zero everywhere in this pass, so no gradient flows back past it: a "
    "parameter that starts at zero, a dropped path, a squared difference, or the weight of a term of the loss.",
    "cancels": "Several paths meet here and cancel out, so the loss does not change with it.",
    "flat_loss": "The loss is flat at this input: its derivative is zero here, because every margin is met, the "
    "prediction equals its target, or no label counts. No gradient flows back from it, whatever the model is; the "
    "model may be sound.",
    "non_differentiable": "The result of this operation (a comparison, an index, or another without a derivative) "
    "changes in jumps, so no gradient passes.",
    "zero_derivative": "The derivative of this operation is zero here, so exactly zero flows back.",
    "rewrapped": "The numbers leave PyTorch here (item, tolist, numpy, float, a new tensor or parameter made of "
    "them) and return as plain data without a graph.",
    "in_place_leaf": "A leaf that requires a gradient is modified in place. PyTorch raises an error; without "
    "requires_grad, the caller's data would be overwritten.",
    "in_place_needed": "A value that the backward pass needs is overwritten in place here.",
    "frozen": "requires_grad is False, so no gradient is computed. That is right if they are meant to stay frozen.",
    "no_leaf": "It requires a gradient but is not a leaf: it was computed from another tensor. Gradients flow "
    "through it, but its own .grad stays None; a second backward pass raises an error, because the graph before it "
    "has been freed.",
    "unregistered": "It gets a gradient but is not registered: it is stored in a plain list, dictionary, attribute "
    "or object, so parameters() does not list it and no optimizer updates it.",
    "unused": "No path leads from it to the loss, so its gradient stays None. If it was used, the result is never "
    "used, or leaves torch unseen (through a file or another process).",
    "dead": "Units of this rectifier are zero (for a ReLU6: or 6) for the whole batch: their derivative is zero, and "
    "the layers before them stop learning.",
    "saturated": "Inputs of this function are so large that it is flat there: its derivative is below 0.001.",
    "not_finite": "A value or a gradient becomes NaN or infinite here and spreads.",
    "vanishing": "Gradients shrink from the end of the model to its beginning, so the first layers hardly learn.",
    "exploding": "Gradients grow from the end of the model to its beginning, so steps of the first layers overshoot.",
}

_REPAIRS: dict[Cause, str] = {
    "detach": """
        # Remove .detach() or .data and keep the value itself:
        h = layer(h)
        # For a log, detach a copy that is used nowhere else:
        log.append(h.detach().mean())
        """,
    "no_grad": """
        # Move it out of torch.no_grad(), or switch recording on inside (this works in inference mode too):
        with torch.inference_mode(False), torch.enable_grad():
            h = layer(h.clone())  # a copy: a tensor made in inference mode cannot be recorded
        """,
    "no_create_graph": """
        (slope,) = torch.autograd.grad(energy, x, create_graph=True)
        """,
    "no_way_back": """
        class Twice(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x, count):
                return 2 * x

            @staticmethod
            def backward(ctx, slope):
                return 2 * slope, None  # None only for arguments that are not tensors
        """,
    "hook": """
        # The return value of a hook replaces the gradient; look for register_hook and register_full_backward_hook.
        handle = h.register_hook(lambda slope: slope.clamp(-1, 1))
        handle.remove()
        """,
    "zero_factor": """
        # Nothing to do if this is intended, such as a residual branch whose last layer starts at zero. Otherwise:
        nn.init.normal_(layer.weight, std=0.02)
        loss = main + 0.1 * extra  # not 0 * extra
        """,
    "integer": """
        # Keep floats. If you need rounding, let the gradient pass straight through:
        h = h + (h.round() - h).detach()
        """,
    "non_differentiable": """
        # A smooth replacement:
        weights = torch.softmax(scores / temperature, dim=-1)  # for argmax and topk
        gate = torch.sigmoid(h / temperature)  # for h > 0
        """,
    "cancels": """
        layer = nn.Linear(8, 4, bias=False)  # a bias that both sides of a difference share has no effect
        """,
    "flat_loss": """
        # Nothing to fix in the model. Try another input or target, or a wider margin:
        print(gv.diagnose(model, x, lambda out: F.cross_entropy(out, other)))
        loss = F.relu(2.0 - sign * score).mean()  # not 1.0
        """,
    "zero_derivative": """
        # Use a function that is not flat here:
        h = torch.tanh(h / width)  # for a clamp
        weights = torch.softmax(scores / temperature, dim=-1)  # for a saturated softmax
        """,
    "rewrapped": """
        # Stay in torch throughout:
        scale = h.mean()  # not h.mean().item()
        h = scale.expand(4, 8)  # not torch.full((4, 8), scale)
        rows = torch.stack(rows)  # not torch.tensor(rows)
        h = torch.tanh(h)  # not np.tanh(h.detach().numpy())
        """,
    "in_place_leaf": """
        x = x * 2  # not x[:] = x * 2, nor x.mul_(2)
        # or work on a copy:
        x = x.clone()
        x[:] = x * 2
        """,
    "in_place_needed": """
        h = h + 1  # not h += 1, nor h.add_(1)
        # or work on a copy:
        h = h.clone().add_(1)
        """,
    "frozen": """
        for parameter in model.parameters():
            parameter.requires_grad_(True)
        """,
    "no_leaf": """
        p = (torch.randn(5) * 2).requires_grad_()  # a leaf: parameters before it get no gradient
        # or keep the gradient of a tensor that is not a leaf:
        p.retain_grad()
        """,
    "unregistered": """
        self.layers = nn.ModuleList(layers)  # not a plain list; nn.ModuleDict for a dictionary
        self.scale = nn.Parameter(scale)  # not a plain tensor
        """,
    "unused": """
        h = forgotten(h)  # call it in forward and use its result
        del model.forgotten  # or remove it
        """,
    "dead": """
        h = F.leaky_relu(h, 0.01)  # or F.gelu(h)
        # Check the bias before it, the scale of the input and the learning rate.
        """,
    "saturated": """
        h = torch.sigmoid(norm(layer(x)))  # normalise before it
        # If this is the last step before a loss:
        loss = F.binary_cross_entropy_with_logits(scores, labels)
        """,
    "not_finite": """
        # Avoid the point without a slope before the operation, not after it:
        root = torch.sqrt(squares.clamp_min(1e-12))
        logs = torch.log_softmax(scores, dim=1)  # not torch.log(torch.softmax(...))
        safe = torch.where(h > 0, h, 1.0)
        quotient = torch.where(h > 0, 1 / safe, 0.0)
        """,
    "vanishing": """
        # Normalise, add skip connections, and initialise the weights at the right scale:
        h = h + block(norm(h))
        nn.init.kaiming_normal_(layer.weight)
        """,
    "exploding": """
        # Normalise, start from smaller weights, and limit the step:
        h = h + block(norm(h))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        """,
}

_ROUNDING = """
    # Round in the forward pass and let the gradient pass straight through:
    h = h + (torch.round(h) - h).detach()
    # For a sign, use a smooth function instead:
    h = torch.tanh(h / temperature)
    """


RECURRENT = dedent("""
    # Preserve norms from one call to the next, or add a skip connection for the state:
    nn.init.orthogonal_(cell.weight_hh)
    h = h + torch.tanh(layer(h))  # or nn.GRUCell, or nn.LSTMCell with a forget gate that starts open
    """).strip()
"""The repair of what vanishes along the calls of one weight."""

RAISES = "loss.backward() raises an error."
UNNOTICED = "It is done through .data, so PyTorch does not notice: there is no error, and the gradient is wrong."

WRITTEN = (
    "This writes through .detach() or .data: the numbers are stored, but PyTorch does not record where they come "
    "from, so no gradient flows back through them."
)


_OF_THEM: tuple[Cause, ...] = ("frozen", "unused", "no_leaf", "unregistered")
CAUSES = tuple(_REPAIRS)


def listed(names: Sequence[str]) -> str:
    """``a, b and c``; of many the first few, and how many more."""
    if len(names) > _MOST_NAMES:
        return f"{', '.join(names[: _MOST_NAMES - 1])} and {len(names) - _MOST_NAMES + 1} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def sentence(cause: Cause, operation: str, lost: Sequence[str], weakened: Sequence[str], more: str) -> str:
    """What happens, and to what."""
    written = cause == "detach" and operation not in DETACH
    parts = [WRITTEN if written else _WHY[cause], more]
    if lost and cause in (*_OF_THEM, "in_place_leaf", "in_place_needed", "not_finite"):
        parts.append(f"Affected: {listed(lost)}.")
    elif lost:
        parts.append(f"The gradient of {listed(lost)} is missing or zero.")
    get = "gets" if len(weakened) == 1 else "get"
    if weakened and not lost and cause in ("detach", "no_grad", "rewrapped"):
        parts.append(
            f"Another path is open, so {listed(weakened)} still {get} a gradient, which does not include this path. "
            "That is fine if it is intended (a fixed target, a straight-through estimate)."
        )
    elif weakened:
        parts.append(f"It weakens the gradient of {listed(weakened)}.")
    return " ".join(filter(None, parts))


def of_calls(count: int, share: float) -> str:
    """That it is one weight along whose ``count`` calls a gradient vanishes."""
    return (
        f"One weight is used {count} times in a row here: the first of these calls add {share:.0e} times as much to "
        "its gradient as the last ones, so early inputs hardly affect training. For a loop that should converge to "
        "a fixed point, this is expected."
    )


def loss_left(kind: str, out: Event) -> str:
    """That the loss is no tensor, because the call ``out`` took its number out."""
    call = {"__float__": "float(...)", "__array__": ".numpy()"}.get(out.name, f".{out.name}()")
    at = f" at {Path(out.place.file).name}:{out.place.line}" if out.place.line else ""
    return (
        f"The loss is a Python {kind}, which has no gradient: {call}{at} took it out of PyTorch's graph. A loss must "
        f"be a tensor. Remove {call}, and use it only for logging."
    )


def round_trip(out: Event) -> str:
    """That a value is detached only to leave torch, by the call ``out``."""
    at = f" at {Path(out.place.file).name}:{out.place.line}" if out.place.line else ""
    return (
        f"The numbers then leave PyTorch ({out.name.strip('_')}{at}) and return without a graph, so removing the "
        "detach is not enough: compute this part in torch."
    )


def repair(cause: Cause, operation: str) -> str:
    """Code that mends it."""
    rounds = cause == "zero_derivative" and operation in ZERO_DERIVATIVE
    return dedent(_ROUNDING if rounds else _REPAIRS[cause]).strip()
