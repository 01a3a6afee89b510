"""The folder of uploads is this user's alone: made so, tightened where it was wide, and refused where that cannot be.

Somebody else who can write to the folder could put another file in the place of an upload, and somebody who can read it
has every upload. So the folder and those inside belong to this user, nobody else may enter, neither they nor a file in
them is a link, and no folder above can be moved away by everybody (all may write to it, and it has no sticky bit).
What lay in a folder to which others could write is read again, and goes where it is not what its name says.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import stat
import sys
from pathlib import Path

from gradviz_core.errors import StoreFull

log = logging.getLogger("gradviz.service")

PRIVATE = 0o700
_OTHERS = 0o077
_OTHERS_WRITE = 0o022


def prepare(folder: Path, kinds: tuple[str, ...]) -> None:
    """Make ``folder`` with a folder of each kind in it, where they are missing, and let nobody else in.

    Raises:
        OSError: a folder cannot be made.
        StoreFull: one of them is a link, belongs to somebody else, or lies where everybody can replace it. The message
            is for the person who uploads; the log names the folder.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
    _refuse_replaceable(folder)
    wide = _tightened(folder)
    for kind in kinds:
        inner = folder / kind
        with contextlib.suppress(FileExistsError):
            inner.mkdir(mode=PRIVATE)
        wide |= _tightened(inner)
    if sys.platform != "win32":
        for kind in kinds:
            _tighten_files(folder / kind, read_again=wide)


def _tightened(folder: Path) -> bool:
    """Close one folder to all others; whether they could write to it until now."""
    found = folder.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise _refused(folder, "is a link; GRADVIZ_STORE must name the folder itself")
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(folder)
    if sys.platform == "win32":
        return False
    if found.st_uid != os.geteuid():
        raise _refused(folder, f"belongs to another user (number {found.st_uid})")
    if found.st_mode & _OTHERS:
        log.warning("%s was open to other users (mode %o) and is closed to them now", folder, found.st_mode & 0o7777)
        folder.chmod(PRIVATE)
    return bool(found.st_mode & _OTHERS_WRITE)


def _refuse_replaceable(folder: Path) -> None:
    """Raise ``StoreFull`` where everybody may rename the folder or one above it."""
    if sys.platform == "win32":
        return
    for above in folder.absolute().parents:
        mode = above.stat().st_mode
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            raise _refused(folder, f"lies in {above}, where every user can replace it")


def _tighten_files(folder: Path, *, read_again: bool) -> None:
    """Let only plain files of this user's stay, which nobody else can open; folders are left alone.

    With ``read_again`` a file named by a digest stays only where it has that digest. What another process of the app
    removes meanwhile is passed over.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                _tighten_file(entry, read_again=read_again)


def _tighten_file(entry: os.DirEntry[str], *, read_again: bool) -> None:
    found = entry.stat(follow_symlinks=False)
    if stat.S_ISDIR(found.st_mode):
        return
    path = Path(entry.path)
    sound = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()
    if sound and found.st_mode & _OTHERS:
        path.chmod(0o600)
    if not sound or (read_again and not _is_what_it_says(path)):
        log.warning("%s in the folder of uploads is not what its name says, and was removed", entry.name[:80])
        path.unlink()


def _is_what_it_says(path: Path) -> bool:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == path.name


def _refused(folder: Path, why: str) -> StoreFull:
    log.error("the folder of uploads is not used: %s %s", folder, why)
    return StoreFull(
        "Uploads are switched off because the upload folder is not safe; the server's log says why. Use a sample, or "
        "ask the operator of GradViz."
    )
