"""What a pickle describes, once nothing in it is called: notes of tensors, and stubs for Python objects."""

from __future__ import annotations

from dataclasses import dataclass

from gradviz_core.errors import BadModel
from gradviz_core.uploads.weights_files.sentences import SAVE_A_STATE_DICT

STORAGES = frozenset(
    f"{kind}Storage"
    for kind in "Float Double Half BFloat16 Long Int Short Char Byte Bool ComplexFloat ComplexDouble".split()
)
"""Storages of numbers that can be read, by torch's names."""
_REBUILD, _REBUILD_FIRST = "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor"
_PARAMETER, _PARAMETER_WITH_STATE = "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state"
_FROM_TYPE = "torch._tensor._rebuild_from_type_v2"
_ORDINARY = frozenset(
    {"torch.Tensor", "torch._tensor.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer"}
)
_DICTIONARIES = frozenset({"collections.OrderedDict", "collections.defaultdict", "builtins.dict", "__builtin__.dict"})
_OTHER_DTYPE = "a tensor of a dtype that no layer uses", "Convert it with .float()."
_OWN_CLASS = "a tensor of a custom class", "Convert it with .as_subclass(torch.Tensor)."
_ODD = {
    "torch._utils._rebuild_sparse_tensor": ("a sparse tensor", "Convert it with .to_dense()."),
    "torch._utils._rebuild_sparse_csr_tensor": ("a sparse tensor", "Convert it with .to_dense()."),
    "torch._utils._rebuild_qtensor": ("a quantised tensor", "Convert it with .dequantize()."),
    "torch._utils._rebuild_nested_tensor": ("a nested tensor", "Convert it with .to_padded_tensor(0)."),
    "torch._utils._rebuild_meta_tensor_no_storage": (
        "a tensor without data, from the meta device",
        "Load the weights first.",
    ),
    "torch._utils._rebuild_tensor_v3": _OTHER_DTYPE,
    "torch._utils._rebuild_wrapper_subclass": _OWN_CLASS,
    "torch._utils._rebuild_device_tensor_from_numpy": ("a tensor of another device", "Convert it with .cpu()."),
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": ("a tensor of another device", "Convert it with .cpu()."),
}


@dataclass(frozen=True, slots=True)
class Global:
    """A name of a class or function. It is never looked up."""

    name: str
    """With its module: ``argparse.Namespace``."""


@dataclass(frozen=True, slots=True, eq=False)
class Stub:
    """Stands for a Python object that is not made. Nothing is known of it but its class."""

    name: str


@dataclass(frozen=True, slots=True)
class StorageRef:
    """A piece of the file that holds elements."""

    kind: str
    """Such as ``FloatStorage``."""
    key: str
    elements: int


@dataclass(frozen=True, slots=True)
class TensorRef:
    """A view of a storage, as the file describes it: nothing is checked yet."""

    storage: StorageRef
    offset: object
    shape: tuple[object, ...]
    strides: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class OddTensor:
    """A tensor that is not dense, or not of ordinary numbers."""

    kind: str
    cure: str


def storage(described: object) -> object:
    """What a persistent id stands for: a storage, or a class whose source code the old format keeps beside it."""
    match described:
        case ("storage", Global(name=name), str(key), str(), int(elements)):
            return StorageRef(name.rpartition(".")[2], key, elements)
        case ("storage", Global(name=name), str(key), str(), int(elements), None):
            return StorageRef(name.rpartition(".")[2], key, elements)
        case ("module", Global() as container, *_):
            return container
    raise damaged("a storage is not described as torch describes it")


def called(function: Global, arguments: tuple[object, ...]) -> object:
    """What a call stands for: a tensor, a dictionary or a size where torch wrote it so; else a stub."""
    match function.name, arguments:
        case "collections.OrderedDict" | "builtins.dict" | "__builtin__.dict", ():
            return {}
        case "collections.OrderedDict", ([*pairs],):  # as Python 2 wrote it
            return _from_pairs(pairs)
        case "collections.defaultdict", () | (Global() | Stub() | None,):
            return {}
        case "torch.Size", (tuple(sizes),):
            return sizes
        case "torch._utils._rebuild_tensor_v2", (StorageRef() as of, offset, tuple(shape), tuple(strides), _, _, *_):
            return _tensor(of, offset, shape, strides)
        case "torch._utils._rebuild_tensor", (StorageRef() as of, offset, tuple(shape), tuple(strides)):
            return _tensor(of, offset, shape, strides)
        case "torch._utils._rebuild_parameter", (TensorRef() | OddTensor() as tensor, _, _):
            return tensor
        case "torch._utils._rebuild_parameter_with_state", (TensorRef() | OddTensor() as tensor, _, _, _):
            return tensor
        case "torch._tensor._rebuild_from_type_v2", (Global(name=inner), Global(name=kind), tuple(inside), _):
            ordinary = kind in _ORDINARY and inner in (_REBUILD, _PARAMETER)
            return called(Global(inner), inside) if ordinary else OddTensor(*_OWN_CLASS)
    if function.name in _ODD:
        return OddTensor(*_ODD[function.name])
    if function.name in (_REBUILD, _REBUILD_FIRST, _PARAMETER, _PARAMETER_WITH_STATE, _FROM_TYPE, *_DICTIONARIES):
        raise damaged(f"{function.name} is called as torch never calls it")
    return Stub(_made_by(function, arguments))


def made(kind: object) -> object:
    """An object of a class, before anything is put into it."""
    if isinstance(kind, Global):
        return {} if kind.name in _DICTIONARIES else Stub(kind.name)
    if isinstance(kind, Stub):
        return Stub(kind.name)
    raise damaged("it makes an object of something that is no class")


def damaged(what: str) -> BadModel:
    """The error for a pickle that no program wrote."""
    return BadModel(f"The file's pickle cannot be read: {what}. {SAVE_A_STATE_DICT}")


def _tensor(of: StorageRef, offset: object, shape: tuple[object, ...], strides: tuple[object, ...]) -> object:
    return TensorRef(of, offset, shape, strides) if of.kind in STORAGES else OddTensor(*_OTHER_DTYPE)


def _from_pairs(pairs: list[object]) -> dict[object, object]:
    found: dict[object, object] = {}
    for pair in pairs:
        match pair:
            case [str() | int() as key, value] if key not in found:
                found[key] = value
            case _:
                raise damaged("a dictionary is not made of pairs, each with a key of its own")
    return found


def _made_by(function: Global, arguments: tuple[object, ...]) -> str:
    """The class of what a call makes: of ``numpy.core.multiarray._reconstruct(numpy.ndarray, ...)`` the array's."""
    first = arguments[0] if arguments else None
    name = function.name.rpartition(".")[2]
    if name == "_frombuffer":
        return "numpy.ndarray"
    return first.name if name.startswith("_") and isinstance(first, Global) else function.name
