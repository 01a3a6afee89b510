"""The sets of weights in a file: a state dict, or a group of one, under the names that its layers have."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from gradviz_core.errors import BadModel
from gradviz_core.settings import settings
from gradviz_core.text.shown_text import is_one_line
from gradviz_core.uploads.weights_files import prefixes
from gradviz_core.uploads.weights_files.dialects.huggingface import MODEL_PREFIX
from gradviz_core.uploads.weights_files.pickle_values import OddTensor
from gradviz_core.uploads.weights_files.tensors import StoredTensor

MOST_PARTS = 8
LONGEST_NAME = 200
"""Letters of a part's name; a part with a longer one cannot be chosen."""
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Part:
    """One set of weights."""

    name: str
    """Where it lies in the file: keys, and the prefix of its tensors, as in ``state_dict/student.``."""
    tensors: dict[str, StoredTensor]
    notes: tuple[str, ...]
    """What was taken off and left out to get there, each a sentence."""
    wrappers: tuple[str, ...] = ()
    """What was taken off the names of its file first: of wrappers, and ``vit.`` or ``deit.`` as Hugging Face has it."""

    @property
    def can_be_chosen(self) -> bool:
        """Whether its name can be said in a recipe."""
        return 0 < len(self.name) <= LONGEST_NAME and is_one_line(self.name)

    @property
    def parameters(self) -> int:
        """Floating-point numbers, running statistics of batch norm left out."""
        return sum(
            math.prod(tensor.shape)
            for name, tensor in self.tensors.items()
            if tensor.dtype.is_floating_point and not name.endswith(("running_mean", "running_var"))
        )


def parts_of(
    path: Sequence[str],
    tensors: Mapping[str, StoredTensor],
    odd: Mapping[str, OddTensor],
    notes: Sequence[str],
    known: Callable[[str], bool],
) -> list[Part]:
    """The parts of one dictionary of tensors, the largest first. ``known`` says of a name whether some
    architecture has it.

    Raises:
        BadModel: two tensors have one name, a layer's tensor is not dense, or there are more numbers than the limit.
    """
    _check_size(tensors)
    plain = _without_wrappers(tensors)
    wrappers = _wrappers_in(tensors)
    notes = [*notes, *(_removed(wrapper) for wrapper in wrappers)]
    found = prefixes.groups([*plain, *odd], known)
    parts = [_part(path, prefix, found, plain, odd, notes, known) for prefix in found]
    return [replace(part, wrappers=tuple(wrappers)) for part in parts]


def _part(
    path: Sequence[str],
    prefix: str,
    others: Sequence[str],
    tensors: Mapping[str, StoredTensor],
    odd: Mapping[str, OddTensor],
    notes: Sequence[str],
    known: Callable[[str], bool],
) -> Part:
    inside: dict[str, StoredTensor] = {}
    outside: list[str] = []
    for name, tensor in tensors.items():
        if prefixes.group_of(name, others) == prefix:
            inside[name[len(prefix) :]] = tensor
        else:
            outside.append(name)
    _check_ambiguous(prefix, inside, [name for name in outside if prefixes.group_of(name, others) is None])
    for name, value in odd.items():
        needed = prefixes.group_of(name, others) == prefix and known(name[len(prefix) :])
        if needed or not inside:
            raise BadModel(
                f"{name[:80]!r} is {value.kind}; only dense tensors of ordinary numbers can be read. {value.cure} "
                "Then save the weights again."
            )
        outside.append(name)
    said = [*notes, *([_removed(prefix)] if prefix else []), *_left_out(outside, prefix)]
    return Part("/".join([*path, *([prefix] if prefix else [])]), inside, tuple(said))


def _check_ambiguous(prefix: str, inside: Mapping[str, object], outside: Iterable[str]) -> None:
    """Refuse a tensor of no group whose name one behind the prefix has too."""
    twice = next((name for name in outside if name in inside), None) if prefix else None
    if twice is not None:
        raise BadModel(
            f"Without the prefix {prefix[:80]!r} two tensors are called {twice[:80]!r}, which is ambiguous. Remove one "
            "of them and save the weights again."
        )


def _without_wrappers(tensors: Mapping[str, StoredTensor]) -> dict[str, StoredTensor]:
    plain: dict[str, StoredTensor] = {}
    for name, tensor in tensors.items():
        short = MODEL_PREFIX.sub("", prefixes.without_wrappers(name))
        if short in plain:
            raise BadModel(
                f"Without what wrappers put before names two tensors are called {short[:80]!r}, which is ambiguous. "
                "Remove one of them and save the weights again."
            )
        plain[short] = tensor
    return plain


def _wrappers_in(names: Iterable[str]) -> list[str]:
    named = Counter(wrapper for name in names for wrapper in prefixes.WRAPPED if wrapper in name)
    named.update(found[0] for name in names if (found := MODEL_PREFIX.search(prefixes.without_wrappers(name))))
    return list(named)


def _removed(prefix: str) -> str:
    return f"The prefix {prefix[:80]!r} was removed from the names of tensors."


def _left_out(names: Sequence[str], prefix: str) -> list[str]:
    """A sentence on what is not of this part; tensors of one group are counted."""
    tops = Counter(name.partition(".")[0] for name in names)
    first = {name.partition(".")[0]: name for name in reversed(names)}
    shown = [
        repr(first[top][:60]) if count == 1 else f"{count:,} tensors under {top[:60] + '.'!r}"
        for top, count in list(tops.items())[:_MOST_NAMED]
    ]
    if not shown:
        return []
    more = f" and {len(tops) - _MOST_NAMED:,} more" if len(tops) > _MOST_NAMED else ""
    where = f", because they are outside of {prefix[:80]!r}" if prefix else ""
    return [f"Left out{where}: {', '.join(shown)}{more}."]


def _check_size(tensors: Mapping[str, StoredTensor]) -> None:
    numbers = sum(math.prod(tensor.shape) for tensor in tensors.values())
    limit = settings().max_parameters
    if numbers > limit:
        raise BadModel(
            f"The file holds {numbers / 1e6:,.0f} million numbers; the limit is {limit / 1e6:,.0f} million. "
            "Choose a smaller model."
        )
