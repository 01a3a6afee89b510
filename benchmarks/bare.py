"""The yardstick: what the same gradient costs in plain PyTorch, in a process with nothing else in it."""

from __future__ import annotations

import subprocess
import sys
import time
from types import TracebackType

MODEL = "resnet18"
SIZE = 224


class Bare:
    """A process that computes ∂logit/∂input of the model when told to, and says how many seconds that took."""

    def __init__(self, threads: int) -> None:
        """Start it; it computes on ``threads`` cores."""
        command = [sys.executable, "-m", "benchmarks.bare", str(threads)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Bare:
        """The running process."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End the process."""
        self._process.communicate(timeout=10)

    def run(self) -> float:
        """Compute once; the seconds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())


def main(threads: int) -> None:
    """Compute once for each line that arrives."""
    import torch
    import torchvision

    torch.set_num_threads(threads)
    model = torchvision.models.get_model(MODEL, weights=None).eval().requires_grad_(False)
    image = torch.randn(1, 3, SIZE, SIZE)
    for _ in sys.stdin:
        start = time.perf_counter()
        x = image.clone().requires_grad_()
        logits = model(x)
        torch.autograd.grad(logits[0, int(logits.argmax())], x)
        print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
