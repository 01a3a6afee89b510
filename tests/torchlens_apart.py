"""TorchLens's record of a pass, in a process of its own: its first use wraps PyTorch's functions for good, and other
tests would meet the wrapped ones. ``python -m tests.torchlens_apart FILE CLASS`` writes value and gradient of each call
of the ReLU, for the score of the class."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch
from torch import Tensor

from tests.awkward_layers import made

ROOT = Path(__file__).parents[1]


def logged(file: Path, chosen: int) -> dict[str, Tensor]:
    """What TorchLens gives: ``value 0``, ``gradient 0`` for the first call, and so on."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.torchlens_apart", str(file), str(chosen)]
    subprocess.run(command, cwd=ROOT, check=True)
    found: dict[str, Tensor] = torch.load(file, weights_only=True)
    return found


def main(file: str, chosen: str) -> None:
    import torchlens

    module, x = made()
    options = torchlens.options.CaptureOptions(save_grads=True)
    log = torchlens.trace(module, x.clone().requires_grad_(), capture=options)
    log.log_backward(log[log.output_layers[0]].out[0, int(chosen)])
    calls = [log[f"relu_{call + 1}"] for call in (0, 1)]
    values = {f"value {number}": call.out.detach().clone() for number, call in enumerate(calls)}
    torch.save(values | {f"gradient {number}": call.grad.clone() for number, call in enumerate(calls)}, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
