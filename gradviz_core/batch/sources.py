"""Which images there are: in folders, lists, tables and tar archives."""

from __future__ import annotations

import csv
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gradviz_core.errors import BadImage, GradVizError, QuestionError
from gradviz_core.settings import settings
from gradviz_core.uploads import own_files

ENDINGS = frozenset(".png .jpg .jpeg .webp .avif .bmp .tif .tiff .gif .heic .heif .dcm .npy".split())
"""What is taken for an image in a folder or an archive."""
LISTS = frozenset({".txt", ".lst", ".list"})
LABEL = ".cls"
"""The ending of what WebDataset calls the class of a sample."""
LONGEST_LABEL = 300


@dataclass(frozen=True, slots=True)
class Found:
    """An image, before anything of it is read."""

    name: str
    """As a person wrote it: the path, or ``archive.tar/path``."""
    file: str
    """The path of the file that holds it."""
    offset: int = 0
    """Where it begins in that file, and how long it is: -1 for the whole file."""
    length: int = -1
    label: str = ""
    id: str = ""

    @property
    def place(self) -> str:
        """Where it lies: the path of its file, or ``archive.tar/path``."""
        return self.file if self.length < 0 else self.name

    @property
    def row(self) -> tuple[str, str, str]:
        """What tells its row in the results from every other."""
        return self.place, self.label, self.id


def find(named: Iterable[str]) -> list[Found]:
    """The images in order: folders sorted by path, lists, tables and archives as they are written. A file that is named
    again counts again where its label or id is another.

    Raises:
        QuestionError: there is no such file, it cannot be read as what its ending says, or there is no image at all.
    """
    found = [one for text in named for one in _in(text)]
    if not found:
        raise QuestionError(f"No images were found. Files with these endings are taken: {', '.join(sorted(ENDINGS))}.")
    return list({one.row: one for one in found}.values())


def read(one: Found) -> bytes:
    """The bytes of an image. Raises ``BadImage`` where they cannot be read, or are over the limit."""
    limit = settings().upload_bytes
    if one.length < 0:
        return own_files.read(Path(one.file), limit, BadImage)
    if one.length > limit:
        raise BadImage(f"{one.name} has more than {limit / 1e6:g} MB, which is the limit. Choose a smaller file.")
    try:
        with Path(one.file).open("rb") as opened:
            opened.seek(one.offset)
            return opened.read(one.length)
    except OSError as error:
        raise BadImage(f"{one.file} cannot be read: {error.strerror or error}.") from None


def _in(text: str) -> Iterator[Found]:
    path = Path(text)
    try:
        if path.is_dir():
            yield from _in_folder(path)
        elif not path.is_file():
            raise QuestionError(f"There is no file or folder {text[:300]!r}. Name one that is there.")
        elif path.suffix.lower() in LISTS:
            yield from _in_list(path)
        elif path.suffix.lower() == ".csv":
            with path.open(encoding="utf-8-sig", newline="") as opened:
                yield from _in_table(path, csv.DictReader(opened))
        elif path.suffix.lower() == ".parquet":
            yield from _in_table(path, _rows_of_parquet(path))
        elif path.suffix.lower() == ".tar":
            yield from _in_archive(path)
        elif path.suffix.lower() in ENDINGS:
            yield Found(text, str(path))
        else:
            raise QuestionError(
                f"{text[:300]} is no list of images that is read. Name a folder, a text list (.txt), a table (.csv or "
                ".parquet with a column image), a .tar that is not compressed, or an image."
            )
    except (OSError, UnicodeDecodeError, csv.Error, tarfile.TarError, ValueError) as error:
        if isinstance(error, GradVizError):
            raise
        raise QuestionError(f"{text[:300]} cannot be read: {error}. Write it again, or name another.") from None


def _in_folder(folder: Path) -> Iterator[Found]:
    files = (path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
    shown = sorted((path.as_posix(), path) for path in files if not _hidden(path.relative_to(folder).parts))
    return (Found(name, str(path)) for name, path in shown)


def _in_list(file: Path) -> Iterator[Found]:
    """One path a line, from the folder of the list."""
    lines = file.read_text(encoding="utf-8-sig").splitlines()
    return (_beside(file, line.strip()) for line in lines if line.strip())


def _in_table(file: Path, rows: Iterable[dict[str, object]]) -> Iterator[Found]:
    for number, row in enumerate(rows):
        if row.get("image") in (None, ""):
            raise QuestionError(f"{file} has no image in row {number + 1}. Its columns are image, label and id.")
        yield _beside(file, str(row["image"]), _text(row.get("label")), _text(row.get("id")))


def _rows_of_parquet(file: Path) -> Iterator[dict[str, object]]:
    import pyarrow.parquet as pq

    for part in pq.ParquetFile(file).iter_batches():
        yield from part.to_pylist()


def _in_archive(file: Path) -> Iterator[Found]:
    """The images of a tar in its order, and the label that lies beside one under the same name."""
    images: dict[str, Found] = {}
    labels: dict[str, str] = {}
    with tarfile.open(file, "r:") as archive:
        for member in archive:
            if not member.isreg() or _hidden(PurePosixPath(member.name).parts):
                continue
            sample, dot, ending = member.name.rpartition("/")[2].partition(".")
            key = member.name[: len(member.name) - len(dot + ending)] if dot else member.name
            if f".{ending.lower().rpartition('.')[2]}" in ENDINGS:
                name = f"{file.as_posix()}/{member.name}"
                images[name] = Found(name, str(file), member.offset_data, member.size, id=key if sample else "")
            elif f".{ending.lower()}" == LABEL and (opened := archive.extractfile(member)):
                labels[key] = opened.read(LONGEST_LABEL).decode("utf-8", "replace").strip()
    return (
        Found(one.name, one.file, one.offset, one.length, labels.get(one.id, ""), one.id) for one in images.values()
    )


def _beside(file: Path, path: str, label: str = "", name: str = "") -> Found:
    return Found(path, str(file.parent / path), label=label, id=name)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _hidden(parts: Sequence[str]) -> bool:
    return any(part.startswith(".") for part in parts)
