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
    "detach": "The value is detached here (.detach() or .data): what comes after computes with its numbers, and "
    "nothing flows back through it.",
    "no_grad": "This runs where recording is switched off (no_grad, inference_mode or set_grad_enabled(False)), so "
    "PyTorch knows of no way back through it.",
    "integer": "The value becomes whole numbers here, which have no gradient; making them floats again does not bring "
    "it back.",
    "no_create_graph": "This gradient is computed without create_graph=True, so PyTorch does not know what it was "
    "computed from.",
    "no_way_back": "The way to the loss ends here: no gradient is handed on to what came in. A "
    "torch.autograd.Function may return None or mark its result as not differentiable, something may compute unseen, "
    "or the derivative does not depend on it.",
    "hook": "Between two operations the gradient becomes another here: by a hook, or by something that was not seen at "
    "work (TorchScript, C++).",
    "zero_factor": "A factor on the way is zero everywhere in this pass, so nothing flows back past it: a parameter "
    "that starts at zero, a dropped path, a difference that is squared, the weight of a term of the loss.",
    "cancels": "Several ways come together here and cancel out, so the loss does not move with it.",
    "flat_loss": "The loss is flat at this input: its own derivative is zero here, as it is where every margin is met, "
    "a prediction equals its target, or no label counts. Nothing flows back from it, whatever the model is, and the "
    "model need not have a fault.",
    "non_differentiable": "This operation (a comparison, an index, or one without a derivative) gives a result that "
    "jumps instead of moving, so no gradient passes.",
    "zero_derivative": "The derivative of this operation is zero here, so what flows back is exactly zero.",
    "rewrapped": "The numbers are taken out of PyTorch here (item, tolist, numpy, float, a new tensor or parameter "
    "made of them) and come back as data without a past.",
    "in_place_leaf": "A leaf that requires a gradient is written to in place. PyTorch refuses; where it does not "
    "require one, the caller's own data is overwritten.",
    "in_place_needed": "A value that the backward pass needs is overwritten in place here.",
    "frozen": "requires_grad is False, so no gradient is computed. That is right where they are meant to stay as they "
    "are.",
    "no_leaf": "It requires a gradient but is no leaf: it was computed from something else before. Gradients flow "
    "through it, and its own .grad stays None; a second backward pass raises, because what lies before it is freed.",
    "unregistered": "It gets a gradient, but it is not registered: it is held in a plain list, dictionary, attribute "
    "or object, so parameters() does not list it, and no optimizer that is given these changes it.",
    "unused": "Nothing leads from it to the loss, so its gradient stays None. Where it was used, what was computed "
    "from it goes nowhere, or leaves torch unseen (a file, another process).",
    "dead": "Units of this rectifier are zero (of a ReLU6: or 6) for everything in the batch: their derivative is "
    "zero, and what comes before them stops learning.",
    "saturated": "Inputs of this function are so large that it is flat there: its derivative is under a thousandth.",
    "not_finite": "Here a value or a gradient becomes NaN or infinite, and spreads.",
    "vanishing": "Gradients shrink from the end of the model to its beginning, so that the first layers hardly learn.",
    "exploding": "Gradients grow from the end of the model to its beginning, so that a step of the first layers "
    "overshoots.",
}

_REPAIRS: dict[Cause, str] = {
    "detach": """
        # Take .detach() or .data away, and keep the value itself:
        h = layer(h)
        # For a log, detach what goes nowhere else:
        log.append(h.detach().mean())
        """,
    "no_grad": """
        # Take it out of torch.no_grad(), or record within, which this does in inference mode as well:
        with torch.inference_mode(False), torch.enable_grad():
            h = layer(h.clone())  # a copy: what was made in inference mode cannot be recorded
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
                return 2 * slope, None  # None only for what is no tensor
        """,
    "hook": """
        # What a hook returns takes the place of the gradient; look for register_hook and register_full_backward_hook.
        handle = h.register_hook(lambda slope: slope.clamp(-1, 1))
        handle.remove()
        """,
    "zero_factor": """
        # Nothing to do where it is meant, as the last layer of a residual branch that starts at zero is. Otherwise:
        nn.init.normal_(layer.weight, std=0.02)
        loss = main + 0.1 * extra  # not 0 * extra
        """,
    "integer": """
        # Stay with floats. Where rounding is meant, let the gradient pass straight through:
        h = h + (h.round() - h).detach()
        """,
    "non_differentiable": """
        # A smooth stand-in:
        weights = torch.softmax(scores / temperature, dim=-1)  # for argmax and topk
        gate = torch.sigmoid(h / temperature)  # for h > 0
        """,
    "cancels": """
        layer = nn.Linear(8, 4, bias=False)  # a bias that both sides of a difference share has no effect
        """,
    "flat_loss": """
        # Nothing to repair in the model. Ask about another input or another target, or with a wider margin:
        print(gv.diagnose(model, x, lambda out: F.cross_entropy(out, other)))
        loss = F.relu(2.0 - sign * score).mean()  # not 1.0
        """,
    "zero_derivative": """
        # Something that bends where this one is flat:
        h = torch.tanh(h / width)  # for a clamp
        weights = torch.softmax(scores / temperature, dim=-1)  # for a softmax that is sure
        """,
    "rewrapped": """
        # Stay in torch from one end to the other:
        scale = h.mean()  # not h.mean().item()
        h = scale.expand(4, 8)  # not torch.full((4, 8), scale)
        rows = torch.stack(rows)  # not torch.tensor(rows)
        h = torch.tanh(h)  # not np.tanh(h.detach().numpy())
        """,
    "in_place_leaf": """
        x = x * 2  # not x[:] = x * 2, nor x.mul_(2)
        # or on a copy of your own:
        x = x.clone()
        x[:] = x * 2
        """,
    "in_place_needed": """
        h = h + 1  # not h += 1, nor h.add_(1)
        # or on a copy of your own:
        h = h.clone().add_(1)
        """,
    "frozen": """
        for parameter in model.parameters():
            parameter.requires_grad_(True)
        """,
    "no_leaf": """
        p = (torch.randn(5) * 2).requires_grad_()  # a leaf: what comes before it learns nothing
        # or keep the gradient of what is none:
        p.retain_grad()
        """,
    "unregistered": """
        self.layers = nn.ModuleList(layers)  # not a plain list; nn.ModuleDict for a dictionary
        self.scale = nn.Parameter(scale)  # not a plain tensor
        """,
    "unused": """
        h = forgotten(h)  # call it in forward, and use what it returns
        del model.forgotten  # or take it away
        """,
    "dead": """
        h = F.leaky_relu(h, 0.01)  # or F.gelu(h)
        # Look at the bias before it, the scale of the input, and the learning rate.
        """,
    "saturated": """
        h = torch.sigmoid(norm(layer(x)))  # normalise before it
        # As the last step before a loss:
        loss = F.binary_cross_entropy_with_logits(scores, labels)
        """,
    "not_finite": """
        # Keep away from the place without a slope before the operation, not after:
        root = torch.sqrt(squares.clamp_min(1e-12))
        logs = torch.log_softmax(scores, dim=1)  # not torch.log(torch.softmax(...))
        safe = torch.where(h > 0, h, 1.0)
        quotient = torch.where(h > 0, 1 / safe, 0.0)
        """,
    "vanishing": """
        # Normalise, add skips, and start from weights of the right size:
        h = h + block(norm(h))
        nn.init.kaiming_normal_(layer.weight)
        """,
    "exploding": """
        # Normalise, start from smaller weights, and bound the step:
        h = h + block(norm(h))
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        """,
}

_ROUNDING = """
    # Round forward, and let the gradient pass straight through:
    h = h + (torch.round(h) - h).detach()
    # For a sign, something that bends instead:
    h = torch.tanh(h / temperature)
    """


RECURRENT = dedent("""
    # Keep lengths from one call to the next, or let the state pass beside them:
    nn.init.orthogonal_(cell.weight_hh)
    h = h + torch.tanh(layer(h))  # or nn.GRUCell, or nn.LSTMCell with a forget gate that starts open
    """).strip()
"""The repair of what vanishes along the calls of one weight."""

RAISES = "loss.backward() raises."
UNNOTICED = "It is done through .data, so PyTorch does not notice: no error, and a wrong gradient."

WRITTEN = (
    "This writes through .detach() or .data: the numbers arrive, and PyTorch does not know where they come from, so "
    "nothing flows back through them."
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
        parts.append(f"It concerns {listed(lost)}.")
    elif lost:
        parts.append(f"No gradient, or one of zero, reaches {listed(lost)}.")
    get = "gets" if len(weakened) == 1 else "get"
    if weakened and not lost and cause in ("detach", "no_grad", "rewrapped"):
        parts.append(
            f"Another way is open, so {listed(weakened)} still {get} a gradient, which leaves this path out. Where "
            "that is meant (a fixed target, a straight-through estimate), all is well."
        )
    elif weakened:
        parts.append(f"It weakens what reaches {listed(weakened)}.")
    return " ".join(filter(None, parts))


def of_calls(count: int, share: float) -> str:
    """That it is one weight along whose ``count`` calls a gradient vanishes."""
    return (
        f"Here one weight is called {count} times in a row: what the first of these calls add to its gradient is "
        f"{share:.0e} times as large as what the last add, so what comes in early is hardly learned from. In a loop "
        "that is to come to rest, that is as it should be."
    )


def loss_left(kind: str, out: Event) -> str:
    """That the loss is no tensor, because the call ``out`` took its number out."""
    call = {"__float__": "float(...)", "__array__": ".numpy()"}.get(out.name, f".{out.name}()")
    at = f" at {Path(out.place.file).name}:{out.place.line}" if out.place.line else ""
    return (
        f"The loss is a Python number of the kind {kind}, which has no gradient: {call}{at} took it out of PyTorch's "
        f"graph. A loss must be a tensor. Drop {call}, and call it only for a log."
    )


def round_trip(out: Event) -> str:
    """That a value is detached only to leave torch, by the call ``out``."""
    at = f" at {Path(out.place.file).name}:{out.place.line}" if out.place.line else ""
    return (
        f"Its numbers then leave PyTorch ({out.name.strip('_')}{at}) and come back without a past, so taking the "
        "detach away is not enough: compute this part in torch."
    )


def repair(cause: Cause, operation: str) -> str:
    """Code that mends it."""
    rounds = cause == "zero_derivative" and operation in ZERO_DERIVATIVE
    return dedent(_ROUNDING if rounds else _REPAIRS[cause]).strip()
