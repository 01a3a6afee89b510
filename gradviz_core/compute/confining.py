"""What a confined worker may still read, and which environment variables it keeps."""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from gradviz_core.compute import sandbox
from gradviz_core.folders import PACKAGE
from gradviz_core.models.catalogue import ASSETS
from gradviz_core.settings import SECRETS, settings
from gradviz_core.uploads.store import KINDS

log = logging.getLogger("gradviz.worker")

KNOWN = ("GRADVIZ_", "OMP_", "MKL_", "LC_")
"""How the names of variables begin that a confined worker keeps."""
NEEDED = frozenset(
    {
        *("HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "TORCH_HOME", "TZ", "XDG_CACHE_HOME"),
        *("SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "USERPROFILE"),
    }
)
"""Other variables that it keeps, the last line for macOS and Windows."""


def confine(*, keep_open: Sequence[int], memory_mb: int | None, models: bool = True) -> sandbox.Confinement:
    """Confine this process, and say what holds; where a wall is missing, the log says so too. Settings are as they were
    before. ``models`` says whether it will be asked about models: then the weights that other packages bring are read
    first, before any upload."""
    chosen = settings()
    if models and "torch" in sys.modules:
        importlib.import_module("torchvision")  # it makes a folder as it is imported, which fails later
        importlib.import_module("gradviz_core.models.preset_weights").read_packages()
    forget_the_environment()
    os.environ["MPLCONFIGDIR"] = tempfile.gettempdir()  # captum loads matplotlib, which wants a folder that is there
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # and would write to it
    sys.dont_write_bytecode = True
    held = sandbox.confine(
        read_trees=[PACKAGE, ASSETS, *checkpoints()],
        read_files_in=[chosen.store / kind for kind in KINDS],
        keep_open=keep_open,
        memory_mb=memory_mb or chosen.upload_memory_mb,
    )
    if not held.complete:
        log.error("%s", held.in_words())
    return held


def forget_the_environment() -> None:
    """Take every variable out of the environment that is not needed, secrets of the operator among them; and hide the
    GPU."""
    for name in list(os.environ):
        if name in SECRETS or not (name in NEEDED or name.startswith(KNOWN)):
            del os.environ[name]
    os.environ["CUDA_VISIBLE_DEVICES"] = ""


def checkpoints() -> list[Path]:
    """The folder where torch keeps pretrained weights; it is made if it is missing, for what is not there now cannot be
    read later."""
    if (torch := sys.modules.get("torch")) is None:
        return []
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    return [folder]
