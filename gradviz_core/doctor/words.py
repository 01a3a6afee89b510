"""What each finding says, and its repair as code."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import dedent

from gradviz_core.findings import Cause, Level

_MOST_NAMES = 6

_WHY: dict[Cause, str] = {
    "detach": "The value is detached here (.detach() or .data): what comes after computes with its numbers, and "
    "nothing flows back through it.",
    "no_grad": "This runs where recording is switched off (no_grad, inference_mode or set_grad_enabled(False)), so "
    "PyTorch knows of no way back through it.",
    "integer": "The value becomes whole numbers here, which have no gradient; making them floats again does not bring "
    "it back.",
    "non_differentiable": "This operation (a comparison, an index, or one without a derivative) gives a result that "
    "jumps instead of moving, so no gradient passes.",
    "zero_derivative": "The derivative of this operation is zero here, so what flows back is exactly zero.",
    "rewrapped": "The numbers are taken out of PyTorch here (item, tolist, float, a new tensor or parameter made of "
    "them) and come back as data without a past.",
    "in_place_leaf": "A leaf that requires a gradient is written to in place. PyTorch refuses; where it does not "
    "require one, the caller's own data is overwritten.",
    "in_place_needed": "A value that the backward pass needs is overwritten in place here, so loss.backward() raises.",
    "frozen": "requires_grad is False, so no gradient is computed. That is right where they are meant to stay as they "
    "are.",
    "unused": "Nothing of it reaches the loss, so its gradient stays None.",
    "dead": "Units of this ReLU are zero for everything in the batch: their derivative is zero, and what comes before "
    "them stops learning.",
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
        # Take it out of torch.no_grad(), or record within:
        with torch.enable_grad():
            h = layer(h)
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
    "zero_derivative": """
        # Round forward, and let the gradient pass straight through:
        h = h + (torch.round(h) - h).detach()
        # For sign and clamp, something that bends instead:
        h = torch.tanh(h / temperature)
        """,
    "rewrapped": """
        # Stay in torch from one end to the other:
        scale = h.mean()  # not h.mean().item()
        h = scale.expand(4, 8)  # not torch.full((4, 8), scale)
        rows = torch.stack(rows)  # not torch.tensor(rows)
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
    "unused": """
        # Call it in forward and use what it returns, or take it out of __init__.
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


def listed(names: Sequence[str]) -> str:
    """``a, b and c``; of many the first few, and how many more."""
    if len(names) > _MOST_NAMES:
        return f"{', '.join(names[: _MOST_NAMES - 1])} and {len(names) - _MOST_NAMES + 1} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def sentence(cause: Cause, level: Level, lost: Sequence[str], weakened: Sequence[str], more: str) -> str:
    """What happens, and to what."""
    parts = [_WHY[cause], more]
    if lost and cause in ("frozen", "unused", "in_place_leaf", "in_place_needed", "not_finite"):
        parts.append(f"It concerns {listed(lost)}.")
    elif lost:
        parts.append(f"No gradient, or one of zero, reaches {listed(lost)}.")
    if weakened and not lost and cause in ("detach", "no_grad", "rewrapped"):
        parts.append(
            f"Another way is open, so {listed(weakened)} still get a gradient, which leaves this path out. Where that "
            "is meant (a fixed target, a straight-through estimate), all is well."
        )
    elif weakened:
        parts.append(f"It weakens what reaches {listed(weakened)}.")
    return " ".join(filter(None, parts))


def repair(cause: Cause) -> str:
    """Code that mends it."""
    return dedent(_REPAIRS[cause]).strip()
