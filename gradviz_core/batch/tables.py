"""Parquet files, written whole and renamed; and what is said where the extra is not installed."""

from __future__ import annotations

import importlib.util
import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradviz_core.errors import ComputeError

if TYPE_CHECKING:
    import pyarrow as pa

NEEDED = ("pyarrow", "zarr", "tqdm")


def check_installed() -> None:
    """Raise ``ComputeError`` where the extra is not installed."""
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        raise ComputeError(
            f"gradviz batch needs {' and '.join(missing)}, not installed here. "
            'Run: pip install "gradviz_core[batch]", or in the folder with the source: pip install ".[batch]"'
        )


def write_whole(file: Path, data: bytes) -> None:
    """Write a file under another name and rename it, so that nobody ever reads half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    begun = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        with begun.open("wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        begun.replace(file)
    finally:
        begun.unlink(missing_ok=True)


def write(file: Path, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    """Rows as a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema), buffer, compression="zstd")
    write_whole(file, buffer.getvalue().to_pybytes())


def read(file: Path) -> list[dict[str, Any]]:
    """The rows of a Parquet file."""
    import pyarrow.parquet as pq

    found: list[dict[str, Any]] = pq.read_table(file, partitioning=None).to_pylist()
    return found


def count(file: Path) -> int:
    """How many rows a Parquet file has; -1 where it is not there."""
    import pyarrow.parquet as pq

    return int(pq.read_metadata(file).num_rows) if file.exists() else -1


def metadata(file: Path) -> dict[bytes, bytes]:
    """What was written beside the columns of a Parquet file."""
    import pyarrow.parquet as pq

    return dict(pq.read_metadata(file).metadata)
