"""From what a training script saved to the state dicts in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gradviz_core.errors import BadModel
from gradviz_core.text.shown_text import visible
from gradviz_core.uploads import next_steps
from gradviz_core.uploads.weights_files.pickle_values import Global, OddTensor, Stub, TensorRef
from gradviz_core.uploads.weights_files.sentences import SAVE_A_STATE_DICT
from gradviz_core.uploads.weights_files.tensors import MOST_TENSORS

WRAPPERS = (
    *("state_dict", "model_state_dict", "model", "net", "network", "module", "weights", "params"),
    *("ema", "model_ema", "ema_model", "ema_state_dict", "state_dict_ema"),
)
"""Names under which scripts keep a state dict beside other things, the most likely first."""
LONGEST_NAME = 500
MOST_DICTIONARIES = 8
"""State dicts of one file that are looked at."""
_MOST_LAYERS = 4
_MOST_ENTRIES = 200_000
"""Entries of dictionaries that are searched for state dicts."""
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class StateDict:
    """A dictionary of a saved value that holds tensors by name."""

    path: tuple[str, ...]
    """The keys that lead to it; empty for the value itself."""
    tensors: dict[str, TensorRef]
    odd: dict[str, OddTensor]
    notes: tuple[str, ...]
    """A sentence for each dictionary on the way to it, and for what is no tensor in it."""


def unwrap(root: object) -> list[StateDict]:
    """The state dicts in a saved value, the likeliest first.

    Raises:
        BadModel: there is none; the message says what there is instead.
    """
    if not isinstance(root, dict):
        raise _no_dictionary(root)
    found = sorted(_dictionaries(root), key=_rank)[:MOST_DICTIONARIES]
    if not found:
        raise _no_tensors(root)
    most = max(len(inner) for _, inner in found)
    return [_state_dict(root, path, inner) for path, inner in found if 4 * len(inner) >= most]


def _dictionaries(root: dict[object, object]) -> Iterator[tuple[tuple[str, ...], dict[object, object]]]:
    """Each dictionary with tensors under names, to some depth, and the way to it; each one once."""
    waiting: list[tuple[tuple[str, ...], dict[object, object]]] = [((), root)]
    seen, left = {id(root)}, _MOST_ENTRIES
    for path, here in waiting:
        left -= len(here)
        if left < 0:
            return
        texts = [(key, value) for key, value in here.items() if isinstance(key, str) and len(key) <= LONGEST_NAME]
        if any(isinstance(value, TensorRef | OddTensor) for _, value in texts):
            yield path, here
        for key, value in texts:
            if isinstance(value, dict) and len(path) < _MOST_LAYERS and id(value) not in seen:
                seen.add(id(value))
                waiting.append(((*path, key), value))


def _rank(found: tuple[tuple[str, ...], dict[object, object]]) -> tuple[int, int]:
    """Those that hold much come first, and of them those under a likely name."""
    path, inner = found
    likely = WRAPPERS.index(path[-1]) if path and path[-1] in WRAPPERS else len(WRAPPERS)
    tensors = sum(isinstance(value, TensorRef) for value in inner.values())
    return -tensors.bit_length(), likely if path else -1


def _state_dict(root: dict[object, object], path: tuple[str, ...], inner: dict[object, object]) -> StateDict:
    notes: list[str] = []
    here: object = root
    for key in path:
        assert isinstance(here, dict)
        others = [shown_key(other) for other in here if other != key]
        notes.append(f"The weights were found under {key[:40]!r}.{_left_out(others)}")
        here = here[key]
    tensors: dict[str, TensorRef] = {}
    odd: dict[str, OddTensor] = {}
    others = []
    for name, value in inner.items():
        if not isinstance(name, str) or len(name) > LONGEST_NAME:
            others.append(shown_key(name))
        elif isinstance(value, TensorRef):
            tensors[name] = value
        elif isinstance(value, OddTensor):
            odd[name] = value
        else:
            others.append(shown_key(name))
    if len(tensors) > MOST_TENSORS:
        raise BadModel(f"The file holds {len(tensors):,} tensors; the limit is {MOST_TENSORS:,}. {SAVE_A_STATE_DICT}")
    if others:
        notes.append(_left_out(others).strip())
    return StateDict(path, tensors, odd, tuple(notes))


def shown_key(key: object) -> str:
    """A key of a dictionary, short; of what is neither text nor a number, what it is."""
    if isinstance(key, Stub):
        return f"a key of the type {visible(key.name.rpartition('.')[2][:40])}"
    return repr(str(key)[:40])


def _left_out(names: list[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return f" Left out: {', '.join(names[:_MOST_NAMED])}{more}."


def _no_dictionary(root: object) -> BadModel:
    if isinstance(root, Stub | Global):
        return _whole_object(f"The file is a whole pickled object ({_class(root)})", root, ())
    return BadModel(f"The file holds {_kind(root)} where a state dict should be. {SAVE_A_STATE_DICT}")


def _no_tensors(root: dict[object, object]) -> BadModel:
    """The error that names the pickled models in a file without a state dict."""
    objects = [(key, value) for key, value in root.items() if isinstance(value, Stub)]
    if not objects:
        deep = any(isinstance(value, dict) for value in root.values())
        where = f" in its first {_MOST_LAYERS + 1} layers of dictionaries" if deep else ""
        return BadModel(f"The file contains no named tensors{where}. {SAVE_A_STATE_DICT}")
    likely = [pair for pair in objects if pair[0] in WRAPPERS] or objects
    key, value = likely[0]
    what = f"The file contains no named tensors. Under {shown_key(key)} it holds a whole pickled object"
    return _whole_object(f"{what} ({_class(value)})", value, (key,))


def _whole_object(what: str, root: Stub | Global, path: tuple[object, ...]) -> BadModel:
    never = f"{what}, and loading it would run the code in it, so GradViz never does."
    if root.name.partition(".")[0] in next_steps.OF_PYTHON:
        return BadModel(f"{never} No model is saved so: do not load it elsewhere either. Choose another file.")
    return BadModel(f"{never} {next_steps.EXPORT}", next_steps.export_pickled(root.name, path))


def _class(root: Stub | Global) -> str:
    return repr(root.name[:80])


def _kind(value: object) -> str:
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        ((list, tuple), "a list"),
        ((TensorRef, OddTensor), "a single tensor"),
        (str, "a text"),
        ((bool, int, float), "a number"),
    )
    return next((words for kind, words in kinds if isinstance(value, kind)), "something else")
