"""Writing into the folder of a batch: first the maps of a shard, then its rows, each whole and renamed."""

from __future__ import annotations

import json
import warnings
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gradviz_core.batch import tables
from gradviz_core.batch.one_shard import Computed
from gradviz_core.batch.setup import Setup
from gradviz_core.batch.shards import UNREAD, Shard, rows_file
from gradviz_core.types import FloatArray

if TYPE_CHECKING:
    import pyarrow as pa

MADE_BY, ROUNDING = b"gradviz", b"float16_error"
"""In the metadata of a rows file: where and with what it was computed, and the largest error of float16."""


def make_arrays(folder: Path, setup: Setup, end: int) -> None:
    """The arrays of the maps, as long as the plan; those that are there grow."""
    import zarr
    from zarr.errors import ContainsArrayError

    root = zarr.open_group(folder / "maps.zarr", mode="a", zarr_format=3)
    for asked in setup.asked:
        for (site, shape), unit in zip(asked.shapes, asked.units, strict=True):
            with suppress(ContainsArrayError):  # begun before, or by another job at this moment
                root.create_array(
                    asked.array(site),
                    shape=(end, *shape),
                    chunks=(1, *shape),
                    shards=(setup.shard, *shape),
                    dtype="float16" if setup.float16 else "float32",
                    fill_value=float("nan"),
                    attributes={"question": json.loads(asked.text), "site": site, "unit": unit},
                )
            array = root[asked.array(site)]
            assert isinstance(array, zarr.Array)
            if array.shape[0] < end:
                array.resize((end, *shape))


def write(folder: Path, setup: Setup, shard: Shard, made: Computed, by: dict[str, Any]) -> None:
    """Write what was computed of a shard; ``by`` says where and with what."""
    import zarr

    error = 0.0
    asked = setup.asked[shard.asked]
    root = zarr.open_group(folder / "maps.zarr", mode="r+")
    for site, maps in made.maps.items():
        array = root[asked.array(site)]
        assert isinstance(array, zarr.Array)
        if setup.float16:
            with np.errstate(over="ignore"):
                rounded = maps.astype(np.float16)
            error = max(error, rounding(maps, rounded))
            array[shard.first : shard.last] = rounded
        else:
            array[shard.first : shard.last] = maps
    unread = [row.position for row in made.rows if row.unread]
    said = {MADE_BY: json.dumps(by, sort_keys=True), ROUNDING: repr(error), UNREAD: json.dumps(unread)}
    schema = _schema().with_metadata({name: text.encode() for name, text in said.items()})
    tables.write(rows_file(folder, setup, shard), [asdict(row) for row in made.rows], schema)


def rounding(maps: FloatArray, rounded: np.ndarray) -> float:
    """The largest |float16 - float32| of an image's map, relative to the largest number of that map."""
    flat, other = (each.reshape(len(maps), -1).astype(np.float64) for each in (maps, rounded))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a map that is NaN everywhere is no map
        largest = np.nanmax(np.abs(flat), axis=1)
        differs = np.nanmax(np.abs(flat - other), axis=1)
    found = differs[largest > 0] / largest[largest > 0]
    return float(found.max()) if found.size else 0.0


def _schema() -> pa.Schema:
    import pyarrow as pa

    whole, text = pa.int64(), pa.string()
    kinds = {"position": whole, "predicted": whole, "sha256": text, "target": text, "prediction": text, "error": text}
    numbers = ("probability", "score", "l1", "l2", "gap", "seconds")
    return pa.schema([*kinds.items(), *((name, pa.float64()) for name in numbers)])
