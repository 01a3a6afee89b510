"""From what a training script saved to the state dict in it: wrappers and prefixes are taken off, and said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from gradviz_core.errors import BadModel
from gradviz_core.uploads.weights_files.pickles import TensorRef
from gradviz_core.uploads.weights_files.sentences import SAVE_A_STATE_DICT
from gradviz_core.uploads.weights_files.tensors import MOST_TENSORS

T = TypeVar("T")

WRAPPERS = (
    *("state_dict", "model_state_dict", "model", "net", "network", "module", "weights", "params"),
    *("ema", "model_ema", "ema_model", "ema_state_dict", "state_dict_ema"),
)
"""Names under which scripts keep a state dict beside other things, the most likely first."""
PREFIXES = ("module.", "model.", "_orig_mod.")
"""What DataParallel, Lightning and torch.compile put before each name."""
LONGEST_NAME = 500
_MOST_LAYERS = 4


def unwrap(root: object) -> tuple[dict[str, TensorRef], tuple[str, ...]]:
    """The tensors of a saved value by name, and a sentence for each thing taken off or left out.

    Raises:
        BadModel: there is no state dict in it, or something in the state dict is no tensor.
    """
    notes: list[str] = []
    for _ in range(_MOST_LAYERS):
        if not isinstance(root, dict):
            raise BadModel(f"The file holds {_kind(root)} where a state dict should be. {SAVE_A_STATE_DICT}")
        if any(isinstance(value, TensorRef) for value in root.values()):
            return _tensors(root, notes), tuple(notes)
        name = _wrapper(root)
        others = [repr(str(key)[:40]) for key in root if key != name]
        notes.append(f"The weights were found under {name[:40]!r}.{_left_out(others)}")
        root = root[name]
    raise BadModel(f"The state dict is wrapped more than {_MOST_LAYERS} times. {SAVE_A_STATE_DICT}")


def without_prefixes(tensors: Mapping[str, T]) -> tuple[dict[str, T], tuple[str, ...]]:
    """The same tensors with ``PREFIXES`` taken off their names, and a sentence for each prefix.

    Raises:
        BadModel: two names become one.
    """
    short: dict[str, T] = {}
    removed: list[str] = []
    for name, tensor in tensors.items():
        rest = name
        while prefix := next((prefix for prefix in PREFIXES if rest.startswith(prefix)), ""):
            rest = rest.removeprefix(prefix)
            removed.append(prefix)
        if rest in short:
            raise BadModel(
                f"Without the prefix of {name[:80]!r} two tensors are called {rest[:80]!r}, which is ambiguous. "
                "Remove one of them and save the weights again."
            )
        short[rest] = tensor
    notes = tuple(f"The prefix {prefix!r} was removed from the names of tensors." for prefix in dict.fromkeys(removed))
    return short, notes


def _wrapper(root: dict[object, object]) -> str:
    """The key under which the state dict lies."""
    dictionaries = [key for key, value in root.items() if isinstance(key, str) and isinstance(value, dict)]
    if named := [name for name in WRAPPERS if name in dictionaries]:
        return named[0]
    with_tensors = {
        id(value): _holds_tensors(value) for value in {id(root[key]): root[key] for key in dictionaries}.values()
    }
    holding = [key for key in dictionaries if with_tensors[id(root[key])]]
    if len(holding) == 1:
        return holding[0]
    if holding:
        raise BadModel(
            f"The file holds several state dicts ({', '.join(repr(key[:40]) for key in holding[:5])}), which is "
            f"ambiguous. {SAVE_A_STATE_DICT}"
        )
    raise BadModel(f"The file contains no named tensors. {SAVE_A_STATE_DICT}")


def _holds_tensors(value: object) -> bool:
    return isinstance(value, dict) and any(isinstance(inner, TensorRef) for inner in value.values())


def _tensors(root: dict[object, object], notes: list[str]) -> dict[str, TensorRef]:
    found: dict[str, TensorRef] = {}
    left_out: list[str] = []
    for key, value in root.items():
        if isinstance(value, TensorRef) and isinstance(key, str) and len(key) <= LONGEST_NAME:
            found[key] = value
        elif value is None or isinstance(value, bool | int | float | str):
            left_out.append(repr(str(key)[:40]))
        else:
            raise BadModel(
                f"Under {str(key)[:80]!r} the state dict holds {_kind(value)}; each name, of at most {LONGEST_NAME} "
                f"letters, must hold one tensor. {SAVE_A_STATE_DICT}"
            )
    if len(found) > MOST_TENSORS:
        raise BadModel(f"The file holds {len(found):,} tensors; the limit is {MOST_TENSORS:,}. {SAVE_A_STATE_DICT}")
    if left_out:
        notes.append(_left_out(left_out).strip())
    return found


def _left_out(names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f" Left out: {', '.join(names[:5])}{more}."


def _kind(value: object) -> str:
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (dict, "a dictionary"),
        ((list, tuple), "a list"),
        (TensorRef, "a single tensor"),
        (str, "a text"),
        ((bool, int, float), "a number"),
    )
    return next((words for kind, words in kinds if isinstance(value, kind)), "something else")
