"""Names that would be something else than text wherever a page, a figure or a file forgot to escape them; names of the
same lengths that would not; and a model that bears them all."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Sequence

import torch
from PIL import Image
from torch import Tensor, nn

from tests.exported.files import exported_bytes

ELSEWHERE = "elsewhere.invalid"
"""A host that no page and no file may ask for anything."""

NAMES = (
    f"<a href='https://{ELSEWHERE}/1'>click</a>",
    '<a href="javascript:alert(2)" target="_blank">x</a>',
    "<script>alert(3)</script>",
    "</script><script>alert(4)</script>",
    "<img src=x onerror=alert(5)>",
    f"<img src='https://{ELSEWHERE}/6.png'>",
    "<svg onload=alert(7)><circle r=9 /></svg>",
    "<b>bold</b><i>i</i><br>new<sup>2</sup>",
    "a -> b <-> c -- d >= e",
    ":smile: :material/home: :streamlit:",
    "<style>*{display:none}</style>",
    f"<iframe src=https://{ELSEWHERE}/12>",
    "&lt;b&gt;&#60;i&#62;&nbsp;&quot;",
    f"a [gradient](https://{ELSEWHERE}/14)",
    f"![image](https://{ELSEWHERE}/15.png)",
    f"https://{ELSEWHERE}/16",
    f"www.{ELSEWHERE}",
    f"someone@{ELSEWHERE}",
    f"<https://{ELSEWHERE}/19>",
    f"[ref]: https://{ELSEWHERE}/20",
    "# heading",
    "- item",
    "1. first",
    "> quoted",
    "    four spaces",
    "```python",
    "`code` *em* **strong** ~~gone~~",
    "| a | b |",
    "$x^2$ $$\\href{javascript:alert(29)}{x}$$",
    "</text></svg><h1>out</h1>",
    ":red[red] :blue-background[b] :gray-badge[g]",
    "<span style='font-size:99px'>big</span>",
    "%{customdata[0]} %{z} %{meta.width} %{x}",
    '"><b onclick=alert(34)>',
    "' onmouseover='alert(35)",
    '=HYPERLINK("https://' + ELSEWHERE + '/36")',
    "x'); import os  # coding: utf-7 +AAo-import os",
    "../../../../etc/passwd",
    "\u3164\ufe0f\u200bno\u00adwidth\u200d e" + "\u0301" * 9,
    "\\href \\url \\htmlClass{x}{y} {{ x }} ${x}",
)
"""The first twenty stand in the list of a model's classes, which is Markdown."""


def innocent(names: Iterable[str]) -> tuple[str, ...]:
    """As many names, each as long, of letters alone."""
    return tuple((f"n_{i:02d}" + "abcdefgh" * 20)[: max(4, len(name))] for i, name in enumerate(names))


def fit_for_layers(names: Sequence[str]) -> tuple[str, ...]:
    """Those of ``names`` that a file may give to a layer or an output, as far as they may stand there."""
    kept = ["".join(c for c in name if c not in ":[],;." and c.isprintable()).strip() for name in names]
    return tuple(dict.fromkeys(name[:60] for name in kept if name))


class Named(nn.Module):
    """A chain of convolutions that bear names, and two outputs: a row of scores, and a map of them. ``labels`` numbers
    in each."""

    def __init__(self, layers: Sequence[str], outputs: Sequence[str], labels: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers, self.outputs = list(layers), list(outputs)
        for name, sizes in zip(layers, itertools.chain([(3, 4)], itertools.repeat((4, 4))), strict=False):
            self.add_module(name, nn.Sequential(nn.Conv2d(*sizes, 3, padding=1), nn.ReLU()))
        self.score, self.map = nn.Linear(4, labels), nn.Conv2d(4, labels, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = torch.nn.functional.avg_pool2d(x, 4)
        for name in self.layers:
            x = self.get_submodule(name)(x) + x.mean()
        found = (100 * self.score(x.mean((2, 3))), 100 * self.map(x))
        return dict(zip(self.outputs, found, strict=True))


def model_file(names: Sequence[str], side: int = 48) -> bytes:
    """A ``.pt2`` file whose layers and outputs bear those of the names that they may, and which gives one score for
    each."""
    fit = fit_for_layers(names)
    module = Named(fit[2:], fit[:2], len(names))
    return exported_bytes(module, torch.zeros(1, 3, side, side))


def picture(side: int = 48) -> bytes:
    """A picture of noise."""
    pixels = torch.randint(0, 256, (side, side, 3), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
    Image.fromarray(pixels.numpy()).save(file := io.BytesIO(), "PNG")
    return file.getvalue()
