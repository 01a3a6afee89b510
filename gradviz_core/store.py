"""The folder that holds uploads: files under the SHA-256 of their bytes, and recipes under that of their text.

    <store>/files/<sha256>      images and model files
    <store>/recipes/<sha256>    recipes, as canonical JSON
    <store>/arriving/<random>   what is still on its way in

The compute service writes here, nobody else. Confined workers read single files by name: what they use of a ``Store``
neither lists a folder nor writes. What is kept goes when nobody has used it for a number of days; where the folder is
full, what nobody has used for a day makes room, the longest unused first, so that nobody can fill it for good.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import secrets
import threading
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import IO

from gradviz_core.cards import Recipe
from gradviz_core.codec import recipe_from_json, recipe_to_json
from gradviz_core.errors import StoreFull, UnknownImage, UnknownModel
from gradviz_core.settings import settings

KINDS = ("files", "recipes", "arriving")
BLOCK = 4096
"""Every file is counted in blocks of this many bytes, as disks do it, so that many small ones are not free."""
ARRIVAL_S = 3600.0
"""Seconds after which a file that is still arriving is taken for left behind."""
SPARED_S = 86400.0
"""Seconds after its last use for which an upload never makes room for another."""
RECOUNT_S = 60.0
"""Seconds for which a count of the folder is believed before a file is refused for want of room."""
_HEX = frozenset("0123456789abcdef")


@lru_cache(maxsize=1)
def here() -> Store:
    """The store of this process's settings."""
    chosen = settings()
    return Store(chosen.store, int(chosen.store_mb * 1_000_000), chosen.store_days)


def digest(key: str) -> str | None:
    """The digest in a key ``upload/<sha256>``; None for any other key."""
    kind, _, name = key.partition("/")
    return name if kind == "upload" and _is_hex(name, 64) else None


class Store:
    """A folder of uploads; any number of threads may use it at once."""

    def __init__(self, folder: Path, most_bytes: int, days: float) -> None:
        """Nothing is read or written yet."""
        self.folder, self._most, self._days = folder, most_bytes, days
        self._lock = threading.Lock()
        self._held = 0
        """Bytes that lie in the folder, as last counted, and since then kept."""
        self._promised = 0
        """Bytes of files that are arriving."""
        self._counted: float | None = None

    # -------------------------------------------------------------------------------------- reading, by name and alone

    def file(self, digest: str) -> Path:
        """Where the file with this digest lies, if it is here. Raises ``ValueError`` for what is no digest."""
        return self._place("files", digest, 64)

    def arriving(self, name: str) -> Path:
        """Where a file lies that is being looked at. Raises ``ValueError`` for what is no such name."""
        return self._place("arriving", name, 32)

    def image(self, digest: str) -> bytes:
        """The bytes of an uploaded image. Raises ``UnknownImage`` where it is not here, or no longer."""
        try:
            return self.file(digest).read_bytes()
        except (OSError, ValueError) as error:
            raise UnknownImage(self._gone("image")) from error

    def opened_image(self, key: str) -> IO[bytes]:
        """The file of an uploaded image, to be read in parts. Raises ``UnknownImage`` where it is not here, or no
        longer, or ``key`` is no upload's."""
        try:
            return self.file(digest(key) or "").open("rb")
        except (OSError, ValueError) as error:
            raise UnknownImage(self._gone("image")) from error

    def model(self, digest: str) -> bytes:
        """The bytes of an uploaded model file. Raises ``UnknownModel`` where it is not here, or no longer."""
        try:
            return self.file(digest).read_bytes()
        except (OSError, ValueError) as error:
            raise UnknownModel(self._gone("model")) from error

    def recipe(self, digest: str) -> Recipe:
        """The recipe with this digest. Raises ``UnknownModel`` where it is not here, or no longer."""
        try:
            text = self._place("recipes", digest, 64).read_bytes()
        except (OSError, ValueError) as error:
            raise UnknownModel(self._gone("model")) from error
        return recipe_from_json(text)

    # ------------------------------------------------------------------------------------------- writing: the service's

    def put(self, data: bytes | memoryview) -> str:
        """Keep these bytes, and return their digest; twice is once.

        Raises:
            StoreFull: there is no room for them, or the folder cannot be written.
        """
        with self.receive(len(data)) as arrival:
            arrival.write(data)
            return arrival.keep()

    def receive(self, size: int) -> Arrival:
        """Make room for a file of ``size`` bytes that comes in parts. Raises ``StoreFull`` where there is none."""
        self._promise(_on_disk(size))
        try:
            with _writing():
                return Arrival(self, self.arriving(secrets.token_hex(16)), size)
        except BaseException:
            self._settle(_on_disk(size))
            raise

    def keep_recipe(self, recipe: Recipe) -> str:
        """Keep a recipe whose file is here, and return its digest.

        Raises:
            UnknownModel: the file is not here, or no longer.
            BadModel: the recipe breaks a limit.
            StoreFull: as ``put`` does.
        """
        text = recipe_to_json(recipe).encode()
        if not (_is_hex(recipe.file, 64) and self.file(recipe.file).is_file()):
            raise UnknownModel(self._gone("model"))
        with self.receive(len(text)) as arrival:
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
        """Make the folders where they are missing, remove what nobody used for too long and what was left behind half
        written, and count the rest. Raises ``StoreFull`` where the folder cannot be written."""
        with self._lock, _writing():
            self._sweep()

    def _sweep(self) -> None:
        held, now = 0, time.time()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for kind in KINDS:
            folder = self.folder / kind
            folder.mkdir(exist_ok=True, mode=0o700)
            most_s = ARRIVAL_S if kind == "arriving" else self._days * 86400
            with os.scandir(folder) as entries:
                for entry in entries:
                    with contextlib.suppress(FileNotFoundError):
                        found = entry.stat(follow_symlinks=False)
                        if now - found.st_mtime > most_s:
                            Path(entry.path).unlink()
                        elif kind != "arriving":
                            held += _on_disk(found.st_size)
        self._held, self._counted = held, time.monotonic()

    def _promise(self, size: int) -> None:
        with self._lock, _writing():
            if self._counted is None or (not self._fits(size) and time.monotonic() - self._counted > RECOUNT_S):
                self._sweep()
            if not self._fits(size):
                self._make_room(size)
            if not self._fits(size):
                raise StoreFull(
                    f"There is no room for {size / 1e6:.1f} MB more: uploads may take {self._most / 1e6:g} MB in all "
                    "here, and all of them were used within the last day. Try later, or ask whoever runs GradViz to "
                    "raise GRADVIZ_STORE_MB."
                )
            self._promised += size

    def _make_room(self, size: int) -> None:
        """Remove what nobody has used for a day, the longest unused first, until ``size`` bytes fit. Nothing is removed
        where they never could."""
        unused: list[tuple[float, int, Path]] = []
        for kind in ("files", "recipes"):
            with os.scandir(self.folder / kind) as entries:
                for entry in entries:
                    with contextlib.suppress(FileNotFoundError):
                        found = entry.stat(follow_symlinks=False)
                        if time.time() - found.st_mtime > SPARED_S:
                            unused.append((found.st_mtime, _on_disk(found.st_size), Path(entry.path)))
        if not self._fits(size - sum(held for _, held, _ in unused)):
            return
        for _, held, path in sorted(unused):
            if self._fits(size):
                return
            path.unlink(missing_ok=True)
            self._held -= held

    def _fits(self, size: int) -> bool:
        return self._held + self._promised + size <= self._most

    def _settle(self, size: int) -> None:
        with self._lock:
            self._promised -= size

    def _move(self, arrived: Path, kind: str, digest: str, size: int) -> None:
        """One rename, so that nobody ever reads half a file; over an equal one, where it is here already."""
        place = self._place(kind, digest, 64)
        with self._lock, _writing():
            new = not place.exists()
            os.utime(arrived)
            arrived.replace(place)
            self._held += _on_disk(size) if new else 0

    def _touch(self, kind: str, digest: str) -> None:
        with self._lock:
            os.utime(self._place(kind, digest, 64))

    def _place(self, kind: str, name: str, length: int) -> Path:
        if not _is_hex(name, length):
            raise ValueError(f"{name[:80]!r} is no name of an upload.")
        return self.folder / kind / name

    def _gone(self, what: str) -> str:
        return (
            f"The uploaded {what} behind this address is no longer here: uploads are kept for {self._days:g} days "
            "after they were last used. Upload it again."
        )


class Arrival:
    """A file on its way in. Used in a ``with``: what is not kept by its end is gone."""

    def __init__(self, store: Store, path: Path, size: int) -> None:
        self._store, self._path, self._size = store, path, size
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self._out = io.FileIO(os.open(path, flags, 0o600), "wb")
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
        self._out.close()
        self._store._move(self._path, kind, digest, self._size - self._left)
        return digest

    def __enter__(self) -> Arrival:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._out.close()
        with contextlib.suppress(OSError):
            self._path.unlink()
        self._store._settle(_on_disk(self._size))


@contextlib.contextmanager
def _writing() -> Iterator[None]:
    """A disk that is full, over a quota of its own or read-only: one sentence for all."""
    try:
        yield
    except OSError as error:
        raise StoreFull(
            "The file could not be kept: the folder for uploads is full or cannot be written. Use a sample, or ask "
            "whoever runs GradViz to make room."
        ) from error


def _on_disk(size: int) -> int:
    return max(1, -(-size // BLOCK)) * BLOCK


def _is_hex(name: str, length: int) -> bool:
    return len(name) == length and set(name) <= _HEX
