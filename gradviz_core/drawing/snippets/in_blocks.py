"""The lines that reduce ``shown`` to what is drawn of a picture with more positions than a screen can show."""

from __future__ import annotations

from gradviz_core.drawing.snippets.program import comment
from gradviz_core.types.blocks import Blocks


def in_blocks(code: str, blocks: Blocks | None) -> str:
    """The program, and at its end the lines that reduce ``shown`` to what is drawn. Of (H, W) or (C, H, W) that is the
    number of each block that is largest in magnitude, with its sign; of a picture (H, W, 3), whose blocks pick no
    place, the means. The same program where there are no blocks."""
    if blocks is None:
        return code
    lines = _means(blocks) if blocks.picked is None else _largest(blocks)
    needed = [] if blocks.picked is None or "import torch\n" in code else ["import torch", ""]
    return code + "\n".join(["", *needed, *lines, ""])


def part(code: str, corner: tuple[int, int], size: tuple[int, ...]) -> str:
    """The program, and at its end the line that keeps so many rows and columns of ``shown``, from ``corner`` on."""
    (top, left), (rows, columns) = corner, size
    return f"{code}\nshown = shown[{top} : {top + rows}, {left} : {left + columns}]  # around the chosen position\n"


def positions_in_blocks(code: str, blocks: Blocks | None) -> str:
    """The program of a predicted map, whose ``maps`` holds the scores (K, H, W), and at its end the lines that keep the
    position of each block whose largest score is largest in magnitude."""
    if blocks is None:
        return code
    pool = f"torch.nn.functional.max_pool2d(%s[None], {(blocks.height, blocks.width)}, ceil_mode=True, "
    lines = [
        comment(
            f"More positions than a screen can show: of each block of {blocks.size}, the one whose score is largest in "
            "magnitude."
        ),
        "scores = maps.amax(0)",
        f"highest, above = {pool % 'scores'}return_indices=True)",
        f"lowest, below = {pool % '-scores'}return_indices=True)",
        "shown = shown.reshape(-1)[torch.where(highest >= lowest, above, below)[0].numpy()]",
    ]
    needed = [] if "import torch\n" in code else ["import torch", ""]
    return code + "\n".join(["", *needed, *lines, ""])


def _largest(blocks: Blocks) -> list[str]:
    size = (blocks.height, blocks.width)
    return [
        comment(
            f"More values than a screen can show: of each block of {blocks.size}, the value that is largest in "
            "magnitude, with its sign."
        ),
        'whole = torch.from_numpy(shown.astype("float32")).reshape(-1, *shown.shape[-2:])',
        f"highest = torch.nn.functional.max_pool2d(whole, {size}, ceil_mode=True)",
        f"lowest = -torch.nn.functional.max_pool2d(-whole, {size}, ceil_mode=True)",
        "cells = torch.where(highest >= -lowest, highest, lowest)",
        "shown = cells.reshape(*shown.shape[:-2], *cells.shape[1:]).numpy()",
    ]


def _means(blocks: Blocks) -> list[str]:
    rows, columns = f"range(0, {blocks.rows}, {blocks.height})", f"range(0, {blocks.columns}, {blocks.width})"

    def sums(of: str) -> str:
        return f"np.add.reduceat(np.add.reduceat({of}, {rows}), {columns}, axis=1)"

    return [
        comment(f"More pixels than a screen can show: the mean of each block of {blocks.size}, in whole levels."),
        f"sums = {sums('shown.astype(np.uint32)')}",
        f"counts = {sums('np.ones(shown.shape, np.uint32)')}",
        "shown = np.rint(sums / counts).astype(np.uint8)",
    ]
