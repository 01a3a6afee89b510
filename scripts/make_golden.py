"""Writes tests/golden: small models as this torch exports them, and what they answered then.

The files stay as they are when torch is upgraded, so a format that changes is noticed. Run it again only to add a
model, or to take up a new version of the format beside the old one: ``python -m scripts.make_golden``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from tests.exported.home_made import AnySize, WithoutGradient, built, image

GOLDEN = Path(__file__).parents[1] / "tests" / "golden"
ROOT = str(Path(__file__).parents[1]) + "/"


def main() -> None:
    auto = torch.export.Dim.AUTO
    sizes = {WithoutGradient: None, AnySize: {"x": {0: auto, 2: auto, 3: auto}}}
    GOLDEN.mkdir(exist_ok=True)
    for kind, free in sizes.items():
        module = built(kind)
        x = image() if free is None else image().repeat(2, 1, 1, 1)
        program = torch.export.export(module, (x,), dynamic_shapes=free)
        for node in program.graph.nodes:
            if "stack_trace" in node.meta:  # where the project lies on this machine is nobody's concern
                node.meta["stack_trace"] = node.meta["stack_trace"].replace(ROOT, "")
        name = f"{kind.__name__.lower()}-torch-{torch.__version__.partition('+')[0]}"
        torch.export.save(program, GOLDEN / f"{name}.pt2")
        np.savez_compressed(GOLDEN / f"{name}.npz", **answers(module))  # type: ignore[arg-type]
        print(name, sum(file.stat().st_size for file in GOLDEN.glob(f"{name}.*")), "bytes")


def answers(module: nn.Module) -> dict[str, np.ndarray]:
    """The image, its scores, and how the third of them changes with each pixel."""
    x = image().requires_grad_()
    scores = module(x)
    (slope,) = torch.autograd.grad(scores[0, 2], x)
    return {"image": x.detach().numpy(), "scores": scores.detach().numpy(), "gradient": slope.numpy()}


if __name__ == "__main__":
    main()
