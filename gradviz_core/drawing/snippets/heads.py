"""The code of attention weights: one row of each head, over the image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradviz_core.drawing.head_words import What
from gradviz_core.drawing.snippets.program import Block, comment, program
from gradviz_core.drawing.snippets.scores import inside, score_of
from gradviz_core.drawing.snippets.setting import Setting, model, numbers, picture
from gradviz_core.types import AttendingAnswer
from gradviz_core.types.attending import MEAN
from gradviz_core.types.attention_code import FORMED
from gradviz_core.types.patches import PADDING


def head_map(setting: Setting, answer: AttendingAnswer, number: int, head: int, what: What) -> str:
    """``shown`` is the row of one head over the patches, (rows, columns), NaN where the token does not attend; (1,
    tokens) where no grid is known."""
    layer = answer.layers[number]
    if not layer.windows:
        last = (f"shown = attending({number}, {_asks(answer, number)})[None, {head}].numpy()",)
    else:
        last = (f"shown = over_image({_call(answer, number)})[{head}].numpy()",)
    return _program(setting, answer, what, last, 'float("nan")')


def head_maps(setting: Setting, answer: AttendingAnswer, what: What, cells: int, *, each: bool) -> str:
    """``shown`` is every head of every layer, (N, cells, cells), the nearest patch for each cell; ``each`` divided by
    its largest magnitude, or as it is. Outside of the window it is 0."""
    scaled = " / (np.abs(one).max() or 1)" if each else ""
    calls = [f"    ({_call(answer, number)})," for number, layer in enumerate(answer.layers) if layer.windows]
    last = (
        comment("Number of the layer, windows, the token that asks, rows and columns, the patch of each key."),
        "layers = [",
        *calls,
        "]",
        "shown = []",
        "for layer in layers:",
        "    for one in over_image(*layer).numpy():",
        f"        down, across = (((np.arange({cells}) + 0.5) * n / {cells}).astype(int) for n in one.shape)",
        f"        shown.append(one[down][:, across]{scaled})",
        "shown = np.stack(shown)",
    )
    return _program(setting, answer, what, last, "0.0", ("import numpy as np",))


def _program(
    setting: Setting,
    answer: AttendingAnswer,
    what: What,
    last: tuple[str, ...],
    outside: str,
    imports: tuple[str, ...] = (),
) -> str:
    labels = setting.card.labels
    about = (
        "Attention weights"
        if what == "weights"
        else f"Attention weights times the gradient of {answer.target.words(labels)}"
    )
    filled_up = any(isinstance(_token(answer, number), list) for number in range(len(answer.layers)))
    of_some = (
        "    if isinstance(token, list):  # the mean over these, all but padding, with the keys of all windows",
        "        shares = torch.zeros(windows * matrices.shape[2])",
        "        shares[token] = 1 / len(token)",
        "        return (matrices * shares.reshape(windows, 1, -1, 1)).sum(2).transpose(0, 1).flatten(1)",
    )
    lines = (
        *FORMED,
        *_products(what),
        "",
        "",
        "def attending(number, windows, token):  # a row for each head, (heads, keys)",
        "    matrices = found[number].detach().flatten(0, -3)",
        "    matrices = matrices.reshape(windows, -1, *matrices.shape[1:])",
        "    if token is None:  # the mean over all tokens, with the keys of all windows",
        "        return (matrices.mean(2) / windows).transpose(0, 1).flatten(1)",
        *(of_some if filled_up else ()),
        "    return matrices[token // matrices.shape[2], :, token % matrices.shape[2]]",
        "",
        "",
        "def over_image(number, windows, token, rows, columns, patches):",
        "    row, patches = attending(number, windows, token), torch.tensor(patches)",
        f"    shown = torch.full((len(row), rows * columns), {outside})",
        "    shown[:, patches[patches >= 0]] = row[:, patches >= 0]",
        "    return shown.reshape(-1, rows, columns)",
        "",
        "",
        *last,
    )
    return program(
        f"{about}: one row of each head.",
        picture(setting),
        numbers(setting),
        model(setting, by_layer=inside(answer.target) is not None),
        *score_of(setting, answer.target),
        Block(lines, ("import torch", *imports)),
    )


def _products(what: What) -> tuple[str, ...]:
    if what == "weights":
        return ("found = attention",)
    return (
        "slopes = torch.autograd.grad(score, attention, allow_unused=True, materialize_grads=True)",
        "found = [weights * slope for weights, slope in zip(attention, slopes)]",
    )


def _asks(answer: AttendingAnswer, number: int) -> str:
    return f"{max(1, answer.layers[number].windows)}, {_token(answer, number)}"


def _token(answer: AttendingAnswer, number: int) -> int | list[int] | None:
    """The token that asks; None for the mean over all, a list for the mean over all but padding."""
    if answer.queries[number] != MEAN:
        return answer.queries[number]
    patches = answer.arrays[f"queries/{answer.layers[number].site}"]
    return np.flatnonzero(patches != PADDING).tolist() if (patches == PADDING).any() else None


def _call(answer: AttendingAnswer, number: int) -> str:
    """The arguments of ``over_image``."""
    layer = answer.layers[number]
    patches = [int(patch) for patch in answer.arrays[f"keys/{layer.site}"]]
    return f"{number}, {_asks(answer, number)}, {layer.rows}, {layer.columns}, {_numbers(patches)}"


def _numbers(patches: Sequence[int]) -> str:
    """A list in code: short where all patches follow in order on tokens that are none."""
    before = next((at for at, patch in enumerate(patches) if patch >= 0), len(patches))
    if list(patches[before:]) == list(range(len(patches) - before)):
        first = "[-1] + " if before == 1 else f"[-1] * {before} + " if before else ""
        return f"{first}list(range({len(patches) - before}))"
    return str(list(patches))
