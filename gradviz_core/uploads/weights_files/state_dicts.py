"""``.pt`` and ``.pth`` files: the archive that ``torch.save`` writes since version 1.6."""

from __future__ import annotations

from gradviz_core.errors import BadModel
from gradviz_core.uploads import archive, next_steps
from gradviz_core.uploads.weights_files import pickles
from gradviz_core.uploads.weights_files.saved import Saved
from gradviz_core.uploads.weights_files.sentences import SAVE_A_STATE_DICT


def read(data: bytes | memoryview) -> Saved:
    """The saved value, and where its tensors lie.

    Raises:
        BadModel: it is TorchScript, damaged, or breaks a limit.
    """
    if is_torchscript(archive.names(data)):
        raise _torchscript(archive.names(data))
    members = archive.members(data)
    folder = _folder(members)
    order = members.get(f"{folder}/byteorder")
    if order is not None and bytes(order[:10]) != b"little":
        raise BadModel(f"The byte order of the file is {bytes(order[:10])!r}; it must be little.")
    found = pickles.interpret(members[f"{folder}/data.pkl"])
    place = f"{folder}/data/"
    storages = {name.removeprefix(place): content for name, content in members.items() if name.startswith(place)}
    return Saved(found.value, found.objects, storages)


def is_torchscript(names: tuple[str, ...]) -> bool:
    """Whether an archive with members of these names was written by ``torch.jit.save``."""
    return any("code" in name.split("/")[1:2] or name.endswith("/constants.pkl") for name in names)


def _torchscript(names: tuple[str, ...]) -> BadModel:
    what = "The file is TorchScript, which contains code; code in uploads is never run."
    if any(name.partition("/")[2].startswith("code/__torch__/torchvision/models/") for name in names):
        return BadModel(
            f"{what} Its layers are torchvision's: take the weights out of it, and choose the file that comes.",
            next_steps.save_script_weights(),
        )
    return BadModel(
        f"{what} torch.export does not take it either: go back to the PyTorch model that it was made from. "
        f"{next_steps.EXPORT}",
        next_steps.export(),
    )


def _folder(members: dict[str, memoryview]) -> str:
    folders = {name.partition("/")[0] for name in members}
    if len(folders) != 1 or f"{min(folders)}/data.pkl" not in members:
        raise BadModel(
            "The file is a zip archive, but neither a state dict nor an exported program: it has no data.pkl. "
            + SAVE_A_STATE_DICT
        )
    return folders.pop()
