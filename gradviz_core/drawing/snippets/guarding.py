"""The lines that correct a program where PyTorch's own gradient is wrong; see ``tracing/kernel_guards.py``."""

from __future__ import annotations

from gradviz_core.drawing.snippets.program import MAP_TENSORS, Block, comment

_LINES = """def with_gaps(gradients):
    first, *others = gradients
    return torch.stack([first, first], dim=-1)[..., 0], *others


def guard(module, inputs, output):  # visits each new operation of PyTorch's graph
    waiting = []
    map_tensors(lambda tensor: waiting.append(tensor.grad_fn), output)
    while waiting:
        node = waiting.pop()
        if node is not None and node not in looked_at:
            looked_at.add(node)
            waiting += [before for before, _ in node.next_functions]
            if "BatchNorm" in node.name():
                node.register_prehook(with_gaps)


looked_at = set()
for module in model.modules():
    module.register_forward_hook(guard)"""


def guard() -> Block:
    """Hooks on ``model`` that change the memory layout of each gradient that reaches a batch norm."""
    why = (
        "PyTorch's own gradient is wrong for this model (seen in 2.13 and 2.15, on the CPU). The backward pass of "
        "batch norm, and of instance norm, which uses it, reads values in the wrong order if the gradient of a single "
        "image has a different memory order from the image. A copy with a gap after each value is read correctly."
    )
    return Block((comment(why), *_LINES.splitlines()), ("import torch",), (MAP_TENSORS,))
