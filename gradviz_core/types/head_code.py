"""The lines of a program that read a score from a head of what a model returns."""

from __future__ import annotations

from typing import assert_never

from gradviz_core.types.heads import Head, HeadInfo, OutputKind, ScoreScale
from gradviz_core.types.target import Program

TORCH = ("import torch",)


def row(program: Program, head: Head, kind: OutputKind) -> tuple[str, tuple[str, ...]]:
    """The name of the row of scores, and the line that takes it out of ``output``."""
    info = program.head_info(head, "row")
    name = "logits" if kind in ("softmax_logits", "sigmoid_logits") else "numbers"
    taken = {0: ".reshape(1)", 1: ""}.get(len(info.shape), f"[{head.row or 0}]")
    return name, (f"{name} = {program.output(info.item)}{taken}",)


def shares(name: str, kind: OutputKind) -> str:
    """The probability of each class, in double precision; plain numbers as they are."""
    return f"{name}.double()" + {
        "softmax_logits": ".softmax(dim=0)",
        "sigmoid_logits": ".sigmoid()",
        "log_probabilities": ".exp()",
    }.get(kind, "")


def kind_of_head(info: HeadInfo, head: Head, *, as_shares: bool) -> OutputKind:
    """What its numbers are."""
    if head.reading is not None:
        return head.reading
    guessed = info.known_from == "guess" and info.reading == "numbers"
    return "sigmoid_logits" if guessed and as_shares else info.reading


def chosen(program: Program, index: int | None, name: str) -> str:
    """The line that names the class in a row; None is the predicted one."""
    return f"index = int({name}.argmax())  # the predicted class" if index is None else program.index(index)


def score_lines(
    name: str, kind: OutputKind, scale: ScoreScale, *, against: bool = False, result: str = "score"
) -> list[str]:
    """Lines that end with ``result``, of class ``index`` or against it, from what has the classes on its first axis."""
    number = f"{name}[index]"
    if scale == "logit":
        said = "  # its logit" if kind in ("softmax_logits", "sigmoid_logits") else ""
        return [f"{result} = {'-' if against else ''}{number}{said}"]
    words = "log-probability" if scale == "log_probability" else "probability"
    said = (
        f"  # {'log(1 - its probability)' if scale == 'log_probability' else '1 - its probability'}"
        if against
        else f"  # its {words}"
    )
    if kind == "softmax_logits" and against:
        others = f"others = torch.cat([{name}[:index], {name}[index + 1 :]]).logsumexp(0)"
        return [others, f"{result} = {_sigmoid(f'others - {number}', scale)}{said}"]
    return [f"{result} = {_formula(name, kind, scale, against)}{said}"]


def _formula(name: str, kind: OutputKind, scale: ScoreScale, against: bool) -> str:
    number, log = f"{name}[index]", scale == "log_probability"
    match kind:
        case "softmax_logits":
            return f"{name}.log_softmax(0)[index]" if log else f"{name}.softmax(0)[index]"
        case "sigmoid_logits":
            return _sigmoid(f"-{number}" if against else number, scale)
        case "probabilities":
            if against:
                return f"torch.log1p(-{number})" if log else f"1 - {number}"
            return f"{number}.log()" if log else number
        case "log_probabilities":
            if against:
                return f"torch.log(-torch.expm1({number}))" if log else f"-torch.expm1({number})"
            return number if log else f"{number}.exp()"
        case "numbers":
            raise ValueError("plain numbers have no probability")
        case _:
            assert_never(kind)


def share_of_map(kind: OutputKind) -> str:
    """The probability of a single label at each position."""
    match kind:
        case "sigmoid_logits":
            return "maps[0].sigmoid()"
        case "log_probabilities":
            return "maps[0].exp()"
        case "softmax_logits":
            return "maps.softmax(0)[0]"
        case _:
            return "maps[0]"


def _sigmoid(margin: str, scale: ScoreScale) -> str:
    return f"torch.sigmoid({margin})" if scale == "probability" else f"torch.nn.functional.logsigmoid({margin})"
