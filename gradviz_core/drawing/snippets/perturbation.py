"""The code of an image that was changed along a gradient, and of the predicted change."""

from __future__ import annotations

from gradviz_core.drawing.captions import score_words
from gradviz_core.drawing.snippets.program import Block, comment, program
from gradviz_core.drawing.snippets.scores import forward, inside, score
from gradviz_core.drawing.snippets.seen import both_sides
from gradviz_core.drawing.snippets.setting import Setting, model, picture
from gradviz_core.types import PerturbationAnswer
from gradviz_core.types.head_code import kind_of_head, row, shares
from gradviz_core.types.heads import USUAL_HEAD
from gradviz_core.types.targets import OfHead

_NUMPY = "import numpy as np"
_SIZES = {"max": "no value by more than", "l2": "by an L2 norm of at most"}
_SHORTER = """# Rounding can make the change too long: then values that were rounded up are rounded down instead.
excess = np.square(whole).sum() - epsilon**2
if excess > 0:
    up = np.flatnonzero(np.abs(whole) > np.abs(change))
    up = up[np.argsort(np.abs(change).flat[up] % 1, kind="stable")]
    saved = np.cumsum(2 * np.abs(whole).flat[up] - 1)
    back = up[: np.searchsorted(saved, excess) + 1]
    whole.flat[back] -= np.sign(whole.flat[back])"""


def after(setting: Setting, answer: PerturbationAnswer, *, difference: bool = False) -> str:
    """``shown`` is the picture that the steps lead to, (H, W, 3), 0 to 255; with ``difference`` how many levels it is
    brighter at each place, summed over the channels, (H, W)."""
    shown = ("shown = whole.sum(axis=0)",) if difference else _shown(setting)
    last = Block((*_whole(answer), *shown), (_NUMPY,))
    return program(_about(setting, answer), *_beginning(setting, answer), _steps(answer), last)


def classes_after(setting: Setting, answer: PerturbationAnswer) -> str:
    """``shown`` has a row for each of the classes of the chart: its probability before and after, in percent; of plain
    numbers the numbers themselves."""
    target = answer.target
    head = target.head if isinstance(target, OfHead) and target.form == "row" else USUAL_HEAD
    kind = kind_of_head(setting.head_info(head, "row"), head, as_shares=False)
    name, taken = row(setting, head, kind)
    times = "" if kind == "numbers" else "100 * "
    both = (
        comment("What the model predicts for both pictures."),
        f"classes = {[one.index for one in answer.prediction]}",
        "predictions = []",
        "for picture in (start, start + torch.from_numpy(whole)[None].float()):",
        "    output = model((picture / 255 - mean) / std)",
        *(f"    {line}" for line in taken),
        f"    predictions.append({times}{shares(f'{name}.detach()', kind)}[classes].numpy())",
        "shown = np.stack(predictions, axis=1)",
        *both_sides(len(answer.prediction), kind),
    )
    last = Block((*_whole(answer), *both), (_NUMPY,))
    return program(_about(setting, answer), *_beginning(setting, answer), _steps(answer), last)


def predicted_and_actual(setting: Setting, answer: PerturbationAnswer) -> str:
    """``shown`` has a row for each size of one step: the size, the change of the score that the gradient predicts, and
    the actual change."""
    sizes = [float(size) for size in answer.arrays["curve_size"]]
    if len(sizes) == 1:
        flat = Block(
            ("shown = np.zeros((1, 3))  # the gradient is zero everywhere, so there is no direction to follow",),
            (_NUMPY,),
        )
        return program(_about(setting, answer), flat)
    lines = (
        comment("One step of each size, along the gradient at the original picture."),
        "first, gradient = score_and_gradient(start)",
        *_scaled(answer, ""),
        "rows = []",
        f"for size in {sizes}:",
        f"    moved = (start {_sign(answer)} size * ({_direction(answer)})).clamp(0, 255)",
        "    predicted = (gradient.double() * (moved - start).double()).sum().item()",
        "    rows.append([size, predicted, score_and_gradient(moved)[0] - first])",
        "shown = np.array(rows)",
    )
    return program(_about(setting, answer), *_beginning(setting, answer), Block(lines, (_NUMPY,)))


def path(setting: Setting, answer: PerturbationAnswer) -> str:
    """``shown`` has a row for the picture as it was, and for each step's: the size of its change, and the change of the
    score. Two more are for the last one in whole levels: the predicted change, and the actual one."""
    size = "change.abs().max()" if answer.question.norm == "max" else "change.norm()"
    lines = (
        *_whole(answer),
        comment("How far each picture is from the first one, and how much its score differs."),
        "first, gradient = score_and_gradient(start)",
        "rows = []",
        "for picture in [*path, start + torch.from_numpy(whole)[None].float()]:",
        "    change = (picture - start).double()",
        f"    rows.append([{size}.item(), score_and_gradient(picture)[0] - first])",
        comment("The change that the gradient at the first picture predicts for the last one."),
        "rows.insert(-1, [rows[-1][0], (gradient.double() * change).sum().item()])",
        "shown = np.array(rows)",
    )
    start = _beginning(setting, answer)
    return program(_about(setting, answer), *start, _steps(answer, keep=True), Block(lines, (_NUMPY,)))


def _about(setting: Setting, answer: PerturbationAnswer) -> str:
    question = answer.question
    return (
        f"The picture changed {'against' if question.away else 'along'} the gradient of "
        f"{score_words(answer.target, setting.card.labels)}, {_SIZES[question.norm]} {question.epsilon} levels of 255."
    )


def _beginning(setting: Setting, answer: PerturbationAnswer) -> tuple[Block, ...]:
    site = inside(answer.target)
    passes = (forward(setting, site), score(answer.target, setting))
    return picture(setting), _levels(setting), model(setting, by_layer=site is not None), _score_and_gradient(passes)


def _levels(setting: Setting) -> Block:
    steps = setting.card.preprocessing
    flip = steps.channels == "bgr" and len(steps.mean) == 3
    mean, std = ([float(v) for v in values] for values in (steps.mean, steps.std))
    lines = (
        comment("The levels of the picture, 0 to 255, in the network's channel order."),
        f"start = transforms.functional.pil_to_tensor(image){'.flip(0)' if flip else ''}[None].float()",
        f"mean, std = torch.tensor({mean})[:, None, None], torch.tensor({std})[:, None, None]",
    )
    return Block(lines, ("import torch",))


def _score_and_gradient(passes: tuple[Block, Block]) -> Block:
    """``score_and_gradient(levels)``, the score and its gradient per level. A hook is put on once, before it."""
    before, _, after_it = "\n".join(block.text for block in passes).partition("output = model(x)")
    hooked = "kept = []" in before
    inner = [
        "x = ((levels / 255 - mean) / std).requires_grad_()",
        *(["kept.clear()"] if hooked else []),
        *f"output = model(x){after_it}".splitlines(),
        "(gradient,) = torch.autograd.grad(score, x)",
        "return score.item(), gradient / (255 * std)",
    ]
    start = [*before.splitlines(), "", ""] if hooked else [comment("The score, and its gradient per level.")]
    imports = tuple(line for block in passes for line in block.imports)
    functions = tuple(text for block in passes for text in block.functions)
    return Block(
        (*start, "def score_and_gradient(levels):", *(f"    {line}" for line in inner)),
        ("import torch", *imports),
        functions,
    )


def _steps(answer: PerturbationAnswer, *, keep: bool = False) -> Block:
    """``levels``, the picture after the steps; with ``keep`` also ``path``, all pictures on the way."""
    made = len(answer.arrays["path_size"]) - 1
    lines = (
        comment("Each step starts where the previous one ended, and is clipped at 0 and 255."),
        f"epsilon, steps = {answer.question.epsilon}, {answer.question.steps}",
        "levels = start",
        *(["path = [start]"] if keep else []),
        f"for _ in range({'steps' if made == answer.question.steps else made}):",
        "    _, gradient = score_and_gradient(levels)",
        *_scaled(answer, "    "),
        f"    levels = (levels {_sign(answer)} (epsilon / steps) * ({_direction(answer)})).clamp(0, 255)",
        *(["    path.append(levels)"] if keep else []),
    )
    return Block(lines, ("import torch",))


def _whole(answer: PerturbationAnswer) -> tuple[str, ...]:
    """``whole``, the change in whole levels, (C, H, W)."""
    return (
        comment("Rounded to whole levels, as in an image file."),
        "change = (levels - start)[0].double().numpy()",
        "whole = np.rint(change)",
        *([_SHORTER] if answer.question.norm == "l2" else []),
    )


def _sign(answer: PerturbationAnswer) -> str:
    return "-" if answer.question.away else "+"


def _direction(answer: PerturbationAnswer) -> str:
    return "gradient.sign()" if answer.question.norm == "max" else "direction / torch.linalg.vector_norm(direction)"


def _scaled(answer: PerturbationAnswer, indent: str) -> tuple[str, ...]:
    if answer.question.norm == "max":
        return ()
    return (f"{indent}direction = gradient / gradient.abs().max()",)


def _shown(setting: Setting) -> tuple[str, ...]:
    steps = setting.card.preprocessing
    planes = "planes = (start[0].double().numpy() + whole).astype(np.uint8)"
    if len(steps.mean) == 1:
        return planes, "shown = np.repeat(planes.transpose(1, 2, 0), 3, axis=2)"
    flip = "[..., ::-1]" if steps.channels == "bgr" else ""
    return planes, f"shown = planes.transpose(1, 2, 0){flip}"
