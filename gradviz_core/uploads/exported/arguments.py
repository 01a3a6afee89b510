"""What an operation is called with: numbers, texts, and references to values that were computed before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import torch

from gradviz_core.errors import BadModel
from gradviz_core.uploads.exported.plain_json import only, shown, take, whole
from gradviz_core.uploads.exported.sentences import AGAIN, REWRITE
from gradviz_core.uploads.exported.tensors import DTYPES


@dataclass(frozen=True, slots=True)
class Ref:
    """A value computed before, by its place."""

    slot: int


class Special(Enum):
    """What is known only when the model runs."""

    DEVICE = "the device of the input; the device in the file is ignored"


Value: TypeAlias = Any
"""A constant, a ``Ref``, ``Special``, or a list of such."""
Find: TypeAlias = Callable[[object], Ref]
"""From a name in the file to the value it stands for."""

MOST_ELEMENTS = 2**28
"""Numbers in one tensor: a gigabyte of float32."""
_SIZE_NAMES = frozenset(
    "size shape sizes output_size repeats pad padding n m s row col steps length num_classes kernel_size "
    "window_length n_fft win_length last_dim_size pooled_height pooled_width".split()
)
_MEMORY_FORMATS = {
    1: torch.contiguous_format,
    2: torch.channels_last,
    3: torch.channels_last_3d,
    4: torch.preserve_format,
}
_FLOATS = {"Infinity": float("inf"), "-Infinity": float("-inf"), "NaN": float("nan")}
_STRIDED = 7
_NUMBERS = ("as_int", "as_float", "as_bool", "as_sym_int", "as_sym_float", "as_sym_bool")
_COMPLEX = (*_NUMBERS, "as_complex")
_SIZES = ("as_ints", "as_sym_ints")
_TAKEN: dict[str, tuple[str, ...]] = {
    "Tensor": ("as_tensor", "as_optional_tensor", *_COMPLEX),
    "number": _COMPLEX,
    "size": _NUMBERS,
    "int": ("as_int", "as_sym_int"),
    "float": ("as_int", "as_float", "as_sym_int", "as_sym_float"),
    "bool": ("as_bool", "as_sym_bool"),
    "str": ("as_string",),
    "ScalarType": ("as_scalar_type",),
    "MemoryFormat": ("as_memory_format",),
    "Layout": ("as_layout",),
    "Device": ("as_device",),
    "List[int]": ("as_int", "as_sym_int", *_SIZES),
    "List[float]": ("as_float", "as_floats", "as_sym_floats", *_SIZES),
    "List[bool]": ("as_bools", "as_sym_bools"),
    "List[number]": ("as_floats", "as_sym_floats", *_SIZES),
    "List[Tensor]": ("as_tensors",),
    "List[Optional[Tensor]]": ("as_tensors", "as_optional_tensors"),
}
"""The kinds that torch writes for each type in the schema of an operation. One size stands for as many as are wanted,
and a number for a tensor of one element."""
_SCALE_NAMES = frozenset("scales scales_d scales_h scales_w scale_factors".split())
_SMALLEST_SCALE = 1e-3
_LONGEST_LIST = 10_000
_LONGEST_TEXT = 500


def read_argument(record: object, name: str, wanted: str, find: Find) -> Value:
    """The argument called ``name``; ``wanted`` is its type in the operation's own schema, such as ``List[int]``.

    Raises:
        BadModel: it is of a kind that is not read, or a size is too large.
    """
    kind, value = only(record, f"the argument {name}")
    plain = wanted.removeprefix("Optional[").removesuffix("]") if wanted.startswith("Optional[") else wanted
    if kind == "as_none":
        if plain == wanted:
            raise BadModel(f"The argument {shown(name)} is missing. {AGAIN}")
        return None
    if kind in (*_SINGLE, *_LISTS) and kind not in _TAKEN[plain] and not (plain.startswith("List[") and value == []):
        raise BadModel(f"The argument {shown(name)} has the wrong type for this operation. {AGAIN}")
    found = _value(kind, value, find)
    check_limits(found, name)
    return found


def check_limits(found: Value, name: str) -> None:
    """Refuse the argument called ``name`` where its numbers would make a tensor too large, or scale by too much.

    Raises:
        BadModel: they would.
    """
    if name in _SIZE_NAMES:
        _check_size(found, name)
    if name in _SCALE_NAMES and not all(_SMALLEST_SCALE <= scale <= 1 / _SMALLEST_SCALE for scale in _numbers(found)):
        raise BadModel(
            f"The argument {name} must be a factor from 1/{1 / _SMALLEST_SCALE:,.0f} to "
            f"{1 / _SMALLEST_SCALE:,.0f}. {REWRITE}"
        )


def _value(kind: str, value: object, find: Find) -> Value:
    if kind in _LISTS:
        if not isinstance(value, list) or len(value) > _LONGEST_LIST:
            raise BadModel(
                f"The graph is not as torch.export writes it: {shown(kind)} is not a list of the expected "
                f"length. {AGAIN}"
            )
        return [_value(_LISTS[kind], item, find) for item in value]
    if kind not in _SINGLE:
        raise BadModel(f"The graph has an argument of the kind {shown(kind)}, which is not supported here. {REWRITE}")
    return _SINGLE[kind](value, find)


def _reference(value: object, find: Find) -> Ref:
    return find(take(value, "name", str))


def _symbol(value: object, find: Find) -> Value:
    """A size: by name, or a number among sizes that have names."""
    kind, inner = only(value, "a size")
    if kind == "as_name":
        return find(inner)
    if kind not in ("as_int", "as_float", "as_bool"):
        raise BadModel(f"The graph has a size of the kind {shown(kind)}, which is not supported here. {REWRITE}")
    return _SINGLE[kind](inner, find)


def _optional(value: object, find: Find) -> Ref | None:
    kind, inner = only(value, "an optional tensor")
    return None if kind == "as_none" else _reference(inner, find)


def _float(value: object, _find: Find) -> float:
    if isinstance(value, str) and value in _FLOATS:
        return _FLOATS[value]
    if type(value) not in (int, float):
        raise BadModel(f"The graph is not as torch.export writes it: a floating-point number is invalid. {AGAIN}")
    return float(whole(value, "a number")) if isinstance(value, int) else value  # type: ignore[return-value]


def _complex(value: object, find: Find) -> complex:
    if not isinstance(value, dict) or value.keys() != {"real", "imag"}:
        raise BadModel(f"The graph is not as torch.export writes it: a complex number is invalid. {AGAIN}")
    return complex(_float(value["real"], find), _float(value["imag"], find))


def _bool(value: object, _find: Find) -> bool:
    if not isinstance(value, bool):
        raise BadModel(f"The graph is not as torch.export writes it: a Boolean is invalid. {AGAIN}")
    return value


def _text(value: object, _find: Find) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise BadModel(f"The graph is not as torch.export writes it: a string is invalid or too long. {AGAIN}")
    return value


def _dtype(value: object, _find: Find) -> torch.dtype:
    number = whole(value, "a type of values")
    if number not in DTYPES:
        raise BadModel(
            f"The graph uses the type of values with torch's number {number}, which is not supported here. {REWRITE}"
        )
    return DTYPES[number]


def _memory_format(value: object, _find: Find) -> torch.memory_format:
    number = whole(value, "a memory format")
    if number not in _MEMORY_FORMATS:
        raise BadModel(f"The graph uses the memory format {number}, which torch does not have. {AGAIN}")
    return _MEMORY_FORMATS[number]


def _layout(value: object, _find: Find) -> torch.layout:
    if value != _STRIDED:
        raise BadModel("The graph uses sparse tensors, which are not read here. Export a model with dense tensors.")
    return torch.strided


_SINGLE: dict[str, Callable[[Any, Find], Value]] = {
    "as_tensor": _reference,
    "as_optional_tensor": _optional,
    "as_int": lambda value, _: whole(value, "a whole number"),
    "as_float": _float,
    "as_bool": _bool,
    "as_complex": _complex,
    "as_string": _text,
    "as_sym_int": _symbol,
    "as_sym_float": _symbol,
    "as_sym_bool": _symbol,
    "as_scalar_type": _dtype,
    "as_memory_format": _memory_format,
    "as_layout": _layout,
    "as_device": lambda _value, _: Special.DEVICE,
}
_LISTS = {
    "as_tensors": "as_tensor",
    "as_optional_tensors": "as_optional_tensor",
    "as_ints": "as_int",
    "as_floats": "as_float",
    "as_bools": "as_bool",
    "as_sym_ints": "as_sym_int",
    "as_sym_floats": "as_sym_float",
    "as_sym_bools": "as_sym_bool",
}


def _check_size(value: Value, name: str) -> None:
    asked = 1.0
    for size in _numbers(value):
        asked *= max(1.0, size)
    if asked > MOST_ELEMENTS:
        raise BadModel(f"The argument {name} asks for {asked:.3g} numbers; the limit is {MOST_ELEMENTS:,}. {REWRITE}")


def _numbers(value: Value) -> list[float]:
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, int | float)]


def references(value: Value) -> Iterator[Ref]:
    """Every reference in an argument."""
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def filled(value: Value, values: list[Any], device: torch.device) -> Any:
    """The argument with what it refers to in place."""
    if isinstance(value, Ref):
        return values[value.slot]
    if isinstance(value, list):
        return [filled(item, values, device) for item in value]
    return device if value is Special.DEVICE else value
