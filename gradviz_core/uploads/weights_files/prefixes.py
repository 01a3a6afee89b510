"""What stands before the names of all tensors, or of a group of them: ``module.``, ``net.backbone.``, ``student.``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable

WRAPPED = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")
"""What torch's own wrappers put into a name, wherever the wrapped layer is."""
MOST_GROUPS = 4
_DEEPEST = 8
"""Parts of a name that may belong to a prefix."""


def without_wrappers(name: str) -> str:
    """The name as it is without torch's own wrappers."""
    for wrapper in WRAPPED:
        if name.startswith(wrapper) or f".{wrapper}" in name:
            name = name.replace(wrapper, "")
    return name


def groups(names: Collection[str], known: Callable[[str], bool]) -> list[str]:
    """The prefixes behind which stand names that some architecture has, the largest group first. Where no name is
    known with or without a prefix, what all names share.

    A name counts for the shortest prefix behind which it is known: what stands in a block of a transformer is a name of
    a smaller one too. A group counts where at least half of the names behind its prefix are known, and where it is no
    small part of the largest: a block of a network has names in common with the start of another one.
    """
    hits: Counter[str] = Counter()
    behind: Counter[str] = Counter()
    for name in names:
        candidates = _prefixes(name)
        behind.update(candidates)
        hits.update([prefix for prefix in candidates if known(name[len(prefix) :])][:1])
    most = max(hits.values(), default=0)
    if most == 0:
        return [_shared(names)]
    found = [prefix for prefix, count in hits.items() if 5 * count >= most and 2 * count >= behind[prefix]]
    found = found or [max(hits, key=lambda prefix: (hits[prefix], -len(prefix)))]
    return sorted(found, key=lambda prefix: (-hits[prefix], len(prefix)))[:MOST_GROUPS]


def group_of(name: str, prefixes: Iterable[str]) -> str | None:
    """The longest of the prefixes that the name begins with; None where it begins with none."""
    return max((prefix for prefix in prefixes if name.startswith(prefix)), key=len, default=None)


def _prefixes(name: str) -> list[str]:
    parts = name.split(".", _DEEPEST)[:-1]
    return ["", *(".".join(parts[: i + 1]) + "." for i in range(len(parts)))]


def _shared(names: Collection[str]) -> str:
    """The longest prefix of all names that leaves each of them two parts."""
    candidates = Counter(prefix for name in names for prefix in _prefixes(name)[:-1])
    return max((prefix for prefix, count in candidates.items() if count == len(names)), key=len, default="")
