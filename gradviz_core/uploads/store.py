"""The folder that holds uploads: files under the SHA-256 of their bytes, and recipes under that of their text.

    <store>/files/<sha256>      images and model files
    <store>/recipes/<sha256>    recipes, as canonical JSON
    <store>/arriving/<random>   what is still on its way in
    <store>/holders/...         who brought what (``holders.py``)

The compute service writes here, nobody else. Confined workers read single files by name: what they use of a ``Store``
neither lists a folder nor writes. What is kept goes when nobody has used it for a number of days; where the folder is
full, what nobody has used for a day makes room, the longest unused first, and then whoever holds the most gives way to
those who hold less, so that nobody can fill it for the others.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import io
import os
import secrets
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import IO

from gradviz_core.errors import StoreFull, UnknownImage, UnknownModel
from gradviz_core.settings import settings
from gradviz_core.text.codec import recipe_from_json, recipe_to_json
from gradviz_core.types import keys
from gradviz_core.types.cards import Recipe
from gradviz_core.uploads import own_files
from gradviz_core.uploads.holders import NOBODY, Holders, Kept, giving_way
from gradviz_core.uploads.store_folder import prepare

fcntl = importlib.import_module("fcntl") if os.name == "posix" else None
KINDS = ("files", "recipes", "arriving")
BLOCK = 4096
"""Every file is counted in blocks of this many bytes, as disks do it, so that many small ones are not free."""
ARRIVAL_S = 3600.0
"""Seconds after which a file that is still arriving is taken for left behind."""
SPARED_S = 86400.0
"""Seconds after its last use for which an upload makes no room for another, but where its holder holds the most."""
RECOUNT_S = 60.0
"""Seconds for which a count of the folder is believed before a file is refused for want of room."""
_HEX = frozenset("0123456789abcdef")


@lru_cache(maxsize=1)
def here() -> Store:
    """The store of this process's settings."""
    chosen = settings()
    return Store(chosen.store, int(chosen.store_mb * 1_000_000), chosen.store_days)


class Store:
    """A folder of uploads; any number of threads may use it at once."""

    def __init__(self, folder: Path, most_bytes: int, days: float) -> None:
        """Nothing is read or written yet."""
        self.folder, self._most, self._days = folder, most_bytes, days
        self._lock = threading.Lock()
        self._held = 0
        """Bytes that lie in the folder, as last counted, and since then kept."""
        self._promised: Counter[str] = Counter()
        """Bytes of files that are arriving, by the mark of who brings them."""
        self._counted: float | None = None
        self._holders = Holders(folder / "holders")

    # -------------------------------------------------------------------------------------- reading, by name and alone

    def file(self, digest: str) -> Path:
        """Where the file with this digest lies, if it is here. Raises ``ValueError`` for what is no digest."""
        return self._place("files", digest, 64)

    def arriving(self, name: str) -> Path:
        """Where a file lies that is being looked at. Raises ``ValueError`` for what is no such name."""
        return self._place("arriving", name, 32)

    def image(self, digest: str) -> bytes:
        """The bytes of an uploaded image. Raises ``UnknownImage`` where it is not here, or no longer."""
        if (lent := own_files.found(digest)) is not None:
            return lent
        try:
            return self.file(digest).read_bytes()
        except (OSError, ValueError) as error:
            raise UnknownImage(self._gone("image")) from error

    def opened_image(self, key: str) -> IO[bytes]:
        """The file of an uploaded image, to be read in parts. Raises ``UnknownImage`` where it is not here, or no
        longer, or ``key`` is no upload's."""
        try:
            return self.file(keys.digest(key) or "").open("rb")
        except (OSError, ValueError) as error:
            raise UnknownImage(self._gone("image")) from error

    def model(self, digest: str) -> bytes:
        """The bytes of an uploaded model file. Raises ``UnknownModel`` where it is not here, or no longer."""
        if (lent := own_files.found(digest)) is not None:
            return lent
        try:
            return self.file(digest).read_bytes()
        except (OSError, ValueError) as error:
            raise UnknownModel(self._gone("model")) from error

    def recipe(self, digest: str) -> Recipe:
        """The recipe with this digest. Raises ``UnknownModel`` where it is not here, or no longer."""
        if (lent := own_files.found(digest)) is not None:
            return recipe_from_json(lent)
        try:
            text = self._place("recipes", digest, 64).read_bytes()
        except (OSError, ValueError) as error:
            raise UnknownModel(self._gone("model")) from error
        return recipe_from_json(text)

    # ------------------------------------------------------------------------------------------- writing: the service's

    def put(self, data: bytes | memoryview, holder: str = "") -> str:
        """Keep these bytes, and return their digest; twice is once. ``holder`` names whoever brought them.

        Raises:
            StoreFull: there is no room for them, or the folder cannot be written.
        """
        with self.receive(len(data), holder) as arrival:
            arrival.write(data)
            return arrival.keep()

    def receive(self, size: int, holder: str = "") -> Arrival:
        """Make room for a file of ``size`` bytes that comes in parts.

        ``holder`` names whoever brings it, such as the address of a client; empty where that is not known.

        Raises:
            StoreFull: there is no room for it.
        """
        mark = self._promise(_on_disk(size), holder)
        try:
            with _writing():
                return Arrival(self, self.arriving(secrets.token_hex(16)), size, mark)
        except BaseException:
            self._settle(_on_disk(size), mark)
            raise

    def keep_recipe(self, recipe: Recipe, holder: str = "") -> str:
        """Keep a recipe whose file is here, and return its digest. ``holder`` is as in ``receive``.

        Raises:
            UnknownModel: the file is not here, or no longer.
            BadModel: the recipe breaks a limit.
            StoreFull: as ``put`` does.
        """
        text = recipe_to_json(recipe).encode()
        if not (_is_hex(recipe.file, 64) and self.file(recipe.file).is_file()):
            raise UnknownModel(self._gone("model"))
        with self.receive(len(text), holder) as arrival:
            arrival.write(text)
            return arrival.keep("recipes")

    def touch_image(self, digest: str) -> None:
        """Note that an image was used. Raises ``UnknownImage`` where it is not here, or no longer."""
        try:
            self._touch("files", digest)
        except (OSError, ValueError) as error:
            raise UnknownImage(self._gone("image")) from error

    def touch_model(self, digest: str) -> None:
        """Note that a recipe was used, and the file it names. Raises ``UnknownModel`` where one of them is not here, or
        no longer."""
        recipe = self.recipe(digest)
        try:
            self._touch("recipes", digest)
            self._touch("files", recipe.file)
        except (OSError, ValueError) as error:
            raise UnknownModel(self._gone("model")) from error

    def sweep(self) -> None:
        """Make the folders where they are missing, close them to other users, remove what nobody used for too long and
        what was left behind half written, and count the rest. Raises ``StoreFull`` where the folder cannot be written,
        or cannot be this user's alone."""
        with self._lock, _writing():
            self._sweep()

    def _sweep(self) -> None:
        self._counted = None
        prepare(self.folder, (*KINDS, "holders"))
        now = time.time()
        for path, found in self._entries(KINDS):
            arriving = path.parent.name == "arriving"
            most_s = ARRIVAL_S if arriving else self._days * 86400
            if now - found.st_mtime > most_s or (arriving and _left_behind(path)):
                path.unlink(missing_ok=True)
        kept = [*self._entries(("files", "recipes"))]
        self._holders.forget_all_but(path.name for path, _ in kept)
        self._held, self._counted = sum(_on_disk(found.st_size) for _, found in kept), time.monotonic()

    def _entries(self, kinds: Sequence[str]) -> Iterator[tuple[Path, os.stat_result]]:
        """Every file in the folders of these kinds."""
        for kind in kinds:
            with os.scandir(self.folder / kind) as entries:
                for entry in entries:
                    with contextlib.suppress(FileNotFoundError):
                        if not entry.is_dir(follow_symlinks=False):
                            yield Path(entry.path), entry.stat(follow_symlinks=False)

    def _promise(self, size: int, holder: str) -> str:
        """Promise room to a holder, whose mark is returned. Raises ``StoreFull`` where there is none."""
        with self._lock, _writing():
            if self._counted is None or (not self._fits(size) and time.monotonic() - self._counted > RECOUNT_S):
                self._sweep()
            mark = self._holders.mark(holder)
            if not self._fits(size):
                self._make_room(size, mark)
            if not self._fits(size):
                raise StoreFull(
                    f"There is no space for another {size / 1e6:.1f} MB. Uploads may take up to "
                    f"{self._most / 1e6:g} MB here; all of them were used within the last day, and nobody has uploaded "
                    "more than you would have with this file. Try again later, or ask the operator of GradViz to raise "
                    "GRADVIZ_STORE_MB."
                )
            self._promised[mark] += size
            return mark

    def _make_room(self, size: int, mark: str) -> None:
        """Remove what nobody has used for a day, the longest unused first, until ``size`` bytes fit; where that is not
        enough, whoever holds the most gives way to the one with this mark. Nothing is removed where they never fit."""
        marks, now = self._holders.all(), time.time()
        kept = [
            Kept(path, found.st_mtime, _on_disk(found.st_size), marks.get(path.name, frozenset({NOBODY})))
            for path, found in self._entries(("files", "recipes"))
        ]
        needed = self._held + self._promised.total() + size - self._most
        kept.sort(key=lambda one: one.used)
        count = 0
        while needed > 0 and count < len(kept) and now - kept[count].used > SPARED_S:
            needed -= kept[count].size
            count += 1
        leaving, rest = kept[:count], kept[count:]
        if needed > 0:
            holds = sum(one.size for one in rest if mark in one.holders) + self._promised[mark] + size
            giving = giving_way(rest, needed, holds)
            if not giving:
                return
            leaving += giving
        for one in leaving:
            one.path.unlink(missing_ok=True)
            self._held -= one.size

    def _fits(self, size: int) -> bool:
        return self._held + self._promised.total() + size <= self._most

    def _settle(self, size: int, mark: str) -> None:
        with self._lock:
            self._promised[mark] -= size
            if not self._promised[mark]:
                del self._promised[mark]

    def _move(self, arrived: Path, kind: str, digest: str, size: int, mark: str) -> None:
        """One rename, so that nobody ever reads half a file; over an equal one, where it is here already."""
        place = self._place(kind, digest, 64)
        with self._lock, _writing():
            new = not place.exists()
            self._holders.note(digest, mark, first=new)
            os.utime(arrived)
            arrived.replace(place)
            self._held += _on_disk(size) if new else 0

    def _touch(self, kind: str, digest: str) -> None:
        with self._lock:
            if self._counted is None:
                self._sweep()  # nothing is read out of a folder that others can write to
            os.utime(self._place(kind, digest, 64))

    def _place(self, kind: str, name: str, length: int) -> Path:
        if not _is_hex(name, length):
            raise ValueError(f"{name[:80]!r} is not the name of an upload.")
        return self.folder / kind / name

    def _gone(self, what: str) -> str:
        return (
            f"The uploaded {what} of this address has been removed: uploads are kept for {self._days:g} days after "
            "they were last used. Upload it again."
        )


class Arrival:
    """A file on its way in. Used in a ``with``: what is not kept by its end is gone."""

    def __init__(self, store: Store, path: Path, size: int, mark: str) -> None:
        self._store, self._path, self._size, self._mark = store, path, size, mark
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        begun = path.with_suffix(".new") if fcntl else path  # Windows renames no open file
        self._out = io.FileIO(os.open(begun, flags, 0o600), "wb")
        if begun != path:
            _is_mine(self._out)
            begun.rename(path)  # under this name it is locked from the first moment on
        self._sha, self._left = hashlib.sha256(), size

    @property
    def name(self) -> str:
        """As ``Store.arriving`` takes it."""
        return self._path.name

    @property
    def left(self) -> int:
        """Bytes that are still to come."""
        return self._left

    @property
    def digest(self) -> str:
        """SHA-256 of what has come."""
        return self._sha.hexdigest()

    def write(self, part: bytes | memoryview) -> None:
        """Add the next bytes. Raises ``StoreFull`` where the disk is full, ``ValueError`` beyond the size named."""
        if len(part) > self._left:
            raise ValueError(f"{len(part)} bytes came, {self._left} were to come.")
        rest = memoryview(part)
        with _writing():
            while rest:
                rest = rest[self._out.write(rest) :]
        self._sha.update(part)
        self._left -= len(part)

    def keep(self, kind: str = "files") -> str:
        """Keep the file under its digest, which is returned. Raises ``StoreFull`` where that cannot be."""
        digest = self.digest
        with _writing():
            os.fsync(self._out.fileno())  # or its name might outlive its bytes where the power fails
        if not fcntl:
            self._out.close()  # Windows renames no open file; elsewhere it stays locked until it has its name
        self._store._move(self._path, kind, digest, self._size - self._left, self._mark)
        return digest

    def __enter__(self) -> Arrival:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._out.close()
        with contextlib.suppress(OSError):
            self._path.unlink()
        self._store._settle(_on_disk(self._size), self._mark)


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    """A disk that is full, over a quota of its own or read-only: one sentence for all."""
    try:
        yield
    except OSError as error:
        raise StoreFull(
            "The file could not be stored: the upload folder is full or not writable. Use a sample, or ask the "
            "operator of GradViz to make room."
        ) from error


def _left_behind(path: Path) -> bool:
    """Whether the service that was writing this file has ended."""
    if not path.suffix:
        with contextlib.suppress(OSError), path.open("rb") as file:
            return _is_mine(file)
    return False


def _is_mine(file: IO[bytes]) -> bool:
    """Lock a file until it is closed or this process ends; False where another one holds it, or no file can be
    locked."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _on_disk(size: int) -> int:
    return max(1, -(-size // BLOCK)) * BLOCK


def _is_hex(name: str, length: int) -> bool:
    return len(name) == length and set(name) <= _HEX
