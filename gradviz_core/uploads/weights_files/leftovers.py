"""Tensors in a file that belong to no layer: weights of a loss, counters and buffers of metrics.

What a network might compute with is never left out: a layer that the architecture does not have makes the file another
network's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from gradviz_core.uploads.weights_files.tensors import Loadable

_NO_LAYER = re.compile(
    r"criterion|losses|loss|loss_?fn|metrics?|accuracy|acc|auroc|auc|f1|precision|recall|confmat|confusion_matrix"
    r"|n_averaged|num_updates|epoch|global_step|step|best",
)
_STAGE = re.compile(r"(train|training|valid|validation|val|test)_|_?\d+$|best_")
_MOST_NAMED = 5


def belong_to_no_layer(tensors: Mapping[str, Loadable], needs: Collection[str]) -> tuple[str, ...]:
    """Names of the tensors that only training uses: those of losses and metrics, and single numbers of the loop. None
    of them is under a name that the architecture has."""
    tops = {name.partition(".")[0] for name in needs}
    return tuple(
        name
        for name, tensor in tensors.items()
        if name not in needs and name.partition(".")[0] not in tops and _is_no_layer(name, tensor)
    )


def note(names: Sequence[str], architecture: str) -> tuple[str, ...]:
    """A sentence on them, if there are any."""
    if not names:
        return ()
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    shown = ", ".join(repr(name[:60]) for name in names[:_MOST_NAMED])
    return (f"Left out, because they belong to no layer of {architecture}: {shown}{more}.",)


def _is_no_layer(name: str, tensor: Loadable) -> bool:
    top, dot, _ = name.partition(".")
    while (shorter := _STAGE.sub("", top)) != top:
        top = shorter
    return bool(_NO_LAYER.fullmatch(top.lower())) or (
        not tensor.shape and not dot and not tensor.dtype.is_floating_point
    )
