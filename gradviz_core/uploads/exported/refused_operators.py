"""What is said of operators that are not on the list: all of them at once, with what can be done about each kind."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from gradviz_core.errors import BadModel
from gradviz_core.uploads.exported.plain_json import shown

_MOST_NAMED = 40
"""The most of one kind that are named; others are counted."""
_ATEN, _REGION = "torch.ops.aten.", "torch.ops.higher_order."
_TRAINING = frozenset({"_native_batch_norm_legit_functional", "_native_batch_norm_legit", "native_batch_norm"})


def refusal(targets: Collection[str]) -> BadModel:
    """The error for a graph that asks for these operators, none of which is on the list."""
    return BadModel(" ".join(_sentences(list(dict.fromkeys(targets)))))


def _sentences(targets: list[str]) -> Iterator[str]:
    trained = [target for target in targets if target.removeprefix(_ATEN).partition(".")[0] in _TRAINING]
    if trained:
        yield "The model was exported in training mode and decomposed. Call model.eval() before exporting."
    others = [target for target in targets if target not in trained]
    torch_s = [target for target in others if target.startswith(_ATEN)]
    regions = [target for target in others if target.startswith(_REGION)]
    foreign = [target for target in others if not target.startswith((_ATEN, _REGION))]
    if torch_s:
        yield (
            f"The model uses {_named(torch_s)}, which {_are(torch_s)} not supported here. docs/export.md lists the "
            "supported operations; rewrite that part of the model."
        )
    if regions:
        it = "it" if len(regions) == 1 else "them"
        yield (
            f"The model uses {_listed(regions)}, control flow or a region that is not supported here. Export a model "
            f"without {it}."
        )
    if foreign:
        yield (
            f"The model uses {_named(foreign)}, which {_are(foreign)} not part of torch, so "
            f"{'it is' if len(foreign) == 1 else 'they are'} not run here. Export a model made of torch's operations."
        )


def _named(targets: list[str]) -> str:
    return f"the operation {_listed(targets)}" if len(targets) == 1 else f"the operations {_listed(targets)}"


def _listed(targets: list[str]) -> str:
    """``'a'``; ``'a', 'b' and 'c'``; ``'a', 'b' and 7 more``."""
    names = [shown(target.removeprefix("torch.ops.")) for target in targets]
    if len(names) > _MOST_NAMED:
        names = [*names[:_MOST_NAMED], f"{len(names) - _MOST_NAMED:,} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _are(targets: list[str]) -> str:
    return "is" if len(targets) == 1 else "are"
