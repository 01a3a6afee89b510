"""The gradient of an intermediate value: an encoder and a decoder, two convolutions under a loss."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn
from torch.nn import functional

from gradviz_core.lessons.steps import Found, Question, Step, equal, index_of, missing
from gradviz_core.types.lesson_cards import Claim, Picture

# -------------------------------------------------------------------------------------------------------------- shown


def encoder_and_decoder(factor: float, seed: int) -> dict[str, object]:
    torch.manual_seed(seed)
    encoder = nn.Conv2d(3, 16, kernel_size=3, padding=1)
    decoder = nn.Linear(16, 4)
    image = torch.rand(1, 3, 8, 8)

    features = encoder(image)  # shape (1, 16, 8, 8)
    features.retain_grad()  # no leaf: its gradient is kept on demand
    code = features.mean(dim=(2, 3)) * factor  # shape (1, 16)
    code.retain_grad()
    total = decoder(code).sum()
    total.backward()
    return {
        "encoder": encoder,
        "decoder": decoder,
        "total": total,
        "code": code,
        "gradient_of_code": code.grad,
        "gradient_of_features": features.grad,
    }


def features_under_a_loss(label: int, seed: int) -> dict[str, object]:
    torch.manual_seed(seed)
    first = nn.Conv2d(3, 32, kernel_size=3)
    second = nn.Conv2d(32, 64, kernel_size=3)
    linear = nn.Linear(64 * 24 * 24, 10)
    image = torch.rand(1, 3, 28, 28)

    features = second(first(image).relu())  # shape (1, 64, 24, 24)
    features.retain_grad()
    scores = linear(features.flatten(1))
    loss = functional.cross_entropy(scores, torch.tensor([label]))
    loss.backward()
    return {
        "first": first,
        "second": second,
        "linear": linear,
        "scores": scores,
        "loss": loss,
        "gradient": features.grad,
    }


def too_late(factor: float, seed: int) -> dict[str, object]:
    torch.manual_seed(seed)
    encoder = nn.Conv2d(3, 16, kernel_size=3, padding=1)
    decoder = nn.Linear(16, 4)
    image = torch.rand(1, 3, 8, 8)

    code = encoder(image).mean(dim=(2, 3)) * factor
    decoder(code).sum().backward()
    code.retain_grad()  # too late: the gradient went by, and was not kept
    late = code.grad

    # In time: three ways, and a forward pass for each.
    code = encoder(image).mean(dim=(2, 3)) * factor
    code.retain_grad()
    decoder(code).sum().backward()
    retained = code.grad

    code = encoder(image).mean(dim=(2, 3)) * factor
    (asked_for,) = torch.autograd.grad(decoder(code).sum(), code)

    seen: list[torch.Tensor] = []
    code = encoder(image).mean(dim=(2, 3)) * factor
    code.register_hook(seen.append)  # called with the gradient
    decoder(code).sum().backward()
    return {
        "late": late,
        "retained": retained,
        "asked_for": asked_for,
        "hooked": seen[0],
    }


# ------------------------------------------------------------------------------------------------------------ claimed


def _column_sums(found: Found) -> Iterator[Claim]:
    sums = found["decoder"].weight.sum(0, keepdim=True)
    yield equal("The gradient of the code is the column sums of the decoder's weight", found["gradient_of_code"], sums)
    spread = (sums * found["factor"] / 64)[:, :, None, None].expand(1, 16, 8, 8)
    what = f"That of the features is the same, times {found['factor']:g}, spread over 8×8 = 64 positions"
    yield equal(what, found["gradient_of_features"], spread, within=1e-6)


def _probability_minus_one_hot(found: Found) -> Iterator[Claim]:
    shares = found["scores"].softmax(1)
    error = shares - functional.one_hot(torch.tensor([found["label"]]), 10)
    by_hand = (error @ found["linear"].weight).view(1, 64, 24, 24)
    what = "The gradient equals (p − one-hot)·W, where p is the softmax of the scores"
    yield equal(what, found["gradient"], by_hand, within=1e-6)
    yield Claim(
        f"The loss is {found['loss']:.4f} nats: −log p[{found['label']}] = {shares[0, found['label']]:.4f}.",
        abs(float(found["loss"] + shares[0, found["label"]].log())) < 1e-5,
    )


def _late_is_none(found: Found) -> Iterator[Claim]:
    yield missing("Requested after the backward pass, the gradient", found["late"])
    yield equal("autograd.grad returns the gradient that retain_grad keeps", found["asked_for"], found["retained"])
    yield equal("A hook receives the same gradient", found["hooked"], found["retained"])


def _what_code_gets(found: Found) -> int:
    gradient, sums = found["gradient_of_code"], found["decoder"].weight.sum(0, keepdim=True)
    return index_of(torch.equal(gradient, found["code"]), torch.equal(gradient, sums), not gradient.any())


def _below_zero(found: Found) -> int:
    slopes = (found["scores"].softmax(1)[0] - functional.one_hot(torch.tensor(found["label"]), 10)).tolist()
    negative = [number for number, slope in enumerate(slopes) if slope < 0]
    others = [number for number in range(10) if number != found["label"]]
    return ([], others, [found["label"]]).index(negative)


STEPS = (
    Step(
        "An encoder (convolution 3 → 16), the spatial mean times {factor:g}, a linear decoder and a sum. The code in "
        "the middle is not a leaf, so retain_grad is needed to keep its gradient.",
        encoder_and_decoder,
        _column_sums,
        question=Question(
            "total is the sum of the decoder's outputs. What is the gradient of code?",
            (
                "code itself, so it depends on the image.",
                "The column sums of the decoder's weight, whatever the image is.",
                "Zero: code is not a leaf.",
            ),
            _what_code_gets,
            "What comes after code is linear in it: only the decoder's weight is left.",
        ),
        graph_of="total",
        pictures=(
            Picture(
                "bars",
                ("code", "gradient_of_code"),
                "The code and its gradient",
                "∂total/∂code[i] = Σ over k of W[k, i]: it does not depend on the image.",
                "code; total per unit of code",
                labels=("code", "gradient"),
                across="channel",
            ),
        ),
    ),
    Step(
        "Two convolutions, 3 → 32 → 64, and a linear layer. The loss is the cross-entropy for class {label}.",
        features_under_a_loss,
        _probability_minus_one_hot,
        question=Question(
            "The loss is the cross-entropy for class {label}. For which of the ten scores is ∂loss/∂score below zero?",
            ("For none of them.", "For all but that of class {label}.", "Only for that of class {label}."),
            _below_zero,
            "∂loss/∂scores is p − one-hot, where p is the softmax of the scores: a larger score of class {label} "
            "lowers the loss, any other raises it.",
        ),
        graph_of="loss",
        pictures=(
            Picture(
                "tiles",
                ("gradient",),
                "Gradient of the features",
                "∂loss/∂features: 64 channels of 24×24 positions, one tile per channel, all with the same colour "
                "scale.",
                "nats per unit of feature",
            ),
        ),
    ),
    Step(
        "Calling retain_grad after the backward pass is too late.",
        too_late,
        _late_is_none,
        question=Question(
            "code.retain_grad() is called after the backward pass. What is code.grad, named late?",
            ("The gradient of code.", "A tensor of zeros.", "None."),
            lambda found: index_of(
                found["late"] is not None and bool(found["late"].any()),
                found["late"] is not None,
                found["late"] is None,
            ),
            told=True,
        ),
        pictures=(
            Picture(
                "bars",
                ("retained", "asked_for", "hooked"),
                "Three ways that work",
                "∂total/∂code from retain_grad, from autograd.grad and from a hook: the same values.",
                "total per unit of code",
                labels=("retain_grad", "autograd.grad", "hook"),
                across="channel",
            ),
        ),
    ),
)
