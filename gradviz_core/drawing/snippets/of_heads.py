"""The score that is read from what a model returns: a row of classes, a map, or boxes."""

from __future__ import annotations

from typing import assert_never

from gradviz_core.drawing.captions import class_text
from gradviz_core.drawing.snippets.program import Block, comment, quoted
from gradviz_core.drawing.snippets.setting import Setting
from gradviz_core.types import BoxScore, ClassDifference, ClassScore, CrossEntropy, RegionScore, ScoreScale
from gradviz_core.types.head_forms import meant
from gradviz_core.types.heads import (
    Head,
    HeadForm,
    HeadInfo,
    OutputKind,
    Position,
    PredictedMask,
    Rectangle,
    WholeMap,
)

_TORCH = ("import torch",)


def of_row(target: ClassScore | ClassDifference | CrossEntropy, setting: Setting) -> Block:
    """``score``, from one row of classes."""
    shares = isinstance(target, CrossEntropy) or (isinstance(target, ClassScore) and target.scale != "logit")
    info = info_of_head(setting, target.head, "row")
    kind = kind_of_head(info, target.head, as_shares=shares)
    name, lines = row(setting, target.head, kind)
    match target:
        case ClassScore(index=index, scale=scale, against=against):
            return Block((*lines, _chosen(setting, index, name), *_score(name, kind, scale, against=against)), _TORCH)
        case ClassDifference(index=index, other=other):
            last = f"score = {name}[index] - {name}[{other}]"
            return Block((*lines, _chosen(setting, index, name), last))
        case CrossEntropy(label=label):
            one = info.classes == 1 and kind != "softmax_logits"
            chosen = "index = 0  # the only number" if one else _chosen(setting, label, name)
            log_p = _score(name, kind, "log_probability", against=one and label == 0)
            return Block((*lines, chosen, *log_p, "score = -score  # cross-entropy, in nats"), _TORCH)
        case _:
            assert_never(target)


def of_map(target: RegionScore, setting: Setting) -> Block:
    """``score``, over a region of a map."""
    mask = isinstance(target.region, PredictedMask)
    info = info_of_head(setting, target.head, "map")
    kind = kind_of_head(info, target.head, as_shares=mask or target.scale != "logit")
    take = f"maps = output{output_item(info.item)}[0]  # {info.shape[1:]}: classes, height, width"
    region = _region(target, info, kind)
    everywhere = "" if mask else region
    most = f"index = int(maps.argmax(0){everywhere}.flatten().bincount().argmax())  # predicted at most positions"
    chosen = most if target.index is None else _named(setting, target.index)
    lines = _score("maps", kind, target.scale, result="scores")
    reduced = "" if isinstance(target.region, Position) else f".{target.reduce}()"
    return Block((take, chosen, *lines, f"score = scores{region}{reduced}"), _TORCH)


def of_boxes(target: BoxScore, setting: Setting) -> Block:
    """``score``, at a box or over all."""
    info = info_of_head(setting, target.head, "boxes")
    kind = kind_of_head(info, target.head, as_shares=target.scale != "logit")
    last = info.shape[2] > info.shape[1] if target.boxes_last is None else target.boxes_last
    turned = "" if last else ".T"
    lines = [f"boxes = output{output_item(info.item)}[0]{turned}[{target.skip}:]  # (classes, boxes)"]
    strongest = "boxes.amax(1)" if target.box is None else f"boxes[:, {target.box}]"
    if target.index is None:
        lines.append(f"index = int({strongest}.argmax())  # the class with the largest score there")
    else:
        lines.append(_named(setting, target.index))
    scores = _score("boxes", kind, target.scale, result="scores")
    where = f"[{target.box}]" if target.box is not None else f".{target.reduce}()"
    return Block((*lines, *scores, f"score = scores{where}"), _TORCH)


def row(setting: Setting, head: Head, kind: OutputKind) -> tuple[str, tuple[str, ...]]:
    """The name of the row of scores, and the line that takes it out of ``output``."""
    info = info_of_head(setting, head, "row")
    name = "logits" if kind in ("softmax_logits", "sigmoid_logits") else "numbers"
    taken = {0: ".reshape(1)", 1: ""}.get(len(info.shape), f"[{head.row or 0}]")
    return name, (f"{name} = output{output_item(info.item)}{taken}",)


def shares(name: str, kind: OutputKind) -> str:
    """The probability of each class, in double precision; plain numbers as they are."""
    return f"{name}.double()" + {
        "softmax_logits": ".softmax(dim=0)",
        "sigmoid_logits": ".sigmoid()",
        "log_probabilities": ".exp()",
    }.get(kind, "")


def info_of_head(setting: Setting, head: Head, form: HeadForm) -> HeadInfo:
    """What the survey says of the head that is meant."""
    infos = {info.item: info for info in setting.heads}
    item = head.item if head.item is not None else meant({i: info.shape for i, info in infos.items()}, form)
    assert item is not None, "the target was answered, so there is such a head"
    return infos[item]


def kind_of_head(info: HeadInfo, head: Head, *, as_shares: bool) -> OutputKind:
    """What its numbers are."""
    if head.reading is not None:
        return head.reading
    guessed = info.known_from == "guess" and info.reading == "numbers"
    return "sigmoid_logits" if guessed and as_shares else info.reading


def output_item(item: str) -> str:
    """``[0]`` for an element of a tuple, ``["out"]`` for one of a dictionary, one after the other when nested."""
    return "".join(f"[{part}]" if part.isdigit() else f"[{quoted(part)}]" for part in item.split(".") if part)


# ---------------------------------------------------------------------------------------------------------------- parts


def _chosen(setting: Setting, index: int | None, name: str) -> str:
    if index is None:
        return f"index = int({name}.argmax())  # the predicted class"
    return _named(setting, index)


def _named(setting: Setting, index: int) -> str:
    labels = setting.card.labels
    return f"index = {index}" + (f"  {comment(class_text(index, labels)[:60])}" if index < len(labels) else "")


def _score(
    name: str, kind: OutputKind, scale: ScoreScale, *, against: bool = False, result: str = "score"
) -> list[str]:
    """Lines that end with ``result``, of class ``index`` or against it, from what has the classes on its first axis."""
    number = f"{name}[index]"
    if scale == "logit":
        said = "  # its logit" if kind in ("softmax_logits", "sigmoid_logits") else ""
        return [f"{result} = {'-' if against else ''}{number}{said}"]
    words = "log-probability" if scale == "log_probability" else "probability"
    said = f"  # the {words} that it is not" if against else f"  # its {words}"
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


def _region(target: RegionScore, info: HeadInfo, kind: OutputKind) -> str:
    """The index that takes the region out of a map."""
    match target.region:
        case WholeMap():
            return ""
        case Position(row=row, column=column):
            return f"[{row}, {column}]"
        case Rectangle(rows=rows, columns=columns):
            return f"[{rows[0]}:{rows[1] + 1}, {columns[0]}:{columns[1] + 1}]"
        case PredictedMask():
            if info.classes > 1:
                return "[maps.argmax(0) == index]"
            return f"[{share_of_map(kind)} > 0.5]"
        case _:
            assert_never(target.region)
