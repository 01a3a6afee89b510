"""What a model returns: the tuple, list or dictionary that its outputs are put back into."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from gradviz_core.errors import BadModel
from gradviz_core.uploads.exported.plain_json import load, take
from gradviz_core.uploads.exported.sentences import AGAIN

_MAPPINGS = frozenset({"builtins.dict", "collections.OrderedDict"})
_LONGEST_KEY = 100


@dataclass(frozen=True, slots=True)
class Tree:
    """How outputs lie in what the model returns."""

    kind: Literal["leaf", "tuple", "list", "dict"]
    children: tuple[Tree, ...] = ()
    keys: tuple[str, ...] = ()

    def leaves(self) -> int:
        """How many outputs it holds."""
        return 1 if self.kind == "leaf" else sum(child.leaves() for child in self.children)

    def filled(self, values: Sequence[object]) -> object:
        """The structure with ``values`` in it, as many as there are leaves."""
        return self._filled(iter(values))

    def _filled(self, values: Iterator[object]) -> object:
        match self.kind:
            case "leaf":
                return next(values)
            case "tuple":
                return tuple(child._filled(values) for child in self.children)
            case "list":
                return [child._filled(values) for child in self.children]
            case "dict":
                return {key: child._filled(values) for key, child in zip(self.keys, self.children, strict=True)}


def read_tree(spec: str | None, leaves: int) -> Tree:
    """The structure that ``spec`` describes, torch's own JSON; a plain tuple where it describes none that is known.

    Classes that authors registered are not rebuilt: their parts come as a tuple.

    Raises:
        BadModel: the JSON is broken.
    """
    if spec is None:
        return _plain(leaves)
    document = load(spec.encode("utf-8", "replace"), "The structure of the outputs")
    if not isinstance(document, list) or len(document) != 2 or document[0] != 1:
        return _plain(leaves)
    tree = _read(document[1])
    return tree if tree.leaves() == leaves else _plain(leaves)


def _plain(leaves: int) -> Tree:
    return Tree("leaf") if leaves == 1 else Tree("tuple", (Tree("leaf"),) * leaves)


def _read(record: object) -> Tree:
    children = tuple(_read(child) for child in take(record, "children_spec", list))
    assert isinstance(record, dict)
    name = record.get("type")
    if name is None:
        return Tree("leaf")
    if not isinstance(name, str):
        raise BadModel(f"The structure of the outputs is not as torch.export writes it: a type has no name. {AGAIN}")
    if name in _MAPPINGS:
        return Tree("dict", children, _keys(record.get("context"), len(children)))
    return Tree("list" if name == "builtins.list" else "tuple", children)


def _keys(context: object, count: int) -> tuple[str, ...]:
    found = load(context.encode("utf-8", "replace"), "The list of output names") if isinstance(context, str) else None
    keys = tuple(str(key) for key in found if isinstance(key, str | int)) if isinstance(found, list) else ()
    if len(set(keys)) != count or not all(map(_is_name, keys)):
        raise BadModel(
            "The names of the model's outputs cannot be used. Return a dictionary whose keys are short texts without "
            "square brackets."
        )
    return keys


def _is_name(key: str) -> bool:
    return 0 < len(key) <= _LONGEST_KEY and key.isprintable() and not set(key) & set("[]")
