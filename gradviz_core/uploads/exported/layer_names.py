"""The author's names: which module, at which of its calls, an operation belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from gradviz_core.errors import BadModel
from gradviz_core.uploads.exported.plain_json import shown
from gradviz_core.uploads.exported.sentences import REWRITE

LONGEST_PATH = 500
_MOST_WITHIN = 100
_NONE = "_empty_nn_module_stack"


@dataclass(frozen=True, slots=True)
class Entry:
    """One call of one module."""

    key: str
    """Tells calls of the same module apart."""
    path: str
    """The author's name, as in ``layer1.0.conv1``; empty for the model itself."""
    type: str
    """Full name of the class."""

    @property
    def kind(self) -> str:
        """Name of the class; text, never looked up."""
        name = self.type.rpartition(".")[2]
        return name[:100] if name.isidentifier() else "Module"


@lru_cache(maxsize=1000)
def read_stack(text: str) -> tuple[Entry, ...] | None:
    """The calls that ``text`` lists, ``key,path,class`` with semicolons between; None where there is no such list.

    Raises:
        BadModel: a module has a name that cannot be used, or there are too many within each other.
    """
    if text.startswith(_NONE):
        return None
    entries = tuple(_entry(part) for part in text.split(";"))
    if len(entries) > _MOST_WITHIN:
        raise BadModel(f"The model has more than {_MOST_WITHIN} nested modules. {REWRITE}")
    return tuple(entry for entry in entries if entry is not None)


def _entry(text: str) -> Entry | None:
    parts = text.split(",")
    if len(parts) != 3:
        return None
    check_path(parts[1])
    return Entry(*parts)


def check_path(path: str) -> None:
    """Check that a module's or a parameter's name can be part of the name of a site.

    Raises:
        BadModel: it cannot.
    """
    if (
        len(path) > LONGEST_PATH
        or not path.isprintable()
        or set(path) & set(":[]")
        or {"", "training"} & set(path.split(".")[path == "" :])
    ):
        raise BadModel(
            f"The name {shown(path)} of a module or parameter cannot be used. A name may not contain a colon, a "
            "square bracket or an invisible character, nor have a part called training or an empty one, and may have "
            f"at most {LONGEST_PATH} characters. Rename it, and export the model again."
        )
