"""What a test may leave behind: nothing. No hook, no gradient, no process, and no file in the temporary folder."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.util import Finalize
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import psutil  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from torch import nn

PATIENCE_S = 30.0
"""A process that was told to end, and the files that it holds, may take so long to go."""
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks", "_state_dict_hooks")
GLOBAL_HOOKS = (
    "_global_forward_hooks",
    "_global_forward_pre_hooks",
    "_global_backward_hooks",
    "_global_backward_pre_hooks",
    "_global_module_registration_hooks",
    "_global_parameter_registration_hooks",
    "_global_buffer_registration_hooks",
)
STAYS = ("multiprocessing.resource_tracker", "torchinductor_")
"""A process that Python, and a folder that torch begins when it is first needed and keeps: words of their names."""
AFTER_ITS_FOLDER = -200
"""multiprocessing removes its own temporary folder with the priority -100 as a process ends, and complains where that
is gone already."""
FORK_SERVER = "multiprocessing.forkserver"
"""In the commands of a process that Python begins with the first pool of workers and keeps, and of its workers."""


def hooks() -> Iterator[str]:
    """Hooks on every module, and on the models that are kept."""
    torch_modules = sys.modules.get("torch.nn.modules.module")
    for name in GLOBAL_HOOKS if torch_modules else ():
        if found := getattr(torch_modules, name):
            yield f"{len(found)} of torch's {name}"
    for key, model in _kept_models():
        for path, module in model.named_modules():
            yield from (f"{name} of {key} at {path!r}" for name in HOOKS if getattr(module, name))


def hooks_so_far() -> int:
    """How many hooks were registered since the process began, removed ones too: where none was, none can be left."""
    torch_hooks = sys.modules.get("torch.utils.hooks")
    return int(torch_hooks.RemovableHandle.next_id) if torch_hooks else 0


_parameters: WeakKeyDictionary[nn.Module, list[tuple[str, nn.Parameter]]] = WeakKeyDictionary()
"""Of each model that is kept: to walk through its modules after each test would take longer than many tests."""


def gradients() -> Iterator[str]:
    """Parameters of the models that are kept whose ``grad`` is set."""
    for key, model in _kept_models():
        if model not in _parameters:
            _parameters[model] = list(model.named_parameters())
        yield from (f"the gradient of {name} of {key}" for name, one in _parameters[model] if one.grad is not None)


def _kept_models() -> list[tuple[str, nn.Module]]:
    answering = sys.modules.get("gradviz_core.answering")
    if answering is None or not answering._inline.cache_info().currsize:
        return []
    return [(key, model.module) for (key, _), model in answering._inline()._models._models.items()]


def processes() -> Iterator[str]:
    """Processes that this one has started and that run; of the server that forks workers, its workers."""
    for pid in _children():
        try:
            process = psutil.Process(pid)
            command = " ".join(process.cmdline())
            if FORK_SERVER in command:
                yield from (f"worker {worker.pid} of process {pid}" for worker in process.children())
            elif process.status() != psutil.STATUS_ZOMBIE and not _stays(command):
                yield f"process {pid}: {command[:200]}"
        except psutil.NoSuchProcess:
            continue


def _children() -> list[int]:
    threads = Path("/proc/self/task")
    if not (threads / str(os.getpid()) / "children").exists():
        return [child.pid for child in psutil.Process().children()]
    found = list[int]()
    for thread in threads.iterdir():
        try:
            found += map(int, (thread / "children").read_text().split())
        except OSError:
            continue
    return found


def files() -> Iterator[str]:
    """What lies in the temporary folder, but for the one of Python's own that this process keeps to its end."""
    own = getattr(multiprocessing.current_process(), "_config", {})
    kept = Path(own.get("tempdir") or "").name
    yield from (f"in the temporary folder: {name}" for name in _names(tempfile.gettempdir()) if name != kept)


def _names(folder: str) -> list[str]:
    return [path.name for path in Path(folder).iterdir() if not _stays(path.name)]


def _stays(name: str) -> bool:
    return any(words in name for words in STAYS)


class Watch:
    """Notes what is there, and says later what has come to it."""

    def __init__(self) -> None:
        self._there = {*processes(), *files(), *gradients()}
        self._hooks = hooks_so_far()

    def left(self) -> list[str]:
        """What was not there before."""
        end = time.monotonic() + PATIENCE_S
        while (slow := self._come(processes, files)) and time.monotonic() < end:
            time.sleep(0.02)
        hooked = set(hooks()) if hooks_so_far() != self._hooks else set()
        return sorted(slow | hooked | self._come(gradients))

    def _come(self, *looks: Callable[[], Iterator[str]]) -> set[str]:
        return {one for look in looks for one in look()} - self._there


@contextmanager
def folder_of_a_server() -> Iterator[str]:
    """A temporary folder for a server, and for all that it starts: what lies in it while several tests share the server
    is not what one of them has left. Once the server has ended it is empty."""
    folder = tempfile.mkdtemp(prefix="s-")
    yield folder
    end = time.monotonic() + PATIENCE_S
    while (left := _names(folder)) and time.monotonic() < end:
        time.sleep(0.02)
    shutil.rmtree(folder)
    assert not left, left


def own_temporary_folder() -> Callable[[], None]:
    """Give this process, and those that it starts, a temporary folder where nobody else leaves anything. Calling what
    is returned ends that; the folder goes with the process, after the one that multiprocessing has in it."""
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())  # where pytest's own folders are
    folder = tempfile.mkdtemp(prefix="gv-")  # a socket's path must be short
    before, tempfile.tempdir = tempfile.tempdir, folder
    variable, os.environ["TMPDIR"] = os.environ.get("TMPDIR"), folder

    def undo() -> None:
        tempfile.tempdir = before
        if variable is None:
            del os.environ["TMPDIR"]
        else:
            os.environ["TMPDIR"] = variable

    Finalize(None, shutil.rmtree, (folder, True), exitpriority=AFTER_ITS_FOLDER)
    return undo
